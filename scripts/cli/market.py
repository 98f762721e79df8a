"""`shadowpool market`: what anyone sees and may do, and what governor and feeder do."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated

import typer

from offchain import keystore
from offchain.advance import advance as advance_chunks
from offchain.chain import Chain, Receipt
from offchain.feeder import push
from offchain.records import EpochRecord, EpochState, MarketTerms
from scripts.cli.common import AccountFile, AsJson, CommandError, MarketId, account, receipt_row, session, show
from scripts.cli.deploy_file import Plan
from scripts.cli.governor import Printed, govern
from scripts.deploy import deploy

app = typer.Typer(no_args_is_help=True, help="Markets and epochs as the public sees them; governor and feeder.")
PROVING_BLOCKS = 10
"""Left of the settle window for the proof and its transaction, once the last reveal is deep enough."""

Epoch = Annotated[int, typer.Argument(help="The epoch's number.")]


@app.command("list")
def list_markets(as_json: AsJson = False) -> None:
    """Every market's terms."""
    here = session()
    rows = [{"market": str(number)} | asdict(terms) for number, terms in here.ledger.markets.items()]
    if not as_json:
        names = {token.address: symbol for symbol, token in here.deployment.tokens.items()}
        rows = [
            {
                "market": row["market"],
                "pair": f"{names.get(row['base'], row['base'])}/{names.get(row['quote'], row['quote'])}",
                "lot": row["lot"],
                "fee bps": row["fee_bps"],
                "bond bps": row["bond_bps"],
                "start block": row["start_block"],
                "windows": "+".join(str(row[f"{name}_blocks"]) for name in ("commit", "freeze", "reveal", "settle")),
                "deferral": row["deferral"],
            }
            for row in rows
        ]
    show(rows, as_json)


def public_facts(record: EpochRecord, state: EpochState) -> dict:
    """What an epoch shows to everyone."""
    settled = record.settlement
    return {
        "market": record.market,
        "epoch": record.epoch,
        "state": state.name.lower(),
        "leader": record.leader,
        "committed": len(record.orders),
        "revealed": len(record.reveals),
        "invalid": settled.invalid_mask.bit_count() if settled else None,
        "price": str(record.printed[0]) if record.printed else None,
        "volume": str(record.printed[1]) if record.printed else None,
    }


@app.command()
def epochs(market: MarketId = 0, as_json: AsJson = False) -> None:
    """Every epoch that took a commit: what the public sees of it."""
    here = session()
    state = here.chain.contract("Market").functions.state
    rows = [
        public_facts(record, EpochState(here.chain.call(state(*key))))
        for key, record in sorted(here.ledger.epochs.items())
        if record.market == market
    ]
    show(rows, as_json)


@app.command()
def now(market: MarketId = 0, as_json: AsJson = False) -> None:
    """The epoch whose commit window is open, and the blocks of its windows."""
    here = session()
    head, terms = here.chain.head(), here.terms(market)
    epoch = terms.epoch_at(head)
    show({"block": head, "market": market, "epoch": epoch} | asdict(terms.windows(epoch)), as_json)


@app.command("deploy")
def deploy_all(
    config: Annotated[
        Path | None, typer.Option(help="TOML with offices, tokens and parameters, as the README has it.")
    ] = None,
    governor: Annotated[str | None, typer.Option(help="Address behind the timelock; else the deployer.")] = None,
    guardian: Annotated[str | None, typer.Option(help="Address that may pause; else the deployer.")] = None,
    issuer: Annotated[str | None, typer.Option(help="Address of the issuer; else the deployer.")] = None,
    feeder: Annotated[
        list[str] | None, typer.Option(help="Address that signs prices, one for each feeder; else the deployer.")
    ] = None,
    account_file: AccountFile = None,
    as_json: AsJson = False,
) -> None:
    """Deploy all contracts, and write the deployment file.

    On a development chain it makes test tokens unless a file names others. Any other chain takes the tokens
    and all parameters of a file, and only keys of circuits whose ceremonies in build/ceremony are finished.
    """
    here, deployer = session(), account(account_file)
    chain = Chain(here.rpc)
    offices = (governor, guardian, issuer)
    if config is None:
        plan = Plan(*(office or deployer.address for office in offices), feeder or [deployer.address])
    elif any(offices) or feeder:
        raise CommandError(f"{config} names offices and feeders: leave the options for them out")
    else:
        plan = Plan.load(config, chain.chain_id)
    tokens = plan.found_tokens(chain)
    deployment = deploy(
        here.rpc, deployer, plan.governor, plan.guardian, plan.issuer, plan.feeders, plan.parameters, tokens, _report,
        lambda line: typer.echo(line, err=True),
    )  # fmt: skip
    deployment.save(here.deployment_file)
    show({"file": str(here.deployment_file), "chain": deployment.chain_id} | deployment.contracts, as_json)


def _report(receipt: Receipt) -> None:
    typer.echo(f"{receipt.name}: block {receipt.block}, {receipt.seconds:.1f} s", err=True)


def check_windows(terms: MarketTerms, confirmations: int) -> None:
    """CommandError if a window is too short for clients that act on blocks `confirmations` deep.

    A reveal waits until the freeze block is that deep, and the settlement until the last reveal is;
    then the leader proves and sends.
    """
    for name, least, why in (
        ("freeze_blocks", confirmations, "reveals wait until the frozen set is that deep"),
        (
            "settle_blocks",
            confirmations + PROVING_BLOCKS,
            f"the leader waits {confirmations} for the last reveal and has {PROVING_BLOCKS} to prove and send",
        ),
    ):
        if getattr(terms, name) < least:
            raise CommandError(f"{name} is {getattr(terms, name)}, and must be at least {least}: {why}")


@app.command("open")
def open_market(
    terms: Annotated[Path, typer.Argument(help="JSON with the market's terms by name.")],
    account_file: AccountFile = None,
    printed: Printed = False,
    as_json: AsJson = False,
) -> None:
    """Open a market through the timelock: propose, wait the delay, execute. For the governor.

    Its windows must leave clients the time to wait until blocks are final: `freeze_blocks` at
    least the confirmations, `settle_blocks` at least those and as many again as a proof takes.
    """
    here = session()
    try:
        given = json.loads(terms.read_text())
        asked = MarketTerms(**given)
    except (TypeError, ValueError) as error:
        names = ", ".join(field.name for field in fields(MarketTerms))
        raise CommandError(f"{terms} does not hold a market's terms ({names}): {error}") from None
    check_windows(asked, here.chain.confirmations)
    govern(here.chain.contract("Market").functions.open_market(asdict(asked)), account_file, printed, as_json)


@app.command()
def feed(
    price: Annotated[int, typer.Argument(help="Quote units a lot.")],
    feeder: Annotated[Path, typer.Option(help="Keystore of the feeder's key.")],
    account_file: AccountFile = None,
    as_json: AsJson = False,
) -> None:
    """Sign a reference price as the feeder and store it."""
    here = session()
    signer = keystore.account(feeder, keystore.password())
    carrier = account(account_file) if account_file else signer
    show(receipt_row(push(here.chain, signer, carrier, price)), as_json)


@app.command()
def advance(account_file: AccountFile = None, as_json: AsJson = False) -> None:
    """Advance the note tree by every chunk that may be."""
    here = session()
    show([receipt_row(r) for r in advance_chunks(here.chain, here.ledger, account(account_file))], as_json)


@app.command()
def fail(epoch: Epoch, market: MarketId = 0, account_file: AccountFile = None, as_json: AsJson = False) -> None:
    """Fail an epoch whose leader did not settle in time, for the bounty."""
    here = session()
    call = here.chain.contract("Market").functions.fail(market, epoch)
    show(receipt_row(here.chain.send(account(account_file), call)), as_json)


@app.command()
def release(epoch: Epoch, market: MarketId = 0, account_file: AccountFile = None, as_json: AsJson = False) -> None:
    """Free the stake reserved for an epoch that ended empty or void."""
    here = session()
    call = here.chain.contract("Market").functions.release(market, epoch)
    show(receipt_row(here.chain.send(account(account_file), call)), as_json)
