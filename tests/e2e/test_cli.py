"""The command line of every actor, as somebody at a terminal uses it, on a private chain."""

import json
import pydoc
import re
import subprocess
import sys

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from offchain import keystore
from offchain.paths import ROOT
from offchain.records import MarketTerms
from scripts.cli import errors
from scripts.cli.app import app, main
from scripts.cli.common import CommandError, carrier
from scripts.cli.market import check_windows
from scripts.cli.wallet import address_text
from tests.world import World, anvil, build_world

pytestmark = pytest.mark.timeout(900)
PASSWORD = "correct horse battery staple"
# The command line waits for five blocks, the test's world for fewer.
DEPTH = 5
CARRIED = [
    ("order", "place"), ("order", "reveal"), ("order", "reclaim"), ("wallet", "transfer"), ("wallet", "consolidate"),
]  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with anvil() as url:
        made = build_world(url, tmp_path_factory.mktemp("cli"))
        made.deployment.save(tmp_path_factory.getbasetemp() / "deployment.json")
        yield made


@pytest.fixture
def shadowpool(world, tmp_path_factory, monkeypatch):
    """Run a command as the owner of an EVM key, and read its JSON; exit code 0 unless said."""

    carrier = tmp_path_factory.getbasetemp() / "carrier.json"
    if not carrier.exists():
        keystore.save(carrier, keystore.Kind.ACCOUNT, int.from_bytes(world.accounts["carrier"].key, "big"), PASSWORD)

    def run(*arguments: str, key=None, code: int = 0, variables: dict | None = None):
        deployment = tmp_path_factory.getbasetemp() / "deployment.json"
        if arguments[:2] in CARRIED:
            arguments = (*arguments, "--carrier", str(carrier))
        variables = {"SHADOWPOOL_PASSWORD": PASSWORD} | (variables or {})
        if key is not None:
            variables["SHADOWPOOL_KEY"] = key.key.hex()
        whole = ["--rpc", world.chain.rpc_url, "--deployment", str(deployment), *arguments, "--json"]
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        done = CliRunner().invoke(app, whole)
        monkeypatch.undo()
        assert done.exit_code == code, (arguments, done.output, done.exception)
        return json.loads(done.stdout) if code == 0 else done

    return run


def deep(world: World) -> None:
    world.mine(DEPTH)
    world.ledger.sync()


def test_an_order_s_whole_life_at_the_terminal(world, shadowpool, tmp_path):
    """Deposit, place, reveal, settle, print, read, withdraw: each by its own command."""
    ash, birch = world.traders["ash"], world.traders["birch"]
    for trader, symbol in ((ash, "USD"), (birch, "BTC")):
        trader.credential.save(tmp_path / f"{trader.name}.json")
        [row] = [shadowpool("wallet", "deposit", symbol, "0.05", key=trader.account)]
        assert row["gas"] > 0 and row["proof seconds"] > 0
    world.mine(16 + DEPTH)
    assert len(shadowpool("market", "advance", key=world.accounts["carrier"])) == 1
    deep(world)
    [balance] = shadowpool("wallet", "balances", key=ash.account)
    assert (balance["token"], balance["total"], balance["spendable"]) == ("USD", "50000", "50000")

    epoch = world.open_epoch()
    assert shadowpool("market", "now")["epoch"] == epoch
    for trader, side in ((ash, "buy"), (birch, "sell")):
        credential = str(tmp_path / f"{trader.name}.json")
        placed = shadowpool("order", "place", side, "10", "500", "--credential", credential, key=trader.account)
        assert placed["epoch"] == epoch and sender(world, placed) == world.accounts["carrier"].address
    windows = world.market.windows(epoch)
    world.go_to(max(windows.reveal, windows.freeze + DEPTH))
    for trader in (ash, birch):
        [row] = shadowpool("order", "reveal", key=trader.account)
        assert sender(world, row) == world.accounts["carrier"].address
    world.go_to(windows.settle + DEPTH)
    settle(world, epoch)
    deep(world)
    [seen] = shadowpool("order", "list", key=ash.account)
    assert (seen["side"], seen["fate"], seen["fill"], seen["price"]) == ("buy", "filled", "10", "500")

    [row] = shadowpool("market", "epochs")
    assert (row["state"], row["committed"], row["revealed"], row["price"]) == ("settled", 2, 2, None)
    auditor = tmp_path / "auditor.json"
    keystore.save(auditor, keystore.Kind.ENCRYPTION, world.auditor.scalar, PASSWORD)
    view = shadowpool("auditor", "open", "0", str(epoch), "--key", str(auditor))
    assert (view["price"], view["volume"]) == ("500", "10")
    assert [order["fill"] for order in view["orders"]] == ["10", "10"]

    world.mine(16)
    shadowpool("market", "advance", key=world.accounts["carrier"])
    deep(world)
    before = world.chain.token(world.asset("BTC")).functions.balanceOf(ash.account.address)
    held = world.chain.call(before)
    row = shadowpool("wallet", "withdraw", "BTC", "0.0001", key=ash.account)
    assert world.chain.call(before) == held + 10_000 and sender(world, row) == ash.account.address
    through = ("--carrier", str(tmp_path.parent / "carrier.json"))
    row = shadowpool("wallet", "withdraw", "USD", "0.0001", *through, key=ash.account)
    assert sender(world, row) == world.accounts["carrier"].address


def sender(world: World, row: dict) -> str:
    return world.chain.web3.eth.get_transaction(row["hash"])["from"]


def settle(world: World, epoch: int) -> None:
    world.ledger.sync()
    world.leader.settle(0, epoch)


def test_a_cancelled_order_comes_back(world, shadowpool, tmp_path):
    cedar = world.traders["cedar"]
    cedar.credential.save(tmp_path / "cedar.json")
    shadowpool("wallet", "deposit", "USD", "0.05", key=cedar.account)
    world.mine(16 + DEPTH)
    shadowpool("market", "advance", key=world.accounts["carrier"])
    deep(world)
    world.open_epoch()
    credential = str(tmp_path / "cedar.json")
    placed = shadowpool("order", "place", "buy", "10", "500", "--credential", credential, key=cedar.account)
    deep(world)
    [row] = shadowpool("order", "reclaim", "--order", placed["order"], key=cedar.account)
    assert sender(world, row) == world.accounts["carrier"].address
    deep(world)
    [seen] = shadowpool("order", "list", key=cedar.account)
    assert (seen["fate"], seen["forfeited"]) == ("cancelled", "0")


@pytest.mark.parametrize("command", CARRIED)
def test_what_is_private_is_sent_by_another_account(world, command, tmp_path, monkeypatch, capsys):
    """Without a carrier it is refused, before the chain is asked anything; with one's own too."""
    own = world.traders["ash"]
    keystore.save(tmp_path / "own.json", keystore.Kind.ACCOUNT, int.from_bytes(own.account.key, "big"), PASSWORD)
    own.credential.save(tmp_path / "ash.json")
    monkeypatch.setenv("SHADOWPOOL_PASSWORD", PASSWORD)
    monkeypatch.delenv("SHADOWPOOL_CARRIER", raising=False)
    given = {
        "place": ["buy", "1", "500", "--credential", str(tmp_path / "ash.json")],
        "transfer": ["USD", "1", address_text(own.key.address)],
        "consolidate": ["USD"],
    }.get(command[1], [])
    file = tmp_path / "deployment.json"
    world.deployment.save(file)
    whole = ["--rpc", world.chain.rpc_url, "--deployment", str(file), *command, *given]
    mine = [*whole, "--account", str(tmp_path / "own.json")]
    for arguments, reason in (
        (mine, "give --carrier KEYSTORE"),
        ([*mine, "--carrier", str(tmp_path / "own.json")], "is the wallet's own account"),
        ([*mine, "--carrier", str(tmp_path / "own.json"), "--in-my-name"], "give --carrier KEYSTORE"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr().err
        assert ended.value.code == 1 and reason in said and own.account.address in said


def test_in_my_name_warns_and_sends(world, shadowpool, capsys):
    who = world.accounts["carrier"]
    assert carrier(None, True, who) is who
    assert f"warning: sent by {who.address}" in capsys.readouterr().err


def test_a_new_wallet_is_admitted_by_the_issuer_s_batch(world, shadowpool, tmp_path):
    made = shadowpool("wallet", "new", str(tmp_path / "new.json"))
    mine = ["--account", str(tmp_path / "new.json")]
    address = shadowpool("wallet", "address", *mine)
    assert address["account"] == made["account"]
    batch, book = tmp_path / "batch.csv", tmp_path / "book.json"
    book.write_text((world.issuer.path).read_text())
    header = "name,owner,wallet,jurisdiction,tier,expiry"
    batch.write_text(f"{header}\nnova,{address['owner']},{made['account']},57,2,{2**40}\n")
    files = ["--book", str(book), "--credentials", str(tmp_path / "credentials")]
    answer = shadowpool("issuer", "batch", str(batch), *files, key=world.accounts["issuer"])
    assert [row["name"] for row in answer["admitted"]] == ["nova"] and answer["transactions"] == 2
    rows = shadowpool("issuer", "list", "--book", str(book))
    assert rows[-1]["name"] == "nova"
    shadowpool("issuer", "revoke", str(rows[-1]["id"]), "--book", str(book), key=world.accounts["issuer"])
    assert not world.chain.call(world.chain.contract("Credentials").functions.is_wallet(made["account"]))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("nova,1,0x0000000000000000000000000000000000000001,57,2", "5 cells where 6 are needed"),
        ("nova,x,0x0000000000000000000000000000000000000001,57,2,9", "owner 'x' is not a plain integer"),
        ("nova,1,0x0000000000000000000000000000000000000001,250,2,9", "jurisdiction"),
        ("nova,1,0xabc,57,2,9", "not a checksummed address"),
    ],
)
def test_a_bad_row_of_a_batch_stops_all_of_it(world, tmp_path, row, reason, capsys, monkeypatch):
    batch = tmp_path / "batch.csv"
    batch.write_text(f"name,owner,wallet,jurisdiction,tier,expiry\n{row}\n")
    monkeypatch.setenv("SHADOWPOOL_KEY", world.accounts["issuer"].key.hex())
    with pytest.raises(SystemExit) as ended:
        main(["issuer", "batch", str(batch), "--book", str(tmp_path / "book.json")])
    said = capsys.readouterr().err
    assert ended.value.code == 1 and "line 2" in said and reason in said and said.count("\n") == 1
    assert not (tmp_path / "book.json").exists()


def test_a_market_is_opened_by_the_governor_s_command(world, shadowpool, tmp_path):
    terms = MarketTerms(**(vars(world.market) | {"start_block": world.chain.head() + 1_000, "freeze_blocks": 5}))
    (tmp_path / "terms.json").write_text(json.dumps(vars(terms)))
    world.chain.web3.provider.make_request("evm_setIntervalMining", [1])
    try:
        shadowpool("market", "open", str(tmp_path / "terms.json"), key=world.accounts["governor"])
    finally:
        world.chain.web3.provider.make_request("evm_setIntervalMining", [0])
    deep(world)
    assert [row["market"] for row in shadowpool("market", "list")] == ["0", "1"]


@pytest.mark.parametrize(
    ("short", "reason"),
    [
        ({"freeze_blocks": 4}, "freeze_blocks is 4, and must be at least 5"),
        ({"settle_blocks": 14}, "settle_blocks is 14, and must be at least 15"),
    ],
)
def test_windows_too_short_to_wait_in_are_refused(world, shadowpool, tmp_path, short, reason):
    """Nobody could reveal on a frozen set that is deep enough, or settle it in time; nothing is proposed."""
    enough = {"freeze_blocks": 5, "settle_blocks": 15}
    check_windows(MarketTerms(**(vars(world.market) | enough)), DEPTH)
    (tmp_path / "terms.json").write_text(json.dumps(vars(world.market) | enough | short))
    nonce = world.chain.web3.eth.get_transaction_count
    before = nonce(world.accounts["governor"].address)
    refused = shadowpool("market", "open", str(tmp_path / "terms.json"), key=world.accounts["governor"], code=1)
    assert isinstance(refused.exception, CommandError) and reason in str(refused.exception)
    assert nonce(world.accounts["governor"].address) == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["wallet", "balances"], "no account"),
        (["relayer", "settle", "99"], "no commits up to block"),
        (["wallet", "balances", "--account", "absent.json"], "no keystore at absent.json"),
        (["order", "place", "hold", "1", "1", "--credential", "x"], "neither buy nor sell"),
        (["wallet", "deposit", "USD", "1.0000001"], "no amount with at most 6 decimals"),
        (["wallet", "deposit", "EUR", "1"], "no token 'EUR'"),
        (["auditor", "open", "0", "0", "--key", "absent.json"], "no keystore"),
    ],
)
def test_a_refusal_is_one_line_and_exit_code_1(world, tmp_path_factory, arguments, reason, capsys, monkeypatch):
    monkeypatch.setenv("SHADOWPOOL_PASSWORD", PASSWORD)
    monkeypatch.delenv("SHADOWPOOL_KEY", raising=False)
    if "deposit" in arguments or "settle" in arguments:
        monkeypatch.setenv("SHADOWPOOL_KEY", world.traders["ash"].account.key.hex())
    deployment = tmp_path_factory.getbasetemp() / "deployment.json"
    with pytest.raises(SystemExit) as ended:
        main(["--rpc", world.chain.rpc_url, "--deployment", str(deployment), *arguments])
    said = capsys.readouterr().err
    assert ended.value.code == 1 and reason in said
    assert said.startswith("error: ") and said.count("\n") == 1


def test_an_unreachable_chain_and_a_missing_deployment_are_said(capsys, tmp_path):
    for arguments, reason in (
        (["--deployment", str(tmp_path / "none.json"), "market", "list"], "no deployment at"),
        (["--nonsense"], "No such option"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code in (1, 2) and reason in capsys.readouterr().err


def test_no_command_takes_a_secret_as_an_argument():
    """No option or argument is named for a key's value or a password."""

    def walk(command, path=()):
        yield path, command
        for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
            yield from walk(command.get_command(None, name), (*path, name))

    names = {
        (path, parameter.name) for path, command in walk(get_command(app)) for parameter in command.params
    }
    assert len(names) > 60
    assert not [entry for entry in names if re.search(r"password|secret|seed|private", entry[1])]


def test_every_expected_error_is_one_of_ours_or_a_library_s():
    for name in errors.EXPECTED:
        kind = pydoc.locate(name)
        assert isinstance(kind, type) and errors.is_expected(kind.__new__(kind)), name
    assert not errors.is_expected(KeyError("a defect"))


def test_a_group_waits_for_no_other_s_libraries():
    code = "import sys; from scripts.cli.app import app; from typer.testing import CliRunner as R; " \
        "assert R().invoke(app, ['wallet', '--help']).exit_code == 0; " \
        "print([name for name in sys.modules if name.split('.')[0] in ('indexer', 'relayer', 'fastapi', 'matplotlib')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_command_of_the_readme_exists():
    text = (ROOT / "README.md").read_text()
    commands = re.findall(r"^shadowpool ([a-z]+) ([a-z-]+)", text, re.MULTILINE)
    assert len(commands) > 10
    for group, command in commands:
        done = CliRunner().invoke(app, [group, command, "--help"])
        assert done.exit_code == 0, (group, command, done.output)
