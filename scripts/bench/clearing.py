"""How fast a batch clears: the engine beside plain Python and a sorted book, in one run.

    python -m scripts.bench.clearing [--orders 1000000] [--repeats 3]

Two batches of each size: "book", limits around one price, lots as sizes of trades are spread; and
"margin", the worst case, every order at one price with any number of lots below 2^64, all rationed.
All three clear the same `Terms` to the same result, or this fails. Processor seconds of one thread,
the least of the repeats; "columns" is the engine where the batch is held as columns already. Writes
build/bench/clearing.json.
"""

import json
import random
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import Annotated

import typer

from offchain import clearing
from offchain.clearing import MAX_WORD, OFFSET_BITS, Clearing, Rationing
from offchain.notes import BPS, Side, Terms
from offchain.paths import BUILD
from relayer import engine
from relayer.engine import Book

OUTPUT = BUILD / "bench" / "clearing.json"
SEED = 5
EPOCH = 64
"""Orders of the largest epoch that a circuit settles."""
PRICE, COLLAR, OFFSET = 23_600, BPS, 2**127 + 12_345
TRIES = {EPOCH: 200}
"""Runs of a batch too small for the clock."""


def book(rng: random.Random) -> Terms:
    side = Side(rng.randrange(2))
    limit = max(1, round(rng.gauss(PRICE + (1 - 2 * side) * 20, 120)))
    return Terms(side, 1 + int(rng.lognormvariate(4, 1.5)), limit)


def margin(rng: random.Random) -> Terms:
    return Terms(Side(rng.randrange(2)), rng.randrange(1, MAX_WORD + 1), PRICE)


BATCHES: dict[str, Callable[[random.Random], Terms]] = {"book": book, "margin": margin}


def sorted_book(orders: list[Terms], reference: int, collar_bps: int, offset_source: int) -> Clearing:
    """Clear by sorting all orders by price and searching their running sums."""
    ordered = sorted(orders, key=lambda order: order.price)
    reached = list(accumulate(order.quantity for order in ordered))
    bids = sum(order.quantity for order in orders if order.side == Side.BUY)
    limit = lambda place: ordered[place].price if place < len(ordered) else MAX_WORD
    lo = limit(bisect_left(reached, bids)) if bids else 1
    hi = limit(bisect_right(reached, bids))
    price = max(lo, min(reference, hi))

    better, tied = [0, 0], [0, 0]
    for order in orders:
        if order.price == price:
            tied[order.side] += order.quantity
        elif (order.price > price) == (order.side == Side.BUY):
            better[order.side] += order.quantity
    demand, supply = better[0] + tied[0], better[1] + tied[1]
    long = Side.BUY if demand >= supply else Side.SELL
    left, total = min(demand, supply) - better[long], tied[long] or 1
    offset = offset_source * total >> OFFSET_BITS

    fills, running, given = [], 0, 0
    for order in orders:
        if order.price != price:
            fills.append(order.quantity if (order.price > price) == (order.side == Side.BUY) else 0)
        elif order.side != long:
            fills.append(order.quantity)
        else:
            running += order.quantity
            upto = (left * running + offset) // total
            fills.append(upto - given)
            given = upto
    within = abs(price - reference) * BPS <= collar_bps * reference
    volume = min(demand, supply) if within else 0
    result = tuple(fills) if within else (0,) * len(fills)
    return Clearing(lo, hi, price, within, Rationing(long, left, total, offset), price if volume else 0, volume, result)


def measured(name: str, size: int, repeats: int) -> dict[str, float]:
    """Seconds by method for one batch; ValueError if two of them differ in anything."""
    rng = random.Random(SEED)
    orders = [BATCHES[name](rng) for _ in range(size)]
    columns = Book.of(orders)
    methods = {
        "engine": lambda: engine.clear(orders, PRICE, COLLAR, OFFSET),
        "columns": lambda: engine.clear_book(columns, PRICE, COLLAR, OFFSET),
        "python": lambda: clearing.clear(orders, PRICE, COLLAR, OFFSET),
        "sorted_book": lambda: sorted_book(orders, PRICE, COLLAR, OFFSET),
    }
    expected, seconds = methods["python"](), {}
    for method, run in methods.items():
        if run() != expected:
            raise ValueError(f"{method} clears {name} of {size} orders otherwise than plain Python")
        seconds[method] = min(_seconds(run, TRIES.get(size, 1)) for _ in range(repeats))
        typer.echo(f"{name:7} {size:8} orders  {method:12} {seconds[method] * 1e3:10.3f} ms")
    return seconds


def _seconds(run: Callable[[], Clearing], tries: int) -> float:
    begun = time.process_time()
    for _ in range(tries):
        run()
    return (time.process_time() - begun) / tries


def main(
    orders: Annotated[int, typer.Option(min=1, max=engine.MAX_ORDERS, help="Orders of the large batches.")] = 1_000_000,
    repeats: Annotated[int, typer.Option(min=1)] = 3,
) -> None:
    """Measure, compare and write."""
    sizes = (EPOCH, orders)
    rows = [
        {"batch": name, "orders": size, "seconds": measured(name, size, repeats)} for name in BATCHES for size in sizes
    ]
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(rows, indent=2) + "\n")
    for row in rows:
        seconds = row["seconds"]
        typer.echo(
            f"{row['batch']} of {row['orders']}: {row['orders'] / seconds['engine']:,.0f} orders/s, "
            f"{seconds['python'] / seconds['engine']:.2f} × plain Python, "
            f"{seconds['sorted_book'] / seconds['engine']:.2f} × a sorted book"
        )


if __name__ == "__main__":
    typer.run(main)
