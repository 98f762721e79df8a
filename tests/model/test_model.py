"""The model of an epoch's life holds, and every defect planted in it is found by its own property."""

from functools import partial

import pytest

from scripts import model

pytestmark = pytest.mark.timeout(2 * model.TIMEOUT_SECONDS)
ONCE = "paid==1"                            # settled or given back, never both, neither twice
FORFEIT = ".junk)"                          # bonds lost in Settled or Empty alone, never by a true reveal
DARK = "(shown)||deep"                      # nobody changes a set of which an order is open
BOUND = ".stray)"                           # a reveal counts for the set that its owner signed for
ACCOUNTABLE = "tip.settled))&&(number>="    # slashed only with reveals, unsettled, past the deadline
STAKE = "tip.stake==1"                      # a reservation ends once
ENDS = "acceptance cycle"                   # the honest order ends settled or reclaimed, the stake free or slashed

FOUND_BY = {
    "M_RECLAIM_SETTLING": ("safety", ONCE),
    "M_RECLAIM_SETTLED": ("safety", FORFEIT),
    "M_RECLAIM_TWICE": ("safety", ONCE),
    "M_REVEAL_CANCELLED": ("safety", ONCE),
    "M_SETTLE_LATE": ("safety", ONCE),
    "M_SETTLE_TWICE": ("safety", ONCE),
    "M_FORFEIT_FAILED": ("safety", FORFEIT),
    "M_FORFEIT_VOID": ("safety", FORFEIT),
    "M_FORFEIT_SETTLED": ("safety", FORFEIT),
    "M_REVEAL_UNBOUND": ("safety", BOUND),
    "M_REVEAL_EARLY": ("safety", DARK),
    "M_COMMIT_LATE": ("safety", DARK),
    "M_CANCEL_LATE": ("safety", ONCE),
    "M_SLASH_EMPTY": ("safety", ACCOUNTABLE),
    "M_SLASH_SETTLED": ("safety", ACCOUNTABLE),
    "M_SLASH_EARLY": ("safety", ACCOUNTABLE),
    "M_SLASH_TWICE": ("safety", STAKE),
    "M_RELEASE_EARLY": ("safety", STAKE),
    "M_PAUSE_RECLAIM": ("liveness", ENDS),
    "M_CREDENTIAL_RECLAIM": ("liveness", ENDS),
    "M_VOID_STUCK": ("liveness", ENDS),
    "M_FAILED_STUCK": ("liveness", ENDS),
    "M_SETTLE_OMITS": ("liveness", ENDS),
    "M_FAIL_CLOSED": ("liveness", ENDS),
}


def test_the_model_holds_and_none_of_it_is_idle(capsys):
    assert model.main() == 0, capsys.readouterr().out
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["safety", "liveness"]
    for line in lines:
        assert line.endswith("errors: 0") and int(line.split()[1].replace(",", "")) > 1_000_000


def test_every_defect_is_listed():
    numbers = model.mutations()
    assert numbers.keys() == FOUND_BY.keys()
    assert sorted(numbers.values()) == list(range(1, len(numbers) + 1))
    text = model.MODEL.read_text()
    assert [name for name in numbers if f"mutated({name})" not in text] == []


@pytest.mark.parametrize("name", FOUND_BY)
def test_a_planted_defect_is_found(name):
    kind, words = FOUND_BY[name]
    result = model.check(kind, model.mutations()[name])
    assert len(result.errors) == 1 and words in result.errors[0], result


def test_an_error_fails_the_command(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(model, "RESULT", tmp_path / "model.json")
    monkeypatch.setattr(model, "COMPILE", {"safety": model.COMPILE["safety"]})
    monkeypatch.setattr(model, "check", partial(model.check, mutation=model.mutations()["M_RECLAIM_TWICE"]))
    assert model.main() == 1
    assert "found: assertion violated" in capsys.readouterr().out


def test_a_statement_never_reached_fails_the_command(monkeypatch, capsys, tmp_path):
    idle = tmp_path / "epoch.pml"
    text = model.MODEL.read_text()
    changed = text.replace("number == FREEZE -> tip.stale = true", "number == LAST -> tip.stale = true")
    assert changed != text
    idle.write_text(changed)
    monkeypatch.setattr(model, "MODEL", idle)
    monkeypatch.setattr(model, "ROOT", tmp_path)
    monkeypatch.setattr(model, "RESULT", tmp_path / "model.json")
    monkeypatch.setattr(model, "COMPILE", {"safety": model.COMPILE["safety"]})
    assert model.main() == 1
    assert "never reached: epoch.pml:" in capsys.readouterr().out


def test_a_search_cut_short_is_an_error(monkeypatch):
    monkeypatch.setattr(model, "DEPTH", 50)
    with pytest.raises(model.ModelError, match="not complete"):
        model.check("safety")


def test_a_missing_tool_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(model.ModelError, match="spin is missing: .*apt-get install spin"):
        model.check("safety")
