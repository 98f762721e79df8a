"""`shadowpool agent parent`: orders that the agent works over many epochs (docs/slicer.md)."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from offchain.agent_client import DEFAULT_URL, KEY_FILE_VARIABLE, KEY_VARIABLE, URL_VARIABLE, AgentClient
from offchain.slicer.parents import Action, Child, Parent, ParentState, Strategy
from offchain.slicer.routes import ParentTold, ReportTold
from scripts.cli.common import AsJson, MarketId, show

app = typer.Typer(no_args_is_help=True, help="Parent orders: one child an epoch, by schedule or by volume.")

KEY = f"the key is in {KEY_VARIABLE}, or in the file that {KEY_FILE_VARIABLE} names"
Agent = Annotated[
    str | None,
    typer.Option("--agent", envvar=URL_VARIABLE, help=f"The agent's gateway; {KEY}.", show_default=DEFAULT_URL),
]
Id = Annotated[str, typer.Argument(help="The parent's id.")]
STEERING = {
    Action.PAUSE: "Place no new children until it is resumed.",
    Action.RESUME: "Go on after a pause.",
    Action.CANCEL: "Place no more, and take back the children that are not frozen yet.",
}


@app.command()
def start(
    id: Annotated[str, typer.Argument(help="A name of your choice: the same is the same parent, however often.")],
    side: Annotated[str, typer.Argument(help="buy or sell.")],
    quantity: Annotated[int, typer.Argument(help="Lots in all.")],
    price: Annotated[int, typer.Argument(help="Limit of every child, in quote units a lot.")],
    strategy: Annotated[Strategy, typer.Option(help="How it is spread.")],
    epochs: Annotated[int, typer.Option(help="How many epochs it may take.")],
    first: Annotated[int | None, typer.Option("--start", help="The first epoch; else the present one.")] = None,
    minimum: Annotated[int | None, typer.Option(help="Lots of the smallest child; else the market's least.")] = None,
    jitter_bps: Annotated[int | None, typer.Option(help="How far sizes stray from the schedule; else 2000.")] = None,
    rate_bps: Annotated[int | None, typer.Option(help="Of participation: its share of the printed volume.")] = None,
    urgency_bps: Annotated[int | None, typer.Option(help="Of shortfall: how much sooner.")] = None,
    market: MarketId = 0,
    agent: Agent = None,
    as_json: AsJson = False,
) -> None:
    """Have an order worked over many epochs."""
    with AgentClient.from_environment(agent) as client:
        made = client.start_parent(
            id, market, side, quantity, price, strategy, epochs, first, minimum, jitter_bps, rate_bps, urgency_bps
        )
    show(_row(made), as_json)


@app.command("list")
def list_parents(
    state: Annotated[ParentState | None, typer.Option(help="Only those in this state.")] = None,
    agent: Agent = None,
    as_json: AsJson = False,
) -> None:
    """Parent orders, the newest first."""
    columns = (
        "id", "market", "side", "quantity", "price", "strategy", "start", "end", "state", "filled", "open", "reason",
    )  # fmt: skip
    with AgentClient.from_environment(agent) as client:
        rows = [_row(one) for one in client.parents(state)]
    show(rows if as_json else [{name: row[name] for name in columns} for row in rows], as_json)


def _steering(action: Action) -> Callable[..., None]:
    def steer(id: Id, agent: Agent = None, as_json: AsJson = False) -> None:
        with AgentClient.from_environment(agent) as client:
            show(_row(client.steer_parent(id, action)), as_json)

    return steer


for action, does in STEERING.items():
    app.command(action.value, help=does)(_steering(action))


@app.command()
def report(id: Id, agent: Agent = None, as_json: AsJson = False) -> None:
    """What it did, against the price at its arrival."""
    with AgentClient.from_environment(agent) as client:
        found = client.parent_report(id)
    plain = ReportTold.model_validate(found).model_dump(mode="json")
    if as_json:
        return show(plain, True)
    show(plain.pop("parent") | {name: value for name, value in plain.items() if name != "children"}, False)
    show([_child(one) for one in found.children], False)


def _row(parent: Parent) -> dict[str, Any]:
    return ParentTold.model_validate(parent).model_dump(mode="json")


def _child(child: Child) -> dict[str, Any]:
    return {
        "epoch": child.epoch, "order": child.client_id, "lots": child.quantity, "state": child.state,
        "fill": child.fill, "price": child.fill_price, "reason": child.reason,
    }  # fmt: skip
