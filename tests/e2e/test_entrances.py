"""One order by every entrance: Python, the command line, TypeScript, REST and FIX. The chain sees five of the same."""

import json
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from offchain import keystore
from offchain.agent.desk import OrderState
from offchain.agent_client import AgentClient
from offchain.fix.acceptor import Acceptor
from offchain.fix.settings import Counterparty, Settings as FixSettings, hash_password
from offchain.gateway.app import create
from offchain.gateway.keys import Keys
from offchain.gateway.serve import serving
from offchain.gateway.settings import Settings
from offchain.gateway.tables import prepare
from offchain.notes import Side, Terms
from offchain.wallet import TIME_AHEAD
from scripts.cli.app import app
from tests.agent.agents import agent_of, rounds, until
from tests.fix.peer import PASSWORD, Peer
from tests.sdk.trader import node_trader
from tests.world import CONFIRMATIONS, anvil, build_world

pytestmark = pytest.mark.timeout(1200)
QUANTITY, PRICE = 7, 480
ENTRANCES = ("python", "cli", "typescript", "rest", "fix")
ORDERS = {"rest": "rest-1", "fix": "fix:DESK:one"}


@contextmanager
def agent_s_entrances(world, folder):
    """(agent, gateway's client, FIX peer) of `cedar`."""
    with agent_of(world, "cedar", folder) as agent:
        rounds(world, agent, count=1)
        engine = agent.core.book.engine
        prepare(engine)
        key = Keys(engine).new("desk", ["read", "trade"])
        settings = FixSettings((Counterparty("DESK", hash_password(PASSWORD)),), port=0)
        acceptor = Acceptor(agent, settings, engine)
        acceptor.start()
        try:
            with serving(create(agent, Settings(bytes(32)), engine), port=0) as url:
                yield agent, AgentClient(url, key), Peer(acceptor.port).enter()
        finally:
            acceptor.stop()


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """(world, {entrance: (hash of its commit, hash of its reveal)})."""
    folder = tmp_path_factory.mktemp("entrances")
    with anvil() as url:
        world = build_world(url, folder, commit_blocks=120)
        for name in world.traders:
            world.fund(name, BTC=50_000)
        world.fund("cedar", BTC=50_000)
        with node_trader(world, url, folder) as node, agent_s_entrances(world, folder) as (agent, client, peer):
            node("open")
            yield world, _trade(world, folder, node, agent, client, peer)


def _trade(world, folder, node, agent, client, peer) -> dict[str, tuple[str, str]]:
    terms, carrier = Terms(Side.SELL, QUANTITY, PRICE), world.accounts["carrier"]
    birch, credential = world.wallet("birch"), world.traders["birch"].credential
    epoch = world.open_epoch()
    rounds(world, agent, count=1)
    typescript = node("commit", int(Side.SELL), str(QUANTITY), str(PRICE))
    python = birch.commit(0, epoch, terms, credential, carrier=carrier)
    line = _line(world, folder)("place", "sell", str(QUANTITY), str(PRICE), "--credential", str(folder / "dogwood.json"))
    client.place(ORDERS["rest"], 0, "sell", QUANTITY, PRICE)
    peer.order("one", side=2, quantity=QUANTITY, price=PRICE)
    while peer.next()[35] != "8":
        pass    # until the agent has it
    commits = {one: until(world, agent, name, OrderState.COMMITTED).commit_tx for one, name in ORDERS.items()}
    commits |= {"python": python.receipt.hash, "cli": line["hash"], "typescript": typescript["receipt"]["hash"]}

    world.go_to(world.market.windows(epoch).reveal + CONFIRMATIONS)
    reveals = {one: until(world, agent, name, OrderState.REVEALED).reveal_tx for one, name in ORDERS.items()}
    [line] = _line(world, folder)("reveal")
    reveals |= {"python": birch.reveal(python, carrier=carrier).hash, "cli": line["hash"]}
    reveals["typescript"] = node("reveal", typescript["placed"])["hash"]
    return {entrance: (commits[entrance], reveals[entrance]) for entrance in ENTRANCES}


def _line(world, folder):
    """`shadowpool order …` of the trader who has no other entrance."""
    trader, carrier = world.traders["dogwood"], folder / "carrier.json"
    if not carrier.exists():
        trader.credential.save(folder / "dogwood.json")
        keystore.save(carrier, keystore.Kind.ACCOUNT, int.from_bytes(world.accounts["carrier"].key, "big"), PASSWORD)
        world.deployment.save(folder / "deployment.json")

    def run(*arguments: str):
        whole = ["--rpc", world.chain.rpc_url, "--deployment", str(folder / "deployment.json"), "order", *arguments]
        secrets = {"SHADOWPOOL_PASSWORD": PASSWORD, "SHADOWPOOL_KEY": trader.account.key.hex()}
        done = CliRunner().invoke(app, [*whole, "--carrier", str(carrier), "--json"], env=secrets)
        assert done.exit_code == 0, (done.output, done.exception)
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize("stage", ["commit", "reveal"])
def test_p1_p2_no_entrance_shows_in_what_it_sends(sent, stage):
    """Equal but for words that are random, the sender (any carrier's), its nonce, and what gas costs at the block."""
    world, hashes = sent
    shapes = {entrance: shape(world, pair[stage == "reveal"]) for entrance, pair in hashes.items()}
    assert len(shapes) == len(ENTRANCES) and all(shapes[one] == shapes["python"] for one in ENTRANCES), shapes


def test_p1_the_time_of_a_credential_tells_nothing(sent):
    """Each entrance dates its proof as far ahead of the block that it was made at, in the window."""
    world, hashes = sent
    seconds = world.chain.timestamp
    for entrance, (commit, _) in hashes.items():
        found = world.chain.web3.eth.get_transaction(commit)
        _, arguments = world.chain.contract("Market").decode_function_input(found["input"])
        opened = world.market.windows(arguments["c"]["epoch"]).open
        made = [seconds(block) for block in range(opened, found["blockNumber"])]
        assert arguments["c"]["time"] - TIME_AHEAD in made, entrance


def test_p1_no_word_is_told_twice(sent):
    """What two transactions share are the words that every order of the epoch has: nothing ties one to another."""
    world, hashes = sent
    words = [random_words(world, commit) for commit, _ in hashes.values()]
    common = set.intersection(*words)
    assert all(mine & other <= common for mine in words for other in words if mine is not other)


def shape(world, transaction: str) -> dict:
    found = world.chain.web3.eth.get_transaction(transaction)
    base = world.chain.web3.eth.get_block(found["blockNumber"] - 1)["baseFeePerGas"]
    data = bytes(found["input"])
    return {
        "to": found["to"], "function": data[:4], "length": len(data), "small": [min(len(one), 13) for one in _words(data)],
        "type": found["type"], "value": found["value"], "access": found.get("accessList"),
        "fees": (found["maxFeePerGas"] - 4 * base, found["maxPriorityFeePerGas"]),
    }  # fmt: skip


def random_words(world, transaction: str) -> set[bytes]:
    """Those of more than twelve bytes, which a random one has in all but one of 2^160 cases."""
    data = bytes(world.chain.web3.eth.get_transaction(transaction)["input"])
    return {word for word in _words(data) if len(word) > 12}


def _words(data: bytes) -> list[bytes]:
    return [data[at : at + 32].lstrip(b"\0") for at in range(4, len(data), 32)]
