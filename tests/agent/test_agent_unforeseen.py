"""What nobody foresaw: units that left the agent's notes, and errors whose text nobody should read."""

import pytest

from offchain.agent.reconcile import FACT
from offchain.calls import Call
from tests.agent.sim import BTC, Bomb, Died, Pool, life, rounds

SECRET = "sk=0x1234"


def url(folder):
    return f"sqlite:///{folder}/agent.sqlite3"


@pytest.mark.parametrize("dies", ["before it is written", "once it is written"])
def test_units_that_are_missing_are_told_whoever_dies(tmp_path, monkeypatch, dies):
    """Somebody else with the key spends 3 units; the process ends as the balance without them becomes what is expected."""
    pool = Pool((BTC, 5_000))
    with life(pool, url(tmp_path), Bomb()) as agent:
        rounds(agent, pool, 2)
        pool.send(Call("Pool", "transact", ({"spent": [1 << 64], "change": [BTC, 4_997], "mark": 1},)))
        write = agent.book.write

        def ends(*changes, facts=None, **options):
            if FACT not in (facts or {}):
                return write(*changes, facts=facts, **options)
            if dies == "once it is written":
                write(*changes, facts=facts, **options)
            raise Died

        monkeypatch.setattr(agent.book, "write", ends)
        with pytest.raises(Died):
            rounds(agent, pool, 9)
    with life(pool, url(tmp_path), Bomb()) as agent:
        rounds(agent, pool, 3)
        told = [event.data["unexplained"] for event in agent.events(0) if "unexplained" in event.data]
        assert told and set(told) == {"-3"} and len(told) <= 2
        assert agent.book.fact(FACT) == {str(int(BTC, 16)): "4997"}


def test_an_unforeseen_error_is_told_by_its_class_alone(tmp_path, monkeypatch):
    pool = Pool((BTC, 5_000))
    with life(pool, url(tmp_path), Bomb()) as agent:
        rounds(agent, pool, 1)
        agent.withdraw("out", BTC, 2_000, "0x" + "77" * 20)

        def fails(*asked, **public):
            raise LookupError(SECRET)

        monkeypatch.setattr(agent.purse, "transact", fails)
        rounds(agent, pool, 2)
        agent._failed(LookupError(SECRET))
        told = [event.data["problem"] for event in agent.events(0) if "problem" in event.data]
        assert sorted(told) == ["LookupError", "move:out: LookupError"]
        assert SECRET not in str(agent.events(0)) and SECRET not in str(agent.status())
