"""`shadowpool relayer drain`: lead nothing new, finish what is led, and say when it is safe to stop."""

import time
from dataclasses import dataclass
from typing import Annotated

import typer

from offchain.calls import Call
from offchain.chain import ChainError
from relayer.duties import STAGES
from relayer.service import Service
from relayer.standing import Standing
from scripts.cli.common import AsJson, show
from scripts.cli.relayer.common import RelayerAddress, configured, in_time, standing
from scripts.cli.relayer.run import ConfigFile, Database, Folder, Keystore, service

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
            "may still lead": [f"{turn.market}/{turn.epoch}" for turn in may_lead],
            "to finish": [f"{led.record.market}/{led.record.epoch} {led.state.name.lower()}" for led in here.open],
            "safe to stop": done,
        }
        return left, done


def drain(
    config: ConfigFile = None,
    account_file: Keystore = None,
    relayer: RelayerAddress = None,
    keys: Folder = None,
    database: Database = None,
    keep_stake: KeepStake = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is left to do, and do nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Unbond, finish all that it leads, then say that it is safe to stop.

    It takes the place of `relayer run`: stop that first. Stopped itself, it goes on where it was.
    """
    settings = configured(config, account=account_file, keys=keys, database=database)
    if dry_run:
        return show(Progress().look(standing(settings.account, relayer))[0], as_json)
    with service(settings) as working:
        working.duties.stages = tuple(stage for stage in STAGES if stage != "rotate_key")
        if not keep_stake:
            _unbond(working)
        here = _finish(working, as_json)
    stake = here.stake
    leaves = in_time(stake.withdraw_from - here.block - 1, here.pace) if stake.unbonding else None
    show({"safe to stop": True, "block": here.block, "withdraw": leaves}, as_json)


def _unbond(working: Service) -> None:
    """All that is bonded; nothing if a drain before did it."""
    stake = _standing(working).stake
    if stake.bonded:
        working.sender.post(f"unbond:{stake.unbonding}:{stake.bonded}", Call("Relayers", "unbond", (stake.bonded,)))


def _finish(working: Service, as_json: bool) -> Standing:
    """The service's rounds until nothing is left; what changed is said."""
    progress, said, here = Progress(), None, None
    try:
        while True:
            try:
                working.round(working.chain.head())
                left, done = progress.look(here := _standing(working))
            except ChainError as error:
                left, done = {"not now": str(error)}, False
            if left != said:
                show(left, as_json)
                said = left
            if done and not working.sender.open():
                return here
            time.sleep(working.settings.poll_seconds)
    finally:
        working.close()


def _standing(working: Service) -> Standing:
    return Standing(working.chain, working.ledger, working.leader.account.address)
