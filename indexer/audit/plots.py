"""Plots of a report: the same bytes for the same numbers, on any machine with the same versions."""

import io
from collections.abc import Callable, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from indexer.audit.examine import Examination
from offchain.notes import Side

INK, GREY, DEMAND, SUPPLY = "#14213d", "#8d99ae", "#1b6ca8", "#b5541c"
SIZE = (7.2, 2.9)
DPI = 150
Draw = Callable[[Figure], None]


def svg(draw: Draw) -> bytes:
    sink = io.BytesIO()
    with _style():
        FigureCanvasSVG(_drawn(draw)).print_svg(sink, metadata={"Date": None, "Creator": None})
    return sink.getvalue()


def png(draw: Draw) -> bytes:
    sink = io.BytesIO()
    with _style():
        FigureCanvasAgg(_drawn(draw)).print_png(sink, metadata={"Software": None})
    return sink.getvalue()


def _style():
    """Matplotlib as it comes, whatever the machine's own settings are; ids in SVG do not vary."""
    backend = {"backend", "backend_fallback"}
    plain = {name: value for name, value in matplotlib.rcParamsDefault.items() if name not in backend}
    return matplotlib.rc_context(plain | {
        "svg.hashsalt": "shadowpool", "font.size": 8, "axes.spines.top": False, "axes.spines.right": False,
        "axes.edgecolor": GREY, "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK,
        "savefig.dpi": DPI, "figure.dpi": DPI,
    })  # fmt: skip


def _drawn(draw: Draw) -> Figure:
    figure = Figure(figsize=SIZE, layout="constrained")
    draw(figure)
    return figure


def prices(examined: Sequence[Examination]) -> Draw:
    """Price and reference, and below them volume, by epoch; an epoch without a trade has no price."""

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        places = range(len(examined))
        above.plot(places, [one.reference for one in examined], color=GREY, linestyle="--", label="reference")
        traded = [place for place in places if examined[place].volume]
        paid = [examined[place].price for place in traded]
        above.plot(traded, paid, color=INK, marker="o", markersize=3, label="price")
        above.set_ylabel("quote units a lot")
        _legend(above)
        below.bar(places, [one.volume for one in examined], color=DEMAND, width=0.6)
        below.set_ylabel("lots")
        _by_epoch(below, examined)

    return draw


def fees(examined: Sequence[Examination]) -> Draw:
    """Fees by epoch: the leader's part, and on it the treasury's."""

    def draw(figure: Figure) -> None:
        axes, places = figure.subplots(), range(len(examined))
        leader = [one.leader_fee for one in examined]
        axes.bar(places, leader, color=INK, width=0.6, label="leader")
        axes.bar(places, [one.treasury_fee for one in examined], bottom=leader, color=GREY, width=0.6, label="treasury")
        axes.set_ylabel("quote units")
        _legend(axes)
        _by_epoch(axes, examined)

    return draw


def curve(one: Examination) -> Draw:
    """Lots wanted at a price or more, and offered at it or less; where they cleared."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        book = [line.opened.terms for line in one.lines if line.opened.valid]
        limits = [terms.price for terms in book] + [one.clearing.clamped]
        beside = max((max(limits) - min(limits)) // 10, 1)
        ends = min(limits) - beside, max(limits) + beside
        for side, colour, name in ((Side.BUY, DEMAND, "demand"), (Side.SELL, SUPPLY, "supply")):
            asked = sorted((terms.price, terms.quantity) for terms in book if terms.side == side)
            axes.step(*_steps(asked, side, ends), where="post", color=colour, label=name)
        axes.axvline(one.clearing.clamped, color=INK, linewidth=0.8, linestyle=":")
        name = f"market {one.market}, epoch {one.epoch}: {one.volume} lots at {one.price}"
        axes.set_title(name, fontsize=8, loc="left")
        axes.set_xlabel("price, quote units a lot")
        axes.set_ylabel("lots")
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.ticklabel_format(useOffset=False, style="plain")
        _legend(axes)

    return draw


def _steps(asked: list[tuple[int, int]], side: Side, ends: tuple[int, int]) -> tuple[list[int], list[int]]:
    """(prices, lots from each price on) of what was asked as (limit, lots), sorted."""
    total, running = sum(quantity for _, quantity in asked), 0
    xs, ys = [ends[0]], [total if side == Side.BUY else 0]
    for price, quantity in asked:
        running += quantity
        xs.append(price)
        ys.append(total - running if side == Side.BUY else running)
    return [*xs, ends[1]], [*ys, ys[-1]]


def _by_epoch(axes: Axes, examined: Sequence[Examination]) -> None:
    step = max(1, len(examined) // 16)
    chosen = range(0, len(examined), step)
    axes.set_xticks(list(chosen), [f"{examined[place].market}/{examined[place].epoch}" for place in chosen])
    axes.set_xlabel("market/epoch")
    axes.set_xlim(-0.75, max(len(examined), 6) - 0.25)
    axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    axes.yaxis.get_major_locator().set_params(integer=True)


def _legend(axes: Axes) -> None:
    """Above the axes, where nothing is drawn."""
    axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
