"""`shadowpool feeder`: a feeder of a market's reference price, and what the oracle says.

The configuration, a TOML file without secrets, is described in docs/feeder.md. A recorded feed begins
when the command does, and the command ends with it.
"""

import threading
import time
from dataclasses import dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from offchain import keystore
from offchain.feeder import Feeder, Outcome, Policy
from offchain.feeds import RECORDED, Replay, Unit
from offchain.field import check_range
from scripts.cli.common import AsJson, CommandError, MarketId, Session, session, show
from scripts.cli.toml import read, table

app = typer.Typer(no_args_is_help=True, help="A feeder of the reference price, and the oracle's state.")
HALTS = ("no", "by its band", "by hand")
clock = time.time


@dataclass(frozen=True)
class FeederConfig:
    """A feeder's settings (docs/feeder.md); `load` raises CommandError naming file, key and remedy."""

    market: int
    signer: Path
    carrier: Path
    kind: str
    path: Path
    speed: int = 1
    policy: Policy = field(default_factory=Policy)

    @classmethod
    def load(cls, file: Path) -> "FeederConfig":
        top = table(file, "", read(file), {"market": int, "signer": str, "feed": dict}, {"carrier": str, "policy": dict})
        feed = table(file, "feed.", top["feed"], {"kind": str, "path": str}, {"speed": int})
        policy = table(file, "policy.", top.get("policy", {}), {}, {one.name: int for one in fields(Policy)})
        if feed["kind"] not in RECORDED:
            raise CommandError(f"{file}: feed.kind is {feed['kind']!r}; it is one of {', '.join(RECORDED)}")
        try:
            check_range(top["market"], 0, 1 << 64, "market")
            check_range(feed.get("speed", 1), 1, 10_000, "feed.speed")
            wishes = Policy(**policy)
        except ValueError as error:
            raise CommandError(f"{file}: {error}") from None
        at = file.parent
        carrier = at / top.get("carrier", top["signer"])
        return cls(
            top["market"], at / top["signer"], carrier, feed["kind"], at / feed["path"], feed.get("speed", 1), wishes
        )


def _decimals(here: Session, token: str) -> int:
    return here.chain.call(here.chain.token(token).functions.decimals())


@app.command()
def run(
    config: Annotated[Path, typer.Option("--config", help="TOML file, as docs/feeder.md says.")],
    poll_seconds: Annotated[float, typer.Option(min=0.01, help="Between two looks at the feed.")] = 1.0,
) -> None:
    """Observe a feed, sign its price and carry it to the market's oracle, until the feed ends or ^C."""
    wanted, here = FeederConfig.load(config), session()
    terms, password = here.terms(wanted.market), keystore.password()
    unit = Unit(_decimals(here, terms.base), _decimals(here, terms.quote), terms.lot)
    signer, carrier = (keystore.account(file, password) for file in (wanted.signer, wanted.carrier))
    feed = Replay(RECORDED[wanted.kind](wanted.path), Fraction(clock()), wanted.speed)
    last: list[Outcome] = []

    def report(outcome: Outcome, facts: dict) -> None:
        if outcome in (Outcome.SENT, Outcome.CARRIED) or last != [outcome]:
            details = "".join(f", {name} {value}" for name, value in facts.items())
            typer.echo(f"{time.strftime('%H:%M:%S')} {outcome}{details}")
        last[:] = [outcome]

    feeder = Feeder(
        here.chain, here.oracle(wanted.market), feed, unit, signer, carrier, wanted.policy, clock, report
    )
    waiting = threading.Event()
    try:
        feeder.run(lambda seconds: feed.over or waiting.wait(seconds), poll_seconds)
        feeder.step()
        typer.echo("the record has ended")
    except KeyboardInterrupt:
        typer.echo("stopped")


@app.command()
def status(market: MarketId = 0, as_json: AsJson = False) -> None:
    """The oracle's price, whether it is halted, and each feeder's last observation."""
    here = session()
    oracle, head = here.oracle(market), here.chain.head()
    now = here.chain.timestamp(head)

    def ask(name: str, *arguments):
        return here.chain.call(oracle.functions[name](*arguments), head)

    (price, block), (anchor, since), (median, agreeing) = ask("latest"), ask("anchored"), ask("consensus")
    rows: dict = {
        "oracle": oracle.address, "block": head, "price": price or None, "stored in": block or None,
        "halted": HALTS[ask("halt_by")], "anchor": anchor or None, "anchor of": since or None,
        "median": median or None, "agree": f"{agreeing} of {ask('feeder_count')}, quorum {ask('quorum')}",
    }  # fmt: skip
    for seat in range(1, ask("feeder_count") + 1):
        address = ask("feeders", seat)
        seen, at = ask("observation", address)
        rows[address] = f"{seen}, {now - at} s old" if seen else "nothing yet"
    show(rows, as_json)
