"""Gas of every step, against the committed figures and the aims.

After a change that is meant to move them: `python -m scripts.snapshot --write`.
"""

import json
import os

from scripts.snapshot import FOLDER, WRITE_GAS
from tests.contracts.test_tree import fill
from tests.contracts.world import World

FIGURES = FOLDER / "gas.json"
AIMS = {
    "verify": 235_000,
    "deposit": 380_000,
    "transfer": 380_000,
    "withdraw with fee": 380_000,
    "commit": 400_000,
    "reveal": 70_000,
    "advance": 330_000,
    "settle 8": 460_000,
    "settle 64": 1_300_000,
}


def measure(world: World) -> dict[str, int]:
    gas = notes(world) | first_epoch(world)
    for size in (16, 64):
        gas[f"settle {size}"] = full_settlement(world, size)
    return gas


def notes(world: World) -> dict[str, int]:
    # The first of a kind pays for storage that the others find in place.
    world.deposit(10**9)
    fill(world, 62)
    world.advance(world.leaves(), world.fresh())
    gas = {"verify": verification(world)}
    gas["deposit"] = world.deposit(10**9).gas
    gas["transfer"] = world.transact(world.transaction()).gas
    pay = {"asset": world.base.address, "withdrawal": 5, "account": world.traders[0]}
    world.transact(world.transaction(**pay, fee=5, carrier=world.traders[2]))
    gas["withdraw with fee"] = world.transact(world.transaction(**pay, fee=5, carrier=world.traders[2])).gas
    fill(world, 56)
    gas["advance"] = world.advance(world.leaves()[64:128], world.fresh()).gas
    return gas


def verification(world: World) -> int:
    """A transaction that does nothing else."""
    proof, digest = world.prove("print", [1, 2, 3])
    verifier = world.verifiers["print"]
    return world.chain.send(world.stranger, verifier.encode("verify", proof, [digest, 1, 2]), verifier.address).gas


def first_epoch(world: World) -> dict[str, int]:
    """Epoch 3: eight reveals, one of them invalid; 7 is Empty, 8 fails."""
    gas, w = {}, world.windows(3)
    world.chain.before(w["open"])
    orders = [world.order(3) for _ in range(8)]
    gas["commit, first of its epoch"], gas["commit"], *_ = [world.commit(order).gas for order in orders]
    gas["cancel"] = world.reclaim(orders.pop(), 0).gas
    orders.append(world.order(3))
    world.commit(orders[-1])
    world.chain.before(w["reveal_from"])
    gas["reveal, first of its epoch"], gas["reveal"], *_ = [world.reveal(order).gas for order in orders]
    world.chain.before(w["settle_from"])
    s, slots, memo = world.settlement(3, orders)
    gas["settle 8"] = world.settle(s | {"invalid_mask": 1}, slots, memo).gas
    gas["reclaim"] = world.reclaim(orders[0], 1, slot=1).gas
    world.chain.mine(world.terms["deferral"])
    gas["print"] = world.print(3, s["print_commitment"], 1000, 50).gas
    world.committed(7, 1)
    orders = world.committed(8, 1)
    world.chain.before(world.windows(8)["reveal_from"])
    world.reveal(orders[0])
    gas["release"] = world.market.release(0, 7).gas
    world.chain.before(world.windows(8)["deadline"])
    gas["fail"] = world.market.fail(0, 8, sender=world.stranger).gas
    return gas


def full_settlement(world: World, size: int) -> int:
    for relayer in world.leaders:
        world.register_key(relayer, world.point(relayer))
    market = world.open_market(capacity=size, commit_blocks=70, freeze_blocks=2, reveal_blocks=70)
    orders = world.revealed(0, size, market=market)
    world.chain.before(world.windows(0, market)["settle_from"])
    return world.settle(*world.settlement(0, orders, size, market)).gas


def test_gas_is_as_recorded_and_within_the_aims(world):
    gas = measure(world)
    if os.environ.get(WRITE_GAS):
        FIGURES.write_text(json.dumps(gas, indent=1) + "\n")
    assert gas == json.loads(FIGURES.read_text())
    for name, aim in AIMS.items():
        assert gas[name] <= aim, name
