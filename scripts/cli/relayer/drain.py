"""`shadowpool relayer drain`: lead nothing new, finish what is led, and say when it is safe to stop."""

import time
from dataclasses import dataclass
from typing import Annotated

import typer

from offchain.calls import Call
from relayer.leader import Leader
from relayer.standing import Standing
from scripts.cli.common import AccountFile, AsJson, receipt_row, show
from scripts.cli.errors import EXPECTED
from scripts.cli.relayer.common import DEFAULT_KEYS, DryRun, Keys, RelayerAddress, in_time, open_leader, standing

POLL_SECONDS = 1.0

KeepStake = Annotated[
    bool, typer.Option("--keep-stake", help="Stay bonded: lead until the reveal key's age ends its turns.")
]


@dataclass
class Progress:
    """How far a drain is. All of it is on the chain, so that a drain that was stopped goes on where it was."""

    quiet: int | None = None
    """The first block at which no coming epoch could be given to it any more."""

    def look(self, here: Standing) -> tuple[dict, bool]:
        """(what is left, whether it is safe to stop): the ledger must have seen that block, and all it led be over."""
        may_lead = here.may_lead()
        self.quiet = None if may_lead else self.quiet or here.block
        done = self.quiet is not None and here.ledger.block >= self.quiet and not here.open
        left = {
            "block": here.block,
            "may still lead": [f"{turn.market}/{turn.epoch}" for turn in may_lead],
            "to finish": [f"{led.record.market}/{led.record.epoch} {led.state.name.lower()}" for led in here.open],
        }
        return left, done


def drain(
    account_file: AccountFile = None,
    relayer: RelayerAddress = None,
    keys: Keys = DEFAULT_KEYS,
    keep_stake: KeepStake = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Unbond, settle, print and release all that it leads, then say that it is safe to stop.

    It takes the place of `relayer run`: stop that first. Stopped itself, it goes on where it was.
    """
    if dry_run:
        left, done = Progress().look(standing(account_file, relayer))
        return show(left | {"safe to stop": done}, as_json)
    leader = open_leader(account_file, keys)
    if not keep_stake:
        _unbond(leader, as_json)
    progress, said = Progress(), None
    while True:
        leader.ledger.sync()
        here = Standing(leader.chain, leader.ledger, leader.account.address)
        left, done = progress.look(here)
        if (now := {**left, "block": 0}) != said:
            show(left, as_json)
            said = now
        if done:
            break
        _finish(leader, as_json)
        time.sleep(POLL_SECONDS)
    _say_safe(here, as_json)


def _unbond(leader: Leader, as_json: bool) -> None:
    """All that is bonded; nothing if a drain before did it."""
    stake = Standing(leader.chain, leader.ledger, leader.account.address).stake
    if stake.bonded:
        call = Call("Relayers", "unbond", (stake.bonded,)).on(leader.chain)
        show(receipt_row(leader.chain.send(leader.account, call)), as_json)


def _finish(leader: Leader, as_json: bool) -> None:
    """One round: what can be settled, printed or released now; what fails is said, and tried in the next."""
    stages = (
        (leader.due, lambda *epoch: leader.settle(*epoch).receipt), (leader.printable, leader.print),
        (leader.releasable, leader.release),
    )  # fmt: skip
    for find, act in stages:
        try:
            for epoch in find():
                show(receipt_row(act(*epoch)), as_json)
        except EXPECTED as error:
            typer.echo(f"not now: {error}", err=True)


def _say_safe(here: Standing, as_json: bool) -> None:
    stake = here.stake
    leaves = in_time(stake.withdraw_from - here.block - 1, here.pace) if stake.unbonding else "nothing to withdraw"
    show({"safe to stop": True, "block": here.block, "withdraw": leaves}, as_json)
