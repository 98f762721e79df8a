"""`shadowpool agent`: run an institution's agent, and trade through one that runs."""

import signal
import threading
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from offchain.agent.desk import DeskOrder, OrderState
from offchain.agent_client import DEFAULT_URL, KEY_FILE_VARIABLE, KEY_VARIABLE, URL_VARIABLE, AgentClient
from scripts.cli import agent_keys, parent
from scripts.cli.common import AsJson, CommandError, MarketId, show

app = typer.Typer(no_args_is_help=True, help="An institution's agent: run it, and trade through it.")
app.add_typer(parent.app, name="parent")
app.add_typer(agent_keys.app, name="key")
app.add_typer(agent_keys.decisions, name="decisions")

ConfigFile = Annotated[Path, typer.Option("--config", envvar="SHADOWPOOL_AGENT_CONFIG", help="The agent's settings, as TOML.")]
Agent = Annotated[
    str | None,
    typer.Option(
        "--agent", envvar=URL_VARIABLE, help=f"The agent's gateway; the key is in {KEY_VARIABLE}, or in the file {KEY_FILE_VARIABLE} names.",
        show_default=DEFAULT_URL,
    ),
]  # fmt: skip
ClientId = Annotated[str, typer.Argument(help="A name of your choice: the same is the same order, however often.")]
DIGITS = ("quantity", "price", "fill", "fill_price", "reference", "forfeited", "quota_nullifier", "amount")


@app.command()
def run(config: ConfigFile) -> None:
    """Do the duties of a key, and serve whoever trades through it, until interrupted. It may be killed at any instant."""
    from offchain import keystore
    from offchain.agent import logs
    from offchain.agent import run as agent
    from offchain.agent.config import AgentConfig

    settings = AgentConfig.load(config)
    logs.configure()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    agent.run(settings, keystore.password(), stop)


@app.command("fix-password")
def fix_password(as_json: AsJson = False) -> None:
    """Make a password for a FIX counterparty, and the hash that the settings hold."""
    from offchain.fix.settings import new_password

    password, digest = new_password()
    show({"password": password, "password_hash": digest}, as_json)


@app.command()
def status(agent: Agent = None, as_json: AsJson = False) -> None:
    """Where the agent stands, and what is wrong; exit code 1 if anything is."""
    with AgentClient.from_environment(agent) as client:
        found = client.status()
    show(_plain(found), as_json)
    if found.problems:
        raise typer.Exit(1)


@app.command()
def orders(
    client_id: Annotated[str | None, typer.Argument(help="One of them; else all.")] = None,
    state: Annotated[OrderState | None, typer.Option(help="Only those in this state.")] = None,
    after: Annotated[int, typer.Option(help="Only those that changed after this event.")] = 0,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 100,
    agent: Agent = None,
    as_json: AsJson = False,
) -> None:
    """Orders, by their last change."""
    with AgentClient.from_environment(agent) as client:
        found = [client.order(client_id)] if client_id else client.orders(after, limit, state)
    columns = (
        "client_id", "market", "epoch", "side", "quantity", "price", "state", "fill", "fill_price", "forfeited", "reason",
    )  # fmt: skip
    rows = [_order(one) for one in found]
    show(rows if as_json else [{name: row[name] for name in columns} for row in rows], as_json)


@app.command()
def place(
    client_id: ClientId,
    side: Annotated[str, typer.Argument(help="buy or sell.")],
    quantity: Annotated[int, typer.Argument(help="Lots.")],
    price: Annotated[int, typer.Argument(help="Limit in quote units a lot.")],
    market: MarketId = 0,
    epoch: Annotated[int | None, typer.Option(help="Else the first whose window it can still make.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until it has ended.")] = False,
    agent: Agent = None,
    as_json: AsJson = False,
) -> None:
    """Hand an order to the agent, which commits it, reveals it and brings it to its end."""
    with AgentClient.from_environment(agent) as client:
        order = client.place(client_id, market, side, quantity, price, epoch)
        order = client.wait(client_id) if wait else order
    show(_order(order), as_json)


@app.command()
def cancel(client_id: ClientId, agent: Agent = None, as_json: AsJson = False) -> None:
    """Ask an order back; before the freeze only."""
    with AgentClient.from_environment(agent) as client:
        show(_order(client.cancel(client_id)), as_json)


@app.command()
def balances(agent: Agent = None, as_json: AsJson = False) -> None:
    """By token, in base units: available, locked in orders, and the most that one order may lock now."""
    with AgentClient.from_environment(agent) as client:
        rows = [asdict(one) for one in client.balances()]
    amounts = ("available", "locked", "largest_pair")
    show([row | {name: str(row[name]) for name in amounts} for row in rows], as_json)


@app.command()
def movements(agent: Agent = None, as_json: AsJson = False) -> None:
    """Deposits, withdrawals and joins of notes, the newest first."""
    with AgentClient.from_environment(agent) as client:
        show([_plain(one) for one in client.movements()], as_json)


@app.command()
def limits(agent: Agent = None) -> None:
    """The limits in force, as JSON; `PUT /v1/limits` of the gateway changes them (docs/gateway.md)."""
    with AgentClient.from_environment(agent) as client:
        show(client.ask(dict, "GET", "/limits"), True)


@app.command()
def kill(
    reason: Annotated[str, typer.Argument(help="Why, for the log of decisions.")],
    off: Annotated[bool, typer.Option("--off", help="Take orders again.")] = False,
    cancel_open: Annotated[bool, typer.Option("--cancel", help="Ask open orders back too.")] = False,
    agent: Agent = None,
    as_json: AsJson = False,
) -> None:
    """The kill switch: no order is taken until it is off; reveals and reclaims go on."""
    if off and cancel_open:
        raise CommandError("--cancel goes with turning the switch on")
    body = {"on": not off, "reason": reason} | ({"cancel": True} if cancel_open else {})
    with AgentClient.from_environment(agent) as client:
        show(client.ask(dict, "POST", "/kill", body), as_json)


def _order(order: DeskOrder) -> dict[str, Any]:
    return _plain(order) | {"side": order.side.name.lower()}


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass for JSON: names of states, lots, prices and amounts as decimal text."""
    return {name: _field(name, one) for name, one in asdict(value).items()}


def _field(name: str, value: Any) -> Any:
    if isinstance(value, Enum):
        return str(value)
    return str(value) if name in DIGITS and value is not None else list(value) if isinstance(value, tuple) else value
