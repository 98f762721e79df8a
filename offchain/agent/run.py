"""An agent put together from its configuration, and run until it is told to stop."""

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from eth_account.signers.local import LocalAccount
from sqlalchemy import Engine

from offchain import keystore, restore
from offchain.agent.agent import Agent
from offchain.agent.book import Book
from offchain.agent.config import AgentConfig, ConfigError, GatewayConfig
from offchain.agent.core import Ahead, Core, Settings
from offchain.agent.courier import AccountRoute, Courier, Route, ServiceRoute
from offchain.agent.purse import Purse
from offchain.chain import Chain
from offchain.deployment import Deployment
from offchain.fix.settings import Settings as FixSettings
from offchain.holdings import Holdings
from offchain.keys import ShieldedKey, from_wallet
from offchain.ledger import Ledger
from offchain.outbox import Outbox
from offchain.store import FileLease, Journal
from offchain.wallet import Wallet

GWEI = 10**9
log = structlog.get_logger()


@dataclass(frozen=True)
class Running:
    """An agent at work; `gateway` is its address, `fix` its port, where they were asked for."""

    agent: Agent
    gateway: str | None
    fix: int | None


@contextmanager
def opened(config: AgentConfig, password: str) -> Iterator[Running]:
    """All that an agent consists of, open to its clients; `running.agent.run` then does its duties.

    ConfigError, KeystoreError, StoreError, Busy if another agent has the key, ChainError, GatewayError.
    """
    with ExitStack() as stack:
        chain = Chain(config.rpc, Deployment.load(config.deployment), config.confirmations)
        account = keystore.account(config.account, password) if config.account else None
        key = _key(config.key, password, chain.deployment)
        agent = stack.enter_context(assembled(config, chain, key, account, password))
        agent.round(chain.head())
        yield stack.enter_context(_served(config, agent))


@contextmanager
def assembled(
    config: AgentConfig, chain: Chain, key: ShieldedKey, account: LocalAccount | None, password: str
) -> Iterator[Agent]:
    """The agent alone, synced: nobody but this process reaches it, and it does nothing yet."""
    with ExitStack() as stack:
        name = key_name(key, chain)
        stack.callback(FileLease(_state_folder() / f"agent.{name}.lock").close)
        book = _book(config.store, chain.deployment, name)
        stack.callback(book.close)
        lease = book.lease(f"agent.{name}")
        stack.callback(lease.close)
        book.load(key)
        wallet = Wallet(chain, _ledger(config, chain, book, key), key, account)
        purse = Purse(wallet, list(config.credentials))
        own = _account_route(stack, config, chain, book, account) if account else None
        routes = [_route(stack, config, chain, book, one, own, password) for one in config.carriers]
        if config.in_my_name:
            routes.append(own)
        courier = Courier(chain, book, routes, purse.landed, own)
        core = Core(chain, book, purse, courier, _settings(config, chain.deployment))
        stack.callback(core.close)
        yield Agent(core, lease.hold)


def key_name(key: ShieldedKey, chain: Chain) -> str:
    """What tells a key's agent from another's on a machine, and tells nothing of the key."""
    words = f"shadowpool agent {chain.chain_id} {chain.deployment.contracts['Pool']} {key.owner}"
    return hashlib.sha256(words.encode()).hexdigest()[:32]


def _key(path: Path, password: str, deployment: Deployment) -> ShieldedKey:
    try:
        kind = dict(json.loads(path.read_text())).get("shadowpool")
    except (OSError, ValueError, TypeError):
        kind = None     # the keystore says below what is wrong with it
    if kind == keystore.Kind.SHIELDED:
        return keystore.shielded(path, password)
    return from_wallet(keystore.account(path, password), deployment.chain_id, deployment.contracts["Pool"])


def _state_folder() -> Path:
    """Where every agent of this user on this machine looks, whatever its configuration."""
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "shadowpool"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _book(url: str, deployment: Deployment, name: str) -> Book:
    """The database; a file of its own is its owner's alone to read."""
    before = os.umask(0o077)
    try:
        return Book.open(url, deployment, agent=name)
    finally:
        os.umask(before)


def _ledger(config: AgentConfig, chain: Chain, book: Book, key: ShieldedKey) -> Ledger:
    """The chain's public state: from the book, else in one download from the indexer, else from the node.

    RestoreError or Diverged, and nothing is kept, if the indexer does not tell what the chain holds.
    """
    journal = Journal(book)
    if config.indexer is not None and not any(journal.load()):
        ledger = restore.ledger(config.indexer, chain)
        holdings = Holdings(ledger, key)
        holdings.refresh()
        restore.check_spent(holdings)
        ledger.keep(journal)
        log.info("restored", block=ledger.block)
        return ledger
    ledger = Ledger(chain, journal=journal)
    ledger.sync(progress=lambda block: log.info("syncing", block=block))
    return ledger


def _account_route(
    stack: ExitStack, config: AgentConfig, chain: Chain, book: Book, account: LocalAccount
) -> AccountRoute:
    outbox = Outbox(chain, book, account, config.fee_cap_gwei * GWEI)
    stack.callback(outbox.close)
    return AccountRoute(outbox)


def _route(
    stack: ExitStack,
    config: AgentConfig,
    chain: Chain,
    book: Book,
    carrier: str | Path,
    own: AccountRoute | None,
    password: str,
) -> Route:
    if isinstance(carrier, str):
        return ServiceRoute(chain, carrier)
    account = keystore.account(carrier, password)
    if own is not None and account.address == own.name:
        raise ConfigError(f"the carrier {carrier} is agent.account itself: all would see whose orders they are")
    return _account_route(stack, config, chain, book, account)


def _settings(config: AgentConfig, deployment: Deployment) -> Settings:
    ahead = {
        deployment.asset(symbol): Ahead(pairs, _units(deployment, symbol, covering))
        for symbol, (pairs, covering) in config.ahead.items()
    }
    fees = {deployment.asset(symbol): _units(deployment, symbol, most) for symbol, most in config.max_fees.items()}
    return Settings(
        workers=config.workers, wait_epochs=config.wait_epochs, alert_blocks=config.alert_blocks, ahead=ahead,
        max_fees=fees,
    )  # fmt: skip


def _units(deployment: Deployment, symbol: str, text: str) -> int:
    """Base units of whole tokens; ConfigError for more decimals than the token has."""
    decimals = deployment.tokens[symbol].decimals
    whole, _, part = text.partition(".")
    if len(part) > decimals:
        raise ConfigError(f"{text} {symbol}: the token has {decimals} decimals")
    return int(whole) * 10**decimals + int(part.ljust(decimals, "0") or "0")


# --- Those who trade through it ---


@contextmanager
def _served(config: AgentConfig, agent: Agent) -> Iterator[Running]:
    """Checks first, then whoever places orders; they close in the other order."""
    from offchain.gateway.controls import Controls
    from offchain.gateway.pretrade import Limits

    with ExitStack() as stack:
        engine = agent.book.engine
        try:
            limits = Limits.model_validate(config.limits)
        except ValueError as error:
            raise ConfigError(f"limits: {error}") from None
        controls = Controls(agent, engine, initial=limits)
        port = stack.enter_context(_fix(config.fix, agent, engine)) if config.fix else None
        address = stack.enter_context(_gateway(config.gateway, agent, engine, controls)) if config.gateway else None
        yield Running(agent, address, port)


@contextmanager
def _fix(settings: FixSettings, agent: Agent, engine: Engine) -> Iterator[int]:
    from offchain.fix.acceptor import Acceptor

    acceptor = Acceptor(agent, settings, engine)
    acceptor.start()
    try:
        yield acceptor.port
    finally:
        acceptor.stop()


@contextmanager
def _gateway(config: GatewayConfig, agent: Agent, engine: Engine, controls) -> Iterator[str]:
    """The gateway with the slicer's routes; the slicer goes on from where it stood."""
    from offchain.gateway import seal
    from offchain.gateway.app import create
    from offchain.gateway.serve import serving
    from offchain.gateway.settings import Settings as GatewaySettings
    from offchain.slicer.routes import router
    from offchain.slicer.slicer import Slicer
    from offchain.slicer.tape import ledger_tape

    slicer = Slicer(agent, engine, ledger_tape(agent.purse.ledger))
    secret = seal.sealing_key(agent.purse.key.sk.to_bytes(32, "big"))
    settings = GatewaySettings(secret, config.origins, config.hosts, config.private_hosts)
    app = create(agent, settings, engine, [router(slicer)], controls)
    slicer.start()
    try:
        with serving(app, config.host, config.port) as address:
            yield address
    finally:
        slicer.stop()


def run(config: AgentConfig, password: str, stop: threading.Event) -> None:
    """Do everything that the configuration says until `stop`; what is at work then is finished first."""
    with opened(config, password) as running:
        log.info("agent serves", gateway=running.gateway, fix=running.fix)
        running.agent.run(stop)
