"""`shadowpool relayer run`: the service."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from offchain.chain import Chain
from offchain.deployment import Deployment
from offchain.keys import from_wallet
from offchain.ledger import Ledger
from relayer.carrier import Policy, carrier_app, server
from relayer.config import RelayerConfig
from relayer.duties import Duties
from relayer.leader import Leader
from relayer.proving import open_prover
from relayer.proving.broker import PASSWORD_VARIABLE
from relayer.sender import Sender
from relayer.service import Service, Settings
from relayer.store import Journal, Store
from relayer.telemetry import log, logs, metrics, tracing
from scripts.cli.common import AsJson, CommandError, account, show
from scripts.cli.relayer.common import RelayerAddress, carrier_fees, configured, needed_address

GWEI = 10**9

ConfigFile = Annotated[Path | None, typer.Option("--config", envvar="SHADOWPOOL_CONFIG", help="Settings, as TOML.")]
Keystore = Annotated[Path | None, typer.Option("--account", help="Keystore of the EVM account; else SHADOWPOOL_KEY.")]
Folder = Annotated[Path | None, typer.Option("--keys", help="Folder of the reveal keys.")]
Database = Annotated[str | None, typer.Option("--database", help="sqlite:///FILE or postgresql+psycopg://HOST/NAME.")]


def run(
    config: ConfigFile = None,
    account_file: Keystore = None,
    keys: Folder = None,
    database: Database = None,
    once: Annotated[bool, typer.Option("--once", help="Do what is due now, then end.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is due, and do nothing: needs no key.")] = False,
    relayer: RelayerAddress = None,
    as_json: AsJson = False,
) -> None:
    """Settle, print, release, advance, report who is silent, and change keys; until interrupted.

    It may be killed at any instant: the next one goes on from its database and the chain.
    """
    settings = configured(config, account=account_file, keys=keys, database=database)
    if dry_run:
        return show(rehearsed(settings, needed_address(settings.account, relayer)), as_json)
    with service(settings) as working:
        if not once:
            working.run(_interrupted())
        elif failed := working.run_once():
            raise CommandError(f"{failed} tasks could not be done: see the log")


def rehearsed(config: RelayerConfig, address: str) -> list[dict]:
    """What the relayer at `address` would do now, the most urgent first."""
    chain = Chain(config.rpc, Deployment.load(config.deployment), config.confirmations)
    ledger, head = Ledger(chain), chain.head()
    ledger.sync(head - ledger.depth)
    found = Duties(chain, ledger, address, config.key_rotation_blocks).find(head)
    return [{"would": one.stage, "market": one.market, "epoch": one.epoch, "before": one.deadline} for one in found]


@contextmanager
def service(config: RelayerConfig) -> Iterator[Service]:
    """All that a relayer consists of, ready to run; closed at the end."""
    with ExitStack() as stack:
        logs.configure(config.log_format)
        stack.callback(tracing.configure(config.tracing_endpoint))
        deployment = Deployment.load(config.deployment)
        who = account(config.account)
        chain = Chain(config.rpc, deployment, config.confirmations)
        store = Store.open(config.database, deployment)
        stack.callback(store.close)
        sender = Sender(chain, store, who, config.fee_cap_gwei * GWEI)
        stack.callback(sender.close)
        prover = stack.enter_context(_prover(config))
        ledger = Ledger(chain, journal=Journal(store))
        ledger.sync(progress=lambda block: log.info("syncing", block=block))
        notes = from_wallet(who, deployment.chain_id, deployment.contracts["Pool"])
        leader = Leader(chain, ledger, who, notes, config.keys, prover=prover)
        leader.duties.rotate_blocks = config.key_rotation_blocks
        listen(config, stack, sender)
        yield Service(leader, sender, store, Settings(config.workers, config.key_retention_blocks))


def _prover(config: RelayerConfig):
    password = os.environ.get(PASSWORD_VARIABLE)
    return open_prover(
        config.redis, config.proof_workers, password, config.prover_processes, float(config.proof_patience)
    )


def policy(config: RelayerConfig, chain: Chain, carrier: str) -> Policy:
    """What the relayer's own carrier asks and allows."""
    return Policy(
        carrier_fees(chain, carrier, config.carrier_fees), free_gas=config.carrier_free_gas,
        client_rate=config.carrier_client_rate, rate=config.carrier_rate, in_flight=config.carrier_in_flight,
    )  # fmt: skip


def listen(config: RelayerConfig, stack: ExitStack, sender: Sender) -> None:
    """Metrics and the carrier, where they are asked for, each on a thread of its own."""
    if config.metrics_listen is not None:
        serving, _ = metrics.serve(config.metrics_listen)
        stack.callback(serving.server_close)
        stack.callback(serving.shutdown)
    if config.carrier_listen is not None:
        host, port = metrics.address(config.carrier_listen)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        place = stack.enter_context(socket.create_server((host, port), family=family))    # not where nobody hears of it
        chain = sender.chain
        carrier = server(carrier_app(chain, sender, policy(config, chain, sender.account.address)), host, port)
        thread = threading.Thread(target=carrier.run, args=([place],), name="carrier", daemon=True)
        thread.start()
        stack.callback(thread.join)
        stack.callback(lambda: setattr(carrier, "should_exit", True))


def _interrupted() -> threading.Event:
    """Set by Ctrl-C or SIGTERM: what is at work is finished first."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
