"""A venue opened at the terminal: deployed, its keys registered, a market opened, up to the first order it takes."""

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from offchain.chain import Chain, ChainError, Reverted
from offchain.deployment import Deployment
from scripts import circuits as circuit_build
from scripts import contracts as contract_build
from scripts.cli import governor
from scripts.cli.app import app
from scripts.deploy import CIRCUITS, STAKE_UNIT
from tests.world import JURISDICTION, TERMS, TIER, account, anvil

pytestmark = pytest.mark.timeout(900)
PASSWORD = "correct horse battery staple"
NAMES = ("deployer", "governor", "guardian", "issuer", "feeder", "auditor", "treasury", "relayer", "ash", "stranger")
WHO = {name: account(index) for index, name in enumerate(NAMES)}
AHEAD = 1_000
"""Blocks until the market starts: far more than pass, one a second, while the governor opens it."""


class Terminal:
    """`shadowpool` in a folder, on a chain that mines with every transaction."""

    def __init__(self, url: str, folder, monkeypatch):
        self.folder, self.monkeypatch = folder, monkeypatch
        self.root = ["--rpc", url, "--deployment", str(folder / "deployment.json")]
        self.node = Chain(url)

    @property
    def chain(self) -> Chain:
        return Chain(self.node.rpc_url, Deployment.load(self.folder / "deployment.json"))

    def run(self, name: str, *arguments: object, code: int = 0):
        """The JSON that a command prints for somebody, or the error that it ends with."""
        with self.monkeypatch.context() as patch:
            patch.chdir(self.folder)
            patch.setenv("SHADOWPOOL_PASSWORD", PASSWORD)
            patch.setenv("SHADOWPOOL_KEY", WHO[name].key.hex())
            done = CliRunner().invoke(app, [*self.root, *map(str, arguments), "--json"])
        assert done.exit_code == code, (arguments, done.output, done.exception)
        return json.loads(done.stdout) if code == 0 else done.exception

    def govern(self, *arguments: object, name: str = "governor"):
        """The same of a command that waits for blocks, which then come by themselves."""
        self.ask("evm_setIntervalMining", 1)
        try:
            return self.run(name, *arguments)
        finally:
            self.ask("evm_setAutomine", True)

    def ask(self, method: str, value) -> None:
        assert "error" not in self.node.web3.provider.make_request(method, [value])

    def go_to(self, block: int) -> None:
        self.ask("anvil_mine", hex(block - self.node.head()))


@pytest.fixture(scope="module")
def built():
    circuit_build.build([*CIRCUITS, "settle_8"])
    contract_build.build()


@pytest.fixture
def terminal(built, tmp_path, monkeypatch):
    with anvil() as url:
        yield Terminal(url, tmp_path, monkeypatch)


def steps(rows: list[dict]) -> list[str]:
    return [row["step"] for row in rows]


def test_from_an_empty_chain_to_the_first_order(terminal):
    """Every step is a command's but the test tokens, which their owner hands out."""
    offices = [(f"--{role}", WHO[role].address) for role in ("governor", "guardian", "issuer", "feeder")]
    terminal.run("deployer", "market", "deploy", *sum(offices, ()))
    register_keys(terminal)
    open_market(terminal)
    multisig(terminal)
    stand_by(terminal)
    terminal.go_to(terminal.run("ash", "market", "list")[0]["start_block"])
    placed = terminal.run("ash", "order", "place", "buy", 10, 500, "--credential", "credentials/0.json", "--in-my-name")
    assert placed["epoch"] == 0
    terminal.go_to(placed["block"] + 5)
    [row] = terminal.run("stranger", "market", "epochs")
    assert (row["committed"], row["leader"]) == (1, WHO["relayer"].address)
    emergencies(terminal)


def register_keys(terminal: Terminal) -> None:
    """The holders make keys and prove them; the governor registers what it was handed."""
    for holder in ("auditor", "treasury"):
        made = terminal.run(holder, "auditor", "new-key", f"{holder}.json")
        proof = ("--key", f"{holder}.json", "--holder", WHO[holder].address)
        assert terminal.run(holder, "governor", "prove-key", f"{holder}.pub", *proof)["x"] == made["x"]
    owner = ("--owner", terminal.run("treasury", "wallet", "address")["owner"])
    stolen = json.loads((terminal.folder / "auditor.pub").read_text()) | {"account": WHO["stranger"].address}
    (terminal.folder / "stolen.pub").write_text(json.dumps(stolen))
    refused(terminal, "statement", "governor", "set-auditor", "stolen.pub")
    assert steps(terminal.govern("governor", "set-auditor", "auditor.pub")) == ["propose set_auditor", "execute"]
    rows = terminal.govern("governor", "set-treasury", "treasury.pub", *owner)
    assert steps(rows) == ["propose set_treasury", "execute"]


def refused(terminal: Terminal, reason: str, *arguments: str, name: str = "governor") -> None:
    """It ends with the contract's reason, and nothing is sent."""
    before = terminal.node.nonce(WHO[name].address, "latest")
    error = terminal.run(name, *arguments, code=1)
    assert isinstance(error, Reverted) and reason in error.reason
    assert terminal.node.nonce(WHO[name].address, "latest") == before


def open_market(terminal: Terminal) -> None:
    deployment = terminal.chain.deployment
    terms = TERMS | {"freeze_blocks": 5, "start_block": terminal.node.head() + AHEAD}
    terms |= {side: deployment.tokens[symbol].address for side, symbol in (("base", "BTC"), ("quote", "USD"))}
    terms["source"] = deployment.contracts["Oracle"]
    (terminal.folder / "terms.json").write_text(json.dumps(terms))
    assert steps(terminal.govern("market", "open", "terms.json")) == ["propose open_market", "execute"]


def multisig(terminal: Terminal) -> None:
    """A governor without a keystore: it sends what is printed, by means of its own."""

    def send(row: dict) -> None:
        tx = {"from": WHO["governor"].address, "to": row["to"], "data": row["data"]}
        web3 = terminal.node.web3
        assert web3.eth.wait_for_transaction_receipt(web3.eth.send_transaction(tx), timeout=120)["status"] == 1

    chain, places = terminal.chain, terminal.chain.deployment.contracts
    refused(terminal, "statement", "governor", "set-auditor", "stolen.pub", "--print", name="stranger")
    row = terminal.run("stranger", "governor", "pause", "--print")
    assert (row["to"], row["target"]) == (places["Governor"], places["Pool"])
    before = terminal.run("stranger", "governor", "proposals")
    assert [(one["function"], one["ready block"], one["state"]) for one in before] == [
        (function, None, "executed or cancelled")
        for function in ("Keys.set_auditor", "Keys.set_treasury", "Market.open_market")
    ]
    send(row)
    number, ready = 3, terminal.run("stranger", "governor", "proposals")[3]["ready block"]
    expected = {"number": number, "target": places["Pool"], "function": "Pool.pause", "ready block": ready}
    terminal.go_to(ready)
    assert terminal.run("stranger", "governor", "proposals") == [*before, expected | {"state": "ready"}]
    send(terminal.run("stranger", "governor", "execute", number, "--print"))
    assert chain.call(chain.contract("Pool").functions.paused())
    assert terminal.run("stranger", "governor", "proposals")[3]["state"] == "executed or cancelled"
    assert steps(terminal.govern("governor", "unpause")) == ["propose unpause", "execute"]


def stand_by(terminal: Terminal) -> None:
    """A relayer with stake and a key, and an admitted institution with a spendable deposit."""
    chain, deployer = terminal.chain, WHO["deployer"]
    for name, symbol, amount in (("relayer", "STAKE", 100 * STAKE_UNIT), ("ash", "USD", 50_000)):
        token = chain.token(chain.deployment.tokens[symbol].address)
        chain.send(deployer, token.functions.mint(WHO[name].address, amount))
    for command in (("register",), ("stake", "bond", "100"), ("keys", "new")):
        terminal.run("relayer", "relayer", *command)
    owner = terminal.run("ash", "wallet", "address")["owner"]
    terminal.run(
        "issuer", "issuer", "admit", "--name", "ash", "--owner", owner, "--wallet", WHO["ash"].address,
        "--jurisdiction", JURISDICTION, "--tier", TIER, "--expiry", 2**40,
    )  # fmt: skip
    terminal.go_to(terminal.run("ash", "wallet", "deposit", "USD", "0.05")["block"] + 21)
    assert len(terminal.run("stranger", "market", "advance")) == 1


def emergencies(terminal: Terminal) -> None:
    """The guardian stops at once; only the governor, behind its delay, lets go on; nobody else does either."""
    pool = terminal.chain.contract("Pool").functions
    refused(terminal, "not the admin", "governor", "pause", name="stranger")
    assert steps(terminal.run("guardian", "governor", "pause")) == ["pause"]
    assert terminal.chain.call(pool.paused())
    assert steps(terminal.govern("governor", "unpause")) == ["propose unpause", "execute"]
    assert not terminal.chain.call(pool.paused())
    opened = []
    with terminal.monkeypatch.context() as patch:
        open_account = governor.account
        patch.setattr(governor, "account", lambda file: opened.append(file) or open_account(file))
        assert steps(terminal.govern("governor", "pause")) == ["propose pause", "execute"]
    assert len(opened) == 1, "its password is asked for once"
    refused(terminal, "not halted by hand", "governor", "release")
    assert steps(terminal.run("guardian", "governor", "halt")) == ["halt"]
    assert terminal.run("stranger", "feeder", "status")["halted"] == "by hand"
    assert steps(terminal.govern("governor", "release")) == ["propose release", "execute"]
    assert terminal.run("stranger", "feeder", "status")["halted"] == "by its band"
    refused(terminal, "not pending", "governor", "execute", "0")


class Node:
    """A node whose head is what it is told, or that fails."""

    def __init__(self, *answers: int | Exception):
        self.answers = list(answers)

    def head(self) -> int:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_long_wait_outlives_the_node_s_failures(monkeypatch, capsys):
    """It asks at a block's pace, says once that the node fails, and goes on when it is back."""
    slept = []
    monkeypatch.setattr(governor, "time", SimpleNamespace(sleep=slept.append))
    node = Node(10, ChainError("gone"), ChainError("still gone"), 7_208, 7_209, 7_210)
    governor._wait(node, 7_210)
    assert not node.answers and slept == [12, 12, 12, 2, 1, 0]
    assert capsys.readouterr().err == "the node fails, and is asked on: gone\n"
