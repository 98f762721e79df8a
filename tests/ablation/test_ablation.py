"""Every numbered guarantee of every template has a forgery that its constraint alone stops."""

import json

import pytest

from offchain.paths import BUILD
from offchain.wasm import replace_file
from tests.ablation import clearings, curves, notes, numbers, settlements, slots, spends
from tests.ablation.harness import Forgery, Subject, check, check_honest, cut, forge, guard
from tests.ablation.sources import FILES, EntryError, circuit, templates

Forgeries = list[tuple[Subject, Forgery]]
SUBJECTS = [
    subject
    for part in (numbers, notes, curves, clearings, slots, spends, settlements)
    for subject in part.SUBJECTS
]
FORGERIES: Forgeries = [(subject, forgery) for subject in SUBJECTS for forgery in subject.forgeries]
SUMMARY = BUILD / "ablation" / "summary.json"


def named(pairs):
    return [pytest.param(s, f, id=f"{s.template} {f.guarantee}: {f.claim}") for s, f in pairs]


def without_forgery(forgeries: Forgeries) -> list[tuple[str, str]]:
    """The (template, number) of every `ensures` that none of them breaks."""
    stated = {(name, number) for name, template in templates().items() for number in template.ensures}
    broken = {(subject.template, forgery.guarantee) for subject, forgery in forgeries}
    assert broken <= stated, f"no such guarantee: {sorted(broken - stated)}"
    return sorted(stated - broken)


@pytest.fixture(scope="module")
def tried():
    """Collects what became of each forgery; once all were tried, the figures are written."""
    results: dict[str, Forgeries] = {"total": [], "forged": [], "guarded": []}
    yield results
    if len(results["total"]) == len(FORGERIES):
        stated = sum(len(template.ensures) for template in templates().values())
        figures = {
            "ablations": {name: len(forgeries) for name, forgeries in results.items()},
            "ensures": {"total": stated, "covered": stated - len(without_forgery(results["guarded"]))},
        }
        replace_file(SUMMARY, (json.dumps(figures, indent=2) + "\n").encode())


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.template)
def test_the_honest_witness_has_every_guarantee(subject):
    assert subject.holds.keys() == templates()[subject.template].ensures.keys()
    check_honest(subject)


@pytest.mark.parametrize("subject, forgery", named(FORGERIES))
def test_a_forgery_passes_only_without_its_constraint(subject, forgery, tried):
    tried["total"].append((subject, forgery))
    forged = forge(subject, forgery)
    tried["forged"].append((subject, forgery))
    guard(subject, forgery, forged)
    tried["guarded"].append((subject, forgery))


def test_no_guarantee_is_without_a_forgery():
    assert without_forgery(FORGERIES) == []
    count = sum(len(template.ensures) for template in templates().values())
    print(f"{count} guarantees of {len(templates())} templates, {len(FORGERIES)} forgeries")


def test_a_guarantee_without_a_forgery_is_noticed():
    for name, template in templates().items():
        for number in template.ensures:
            others = [(s, f) for s, f in FORGERIES if (s.template, f.guarantee) != (name, number)]
            assert without_forgery(others) == [(name, number)]


def test_every_guarantee_is_read():
    """Counted line by line, whatever stands around; each template's numbers have no gap."""
    lines = [line for path in FILES for line in path.read_text().splitlines()]
    assert sum(line.lstrip().startswith("template ") for line in lines) == len(templates())
    styled = sum(line.startswith("// ensures ") for line in lines)
    plain, inside = 0, False    # poseidon.circom's: a block of "//   1. …"
    for line in lines:
        inside = line == "// ensures" or (inside and line.startswith("//   "))
        plain += inside and line[5:6].isdigit()
    assert styled + plain == sum(len(template.ensures) for template in templates().values())
    for name, template in templates().items():
        assert list(template.ensures) == [f"E{at}" for at in range(1, len(template.ensures) + 1)] != [], name


def test_a_line_that_has_changed_is_noticed():
    subject = numbers.SUBJECTS[0]
    with pytest.raises(EntryError):
        circuit(subject.template, subject.size, (subject.edit(("x2[box] <== s[i] * s[0];", "")),))


def test_an_edit_that_is_no_weakening_is_noticed():
    """One that asks for something else than the circuit does."""
    subject = next(subject for subject in SUBJECTS if subject.template == "AtMost")
    other = cut("E1", "another order", ("Range(bits)(high - low);", "Range(bits)(low - high);"), low=5, high=4)
    with pytest.raises(AssertionError, match="more than a constraint"):
        check(subject, other)


def test_a_forgery_that_claims_nothing_is_noticed():
    subject = next(subject for subject in SUBJECTS if subject.template == "AtMost")
    with pytest.raises(AssertionError, match="breaks nothing"):
        check(subject, cut("E1", "3 is at most 5", ("Range(bits)(high - low);", ""), low=3, high=5))
