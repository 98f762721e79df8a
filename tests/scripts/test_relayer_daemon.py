"""The relayer's service goes on, whatever one of its tasks meets."""

import pytest

from offchain.chain import ChainError, Receipt, Reverted
from offchain.keystore import KeystoreError
from offchain.ledger import Diverged
from offchain.prover import ProverError
from relayer.leader import ChainMoved
from relayer.settlement import SettlementError
from scripts.cli.relayer import run as relayer
from scripts.cli.common import CommandError

SECRET = "hunter2"
TRANSIENT = [
    ChainError("no chain answers"), Reverted("settle", "no"), Diverged("another root"), KeystoreError("wrong password"),
    ProverError("killed"), SettlementError("no reveals"), ChainMoved("ask again"), TimeoutError("slow"),
    KeyError(SECRET),
]  # fmt: skip


class Leader:
    """Two epochs for every kind of task; `troubles` are raised once each, by task."""

    chain = ledger = account = None

    def __init__(self, **troubles):
        self.troubles, self.done = troubles, []

    def __getattr__(self, task):
        def act(*epoch):
            if task in self.troubles:
                raise self.troubles.pop(task)
            self.done.append((task, *epoch))
            return Receipt(task, "0x", 1, 1, 0.0)

        return act

    def due(self):
        self.__getattr__("due")()
        return [(0, 1), (0, 2)]

    printable = releasable = due

    def settle(self, *epoch):
        self.__getattr__("settle")(*epoch)
        return epoch


ALL = [(task, 0, epoch) for task in ("settle", "print", "release") for epoch in (1, 2)]


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(relayer, "settled_row", lambda done: {"epoch": done})
    monkeypatch.setattr(relayer, "advance", lambda *_: [])


def acted(leader):
    return [entry for entry in leader.done if entry[0] != "due"]


@pytest.mark.parametrize("error", TRANSIENT, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("task", ["settle", "print", "release"])
def test_one_epoch_s_trouble_stops_no_other_and_is_tried_again(task, error, capsys):
    leader = Leader(**{task: error})
    assert relayer._work(leader, True) == 1
    said = capsys.readouterr().err
    assert f"not now: {task} 0 1: " in said and said.count("\n") == 1 and SECRET not in said
    assert acted(leader) == [entry for entry in ALL if entry != (task, 0, 1)]
    assert relayer._work(leader, True) == 0 and acted(leader)[5:] == ALL


@pytest.mark.parametrize("error", TRANSIENT, ids=lambda error: type(error).__name__)
def test_a_round_that_cannot_look_does_the_rest(error, capsys):
    leader = Leader(due=error)
    assert relayer._work(leader, True) == 1
    assert acted(leader) == ALL[2:] and "not now: settle: " in capsys.readouterr().err


def test_an_interrupt_ends_it():
    with pytest.raises(KeyboardInterrupt):
        relayer._work(Leader(settle=KeyboardInterrupt()), True)


def test_it_runs_until_interrupted(monkeypatch):
    """A failed round is followed by the next; with --once it is an error."""
    leader, rounds = Leader(due=ChainError("no"), settle=Diverged("no")), []
    monkeypatch.setattr(relayer, "open_leader", lambda *_: leader)

    def pause(_):
        rounds.append(len(leader.done))
        if len(rounds) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(relayer.time, "sleep", pause)
    with pytest.raises(KeyboardInterrupt):
        relayer.run()
    assert len(rounds) == 3 and [entry for entry in leader.done if entry == ALL[1]] == [ALL[1]] * 2
    leader.troubles = {"settle": Diverged("no")}
    with pytest.raises(CommandError, match="1 of this round"):
        relayer.run(once=True)
