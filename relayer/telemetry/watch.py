"""The metrics of a relayer's standing, set once a round."""

import os
import time
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from web3.exceptions import Web3Exception

from offchain.chain import ChainError
from relayer.reveal_keys import key_file
from relayer.standing import Standing
from relayer.telemetry import metrics

STATES = ("bonded", "unbonding", "reserved", "free")


def observe(standing: Standing, folder: Path, data: Path | None = None) -> None:
    """Set the gauges of the chain, the stake, the reveal keys in `folder`, the epochs led, and the disk of `data`."""
    chain, ledger = standing.chain, standing.ledger
    metrics.head.set(standing.block)
    metrics.ledger_block.set(ledger.block)
    metrics.ledger_lag.set(standing.block - ledger.block)
    metrics.confirmations.set(ledger.depth)
    metrics.clock_skew.set(time.time() - chain.timestamp(standing.block))
    metrics.coin.set(chain.web3.eth.get_balance(standing.address, standing.block))
    for state in STATES:
        metrics.stake.labels(state=state).set(getattr(standing.stake, state) / standing.stake.epoch_stake)
    _observe_keys(standing, folder)
    _observe_epochs(standing)
    _observe_markets(standing)
    if data is not None:
        space = os.statvfs(data)
        metrics.disk_free.set(space.f_bavail * space.f_frsize)
    for service in ("chain", "database"):
        metrics.up.labels(service=service).set(1)
    metrics.last_round.set_to_current_time()


def missed(error: Exception) -> None:
    """A round that ended by `error`: which service it says is away."""
    if isinstance(error, ChainError | Web3Exception):
        metrics.up.labels(service="chain").set(0)
    if isinstance(error, SQLAlchemyError):
        metrics.up.labels(service="database").set(0)


def _observe_keys(standing: Standing, folder: Path) -> None:
    with standing.ledger.lock:
        known = standing.ledger.reveal_keys.items()
        mine = {version: key for (relayer, version), key in known if relayer == standing.address}
    if (last := standing.last_key) is not None:
        mine[last.version] = last.public    # the ledger lags
    stored = {version for version, key in mine.items() if key_file(folder, key).exists()}
    metrics.keys_stored.set(len(stored))
    if last is not None:
        metrics.key_version.set(last.version)
        metrics.key_age.set(standing.block - last.registered)
        metrics.key_left.set(max(0, last.last_window - standing.block))
        metrics.keys_missing.set(len((standing.needed_keys | {last.version}) - stored))


def _observe_epochs(standing: Standing) -> None:
    """`blocks_to_deadline` has a market's series only while there is something to settle in it."""
    metrics.deadline.clear()
    left: dict[int, int] = {}
    for led in standing.to_settle:
        blocks, market = led.windows.deadline - 1 - standing.block, led.record.market
        left[market] = min(blocks, left.get(market, blocks))
    for market, blocks in left.items():
        metrics.deadline.labels(market=market).set(max(0, blocks))
    with standing.ledger.lock:
        epochs = standing.ledger.epochs.values()
        failed = [record.leader for record in epochs if record.failed_block is not None]
    own = failed.count(standing.address)
    metrics.failed_epochs.labels(whose="own").set(own)
    metrics.failed_epochs.labels(whose="others").set(len(failed) - own)


def _observe_markets(standing: Standing) -> None:
    """Whether each market's oracle is halted; nothing of a source of another kind."""
    for market, terms in standing.ledger.markets.items():
        oracle = standing.chain.at("Oracle", terms.source).functions
        try:
            metrics.halted.labels(market=market).set(standing.chain.call(oracle.halt_by(), standing.block) != 0)
        except (ChainError, Web3Exception):
            continue
