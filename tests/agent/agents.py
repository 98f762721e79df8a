"""Agents over a test's world, whose rounds the test itself calls."""

from contextlib import contextmanager

from offchain.agent.agent import Agent
from offchain.agent.book import Book
from offchain.agent.core import Core, Settings
from offchain.agent.courier import AccountRoute, Courier, ServiceRoute
from offchain.agent.purse import Purse
from offchain.ledger import Ledger
from offchain.outbox import Outbox
from offchain.store import Journal
from offchain.wallet import Wallet
from tests.world import CONFIRMATIONS, account

CARRIERS = {"ash": 15, "birch": 16, "cedar": 17}
"""Accounts that nobody else in a world sends from."""


@contextmanager
def agent_of(world, name, folder, services=(), **settings):
    """The agent of a trader, with a ledger, a book and a carrier of its own; again on the same folder is its restart.

    With `services` it has no account, and these carry for it.
    """
    trader = world.traders[name]
    credential = folder / f"{name}.credential.json"
    trader.credential.save(credential)
    book = Book.open(f"sqlite:///{folder}/{name}.sqlite3", world.deployment)
    book.load(trader.key)
    wallet = Wallet(world.chain, Ledger(world.chain, journal=Journal(book)), trader.key, trader.account)
    purse = Purse(wallet, [credential])
    carrier, own = (AccountRoute(Outbox(world.chain, book, who)) for who in (account(CARRIERS[name]), trader.account))
    routes = [ServiceRoute(world.chain, url) for url in services] or [carrier]
    courier = Courier(world.chain, book, routes, purse.landed, None if services else own)
    core = Core(world.chain, book, purse, courier, Settings(commit_seconds=5.0, **settings))
    try:
        yield Agent(core)
    finally:
        core.close()
        carrier.outbox.close()
        own.outbox.close()
        book.close()


def rounds(world, *agents, count=3, mine=CONFIRMATIONS):
    """So many rounds of each, with everything they start done, and blocks in between."""
    for _ in range(count):
        for agent in agents:
            agent.round(world.chain.head())
            agent.core.wait()
        if mine:
            world.mine(mine)
    for agent in agents:
        agent.round(world.chain.head())
        agent.core.wait()


def until(world, agent, client_id, *states, most=20):
    """The order once it is in one of the states."""
    for _ in range(most):
        order = agent.order(client_id)
        if order.state in states:
            return order
        rounds(world, agent, count=1)
    raise AssertionError(f"{order} {agent.status().problems}")
