"""`shadowpool relayer carry`: the carrier as a service of its own."""

import signal
from typing import Annotated

import typer

from offchain.field import check_range
from relayer.carrier import Policy, carrier_app, serve, server
from relayer.sender import Sender
from relayer.store import Store
from scripts.cli.common import AccountFile, AsJson, CommandError, account, session, show
from scripts.cli.relayer.common import carrier_fees

DATABASE = "sqlite:///carrier.sqlite3"
LISTEN = "127.0.0.1:8470"
ASKED = Policy()

Fees = Annotated[list[str], typer.Option("--fee", help="SYMBOL=UNITS, the least fee of a transact; once a token.")]
Database = Annotated[str, typer.Option(envvar="SHADOWPOOL_CARRIER_DATABASE", help="Outbox; outlives the process.")]
Listen = Annotated[str, typer.Option(help="HOST:PORT. Put a TLS front or an onion service before it.")]


def carry(
    fee: Fees = [],
    listen: Listen = LISTEN,
    database: Database = DATABASE,
    free_gas: Annotated[int, typer.Option(help="Gas an hour for commits, reveals and reclaims.")] = ASKED.free_gas,
    client_rate: Annotated[int, typer.Option(help="Submissions a second of one address.")] = ASKED.client_rate,
    rate: Annotated[int, typer.Option(help="Submissions a second of all.")] = ASKED.rate,
    account_file: AccountFile = None,
    as_json: AsJson = False,
) -> None:
    """Carry others' orders free, and their transacts for the fee in their proof; until interrupted."""
    here, who = session(), account(account_file)
    host, port = _listen(listen)
    fees = carrier_fees(here.chain, who.address, _fees(fee))
    policy = Policy(fees, free_gas=free_gas, client_rate=client_rate, rate=rate)
    store = Store.open(database, here.deployment)
    try:
        sender = Sender(here.chain, store, who)
        try:
            app = carrier_app(here.chain, sender, policy)
            show({"carrier": who.address, "listens": listen, "database": store.engine.url.render_as_string()}, as_json)
            serving = server(app, host, port)
            for number in (signal.SIGINT, signal.SIGTERM):  # what is at work is finished first
                signal.signal(number, lambda *_: setattr(serving, "should_exit", True))
            serve(serving, sender)
        finally:
            sender.close()
    finally:
        store.close()


def _fees(texts: list[str]) -> dict[str, str]:
    """Whole tokens by symbol, of `SYMBOL=UNITS`."""
    found: dict[str, str] = {}
    for text in texts:
        symbol, _, units = text.partition("=")
        if symbol in found:
            raise CommandError(f"two fees in {symbol}: give one")
        found[symbol] = units
    return found


def _listen(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit():
        raise CommandError(f"{text!r} is nowhere to listen: give HOST:PORT, as {LISTEN}")
    return host.strip("[]"), check_range(int(port), 1, 1 << 16, "port")
