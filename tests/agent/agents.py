"""Agents over a test's world, whose rounds the test itself calls."""

import time
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

SECONDS = 120


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
    """So many rounds of each, with everything they start done and in a block, and blocks in between."""
    for _ in range(count):
        _round(world, agents)
        if mine:
            world.mine(mine)
    _round(world, agents)


def _round(world, agents):
    for agent in agents:
        agent.round(world.chain.head())
        agent.core.wait()
    deadline = time.monotonic() + SECONDS
    while int(world.chain.web3.provider.make_request("txpool_status", [])["result"]["pending"], 16):
        assert time.monotonic() < deadline, "the node mines nothing"     # it mines what it took in its own time
        time.sleep(0.01)


def until(world, agent, client_id, *states):
    """The order once it is in one of the states."""
    return _until(world, agent, lambda: agent.order(client_id), states)


def until_moved(world, agent, key, *states):
    """The movement once it is in one of the states."""
    return _until(world, agent, lambda: next(one for one in agent.movements() if one.key == key), states)


def _until(world, agent, find, states, most=80):
    """Long enough for the window after this one, where a proof was slow to end."""
    for _ in range(most):
        if (found := find()).state in states:
            return found
        rounds(world, agent, count=1)
    raise AssertionError(f"{found} {agent.status().problems}")
