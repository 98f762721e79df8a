"""What a node or a contract may not do: each lie stops the following, is written down, and is not taken in."""

import pytest
from sqlalchemy import select, update

from indexer import database, models
from indexer.follow import Follower
from indexer.verify import PROOFS
from offchain import contracts
from offchain.events import EventType
from offchain.ledger import Diverged


@pytest.fixture
def follower(story, tmp_path):
    made = Follower(database.open(f"sqlite:///{tmp_path}/index.sqlite"), story.world.chain)
    yield made
    made.close()
    made.engine.dispose()


def topic(contract: str, name: str) -> str:
    entry = next(e for e in contracts.artifact(contract).abi if e["type"] == "event" and e["name"] == name)
    return "0x" + EventType(contract, entry).topic.hex()


def lying(follower, method: str, lie) -> None:
    """Pass the node's answers to single requests of a method through `lie`."""
    honest = follower.reader.node.call
    follower.reader.node.call = lambda name, *params: (lie if name == method else lambda x: x)(honest(name, *params))


def last_word_changed(contract: str, name: str):
    """The last word of the first such log is another."""

    def lie(logs: list[dict]) -> list[dict]:
        found = next((log for log in logs if log["topics"][0] == topic(contract, name)), None)
        if found:
            found["data"] = found["data"][:-8] + f"{int(found['data'][-8:], 16) ^ 1:08x}"
        return logs

    return lie


def without(contract: str, name: str):
    """The first such log is withheld."""

    def lie(logs: list[dict]) -> list[dict]:
        found = next((log for log in logs if log["topics"][0] == topic(contract, name)), None)
        return [log for log in logs if log is not found]

    return lie


@pytest.mark.parametrize(
    "lie",
    [
        last_word_changed("Pool", "Advanced"),      # the note tree's root
        last_word_changed("Pool", "Appended"),      # a leaf
        last_word_changed("Credentials", "LeavesSet"),
        last_word_changed("Market", "Revealed"),    # a ciphertext, so the reveal chain
        last_word_changed("Market", "Committed"),   # a memo
        without("Pool", "Appended"),
        without("Market", "Revealed"),
        without("Market", "Reclaimed"),
        without("Credentials", "LeavesSet"),
        without("Market", "MarketOpened"),
    ],
    ids=["root", "leaf", "credentials", "reveal", "memo", "no-leaf", "no-reveal", "no-reclaim", "no-credentials", "no-market"],
)
def test_a_node_that_lies_about_a_log_stops_it(follower, lie):
    lying(follower, "eth_getLogs", lie)
    with pytest.raises(Diverged):
        follower.sync()
        follower.finish()
        follower.confirm()
    with follower.engine.connect() as connection:
        row = connection.execute(select(models.Sync.__table__)).one()
        assert row.state == models.SyncState.STOPPED
        assert connection.execute(select(models.Divergence.reason)).scalars().all() == [row.reason]


@pytest.mark.parametrize("column", ["words", "statement"])
def test_a_proof_that_does_not_hold_stops_it(follower, column):
    follower.verifier, verifier = None, follower.verifier
    follower.sync()
    follower.verifier = verifier
    with follower.engine.begin() as connection:
        row = connection.execute(select(PROOFS).where(PROOFS.c.circuit == "settle_8")).one()
        words = list(getattr(row, column))
        words[0], words[1] = words[1], words[0]
        at = (PROOFS.c.block == row.block) & (PROOFS.c.log_index == row.log_index)
        connection.execute(update(PROOFS).where(at).values({column: tuple(words)}))
    with pytest.raises(Diverged, match="settle_8"):
        follower.finish()


def test_it_goes_on_where_the_lie_ended(follower):
    honest = follower.reader.node.call
    lying(follower, "eth_getLogs", last_word_changed("Pool", "Advanced"))
    with pytest.raises(Diverged, match="root"):
        follower.sync()
    follower.reader.node.call = honest
    assert follower.sync() == follower.reader.head()
    with follower.engine.connect() as connection:
        assert connection.execute(select(models.Sync.state)).scalar() == models.SyncState.LIVE


def test_a_node_that_answers_once_from_the_block_it_makes_is_asked_again(follower):
    """As development nodes do while they mine."""
    honest, early = follower.reader.node.batch, []

    def batch(method, calls):
        answers = honest(method, calls)
        if method == "eth_call" and not early:
            early.append(answers[1])
            answers[1] = f"0x{int(answers[1], 16) + 1:064x}"     # the next leaf
        return answers

    follower.reader.node.batch = batch
    assert follower.sync() == follower.reader.head() and early
