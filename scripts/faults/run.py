"""All faults, one after the other, and what came of each: a table, and build/faults/faults.json."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from offchain.deployment import write_atomically
from offchain.paths import BUILD
from scripts.demo.narration import Narrator
from scripts.faults import disk, site as sites
from scripts.faults.audit import Auditor, Count
from scripts.faults.cases import CASES, Strike
from scripts.faults.site import FaultError, Site
from scripts.figures import report
from scripts.venue import daemons, world as venue

FOLDER = BUILD / "faults"
OUTPUT = FOLDER / "faults.json"


@dataclass
class Outcome:
    """One fault. `survived`: all was well again, tokens are conserved, and no order is lost."""

    case: str
    seconds: float = 0.0
    strike: Strike | None = None
    orders: Count = field(default_factory=Count)
    conserved: bool = False
    error: str | None = None

    @property
    def survived(self) -> bool:
        return self.strike is not None and self.conserved and not self.orders.lost

    def row(self) -> tuple:
        answers = ("yes" if good else "NO" for good in (self.conserved, self.survived))
        counts, struck = asdict(self.orders).values(), self.strike
        if struck is None:
            return self.case, "—", self.error, "—", *counts, *answers
        injected = f"block {struck.block}, epoch {struck.epoch}: {struck.where}"
        return self.case, injected, struck.what, struck.healed - struck.block, *counts, *answers


COLUMNS = [
    "fault", "injected at", "what happened", "blocks until healthy",
    "settled", "reclaimed", "lost", "conserved", "survived",
]  # fmt: skip


def run(
    names: Sequence[str], folder: Path = FOLDER, out: Path = OUTPUT, validators: int = 5, **options: int
) -> list[Outcome]:
    """Inject the named faults; write and show the outcome, also of a run that was cut short. `options` are the site's."""
    world_folder, say = folder / "site", Narrator()
    disk.unmount(world_folder / sites.SMALL)
    daemons.clear(world_folder)
    world = venue.new(world_folder, validators, sites.RELAYERS, say)
    outcomes: list[Outcome] = []
    with sites.opened(world_folder, world, validators, **options) as site:
        auditor = Auditor(site)
        for number, name in enumerate(names, start=1):
            say.line(f"[bold]{name}[/] ({number} of {len(names)})")
            outcomes.append(_inject(site, auditor, name))
            _write(outcomes, report(out, whole=False))
        _finish(site, auditor, outcomes)
        _write(outcomes, out)
    say.table("Faults on five validators and three relayers under steady orders", COLUMNS, [o.row() for o in outcomes])
    return outcomes


def _inject(site: Site, auditor: Auditor, name: str) -> Outcome:
    outcome, began = Outcome(name), time.monotonic()
    try:
        outcome.strike = CASES[name](site)
        struck = outcome.strike
        site.reach(site.head() + site.world.chain.confirmations)
    except FaultError as error:
        outcome.error = str(error)
    for gate in site.gates.values():
        gate.open()
    site.start()
    outcome.orders, outcome.conserved = auditor.orders(), auditor.conserved()
    outcome.seconds = round(time.monotonic() - began, 1)
    if outcome.strike:
        took = f"{struck.healed - struck.block} blocks, {outcome.seconds:.0f} s"
        site.world.say.line(f"{struck.where}: {struck.what}, {took}")
    else:
        site.world.say.line(f"[red]not survived[/]: {outcome.error}")
    return outcome


def _finish(site: Site, auditor: Auditor, outcomes: list[Outcome]) -> None:
    """No new orders; wait until every epoch is over, and look at all that is left."""
    site.world.say.line("no more orders; waiting until every epoch is over")
    site.flow.stop()
    site.until("the end of every epoch", lambda: auditor.open_orders() == 0)
    last = outcomes[-1]
    last.orders, last.conserved = last.orders + auditor.orders(), auditor.conserved()


def _write(outcomes: list[Outcome], out: Path) -> None:
    rows = [asdict(outcome) | {"survived": outcome.survived} for outcome in outcomes]
    survived = sum(outcome.survived for outcome in outcomes)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, json.dumps({"injected": len(rows), "survived": survived, "cases": rows}, indent=2) + "\n")
