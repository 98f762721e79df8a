"""Events that do not follow from each other, as a lying node could give: Diverged, and nothing else."""

from random import Random

from offchain import contracts
from offchain.events import Event
from offchain.ledger import Diverged, Ledger
from offchain.state import State
from tests.fuzz.mutate import survey
from tests.fuzz.followed import entries

EVENTS = 50
NUMBERS = (0, 0, 0, 1, 1, 2, 3, 64, 2**20, 2**26, 2**32, 2**64, 2**160, 2**250, 2**256 - 1)
ADDRESS = "0x" + "00" * 20


def value(rng: Random, part: dict):
    kind = part["type"]
    if kind.endswith("]"):
        inner, _, size = kind[:-1].rpartition("[")
        return [value(rng, part | {"type": inner}) for _ in range(int(size or rng.randrange(3)))]
    if kind == "tuple":
        return {inner["name"]: value(rng, inner) for inner in part["components"]}
    if kind == "address":
        return ADDRESS
    if kind == "bool":
        return rng.random() < 0.5
    return bytes(32) if kind == "bytes32" else rng.choice(NUMBERS)


def test_events_in_any_order():
    assert set(contracts.FOLLOWED) == {name for name, _ in entries()}
    kinds = entries()
    # Setting a credential costs twenty hashes: less often than the rest.
    weights = [1 if entry["name"] == "LeavesSet" else 20 for _, entry in kinds]
    ledger, left = Ledger.__new__(Ledger), 0

    def one(rng: Random) -> bool:
        nonlocal left
        if left == 0:
            State.__init__(ledger)
            left = EVENTS
        left -= 1
        contract, entry = rng.choices(kinds, weights)[0]
        args = {part["name"]: value(rng, part) for part in entry["inputs"]}
        try:
            ledger._add(Event(contract, entry["name"], args, rng.randrange(9), bytes(32), 0, "0x"))
        except Diverged:
            return False
        return True

    survey("state", one)
