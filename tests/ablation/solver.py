"""Which witnesses a system of constraints has, given some of its wires.

Everything that the given wires force is derived, by three rules:
- a constraint with one unknown wire, in a linear term, gives that wire;
- one whose unknown wires are bits, with weights each above the sum of those below, gives them all;
- a x + y = c with x and y in known ranges gives x where the ranges leave one value (a division).
Where a rule or a product that is 0 leaves a few values, each is followed. So a wire that is derived
has one value in every witness with the given wires; of one left open nothing is known yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import permutations

from offchain.field import R
from tests.ablation.rules import Linear, Range, decode, divide, linear, meet, mirrored, reduced, weights
from tests.offchain.r1cs import R1CS

BRANCHES = 64
"""How many times a search may branch before it gives up."""

TRIED = 60
"""Open wires from which a root is chosen."""

LIKELY = 6
"""Those of them that are followed to see what each gives."""

ROOTS = 150
"""How many roots a search looks for."""

Choice = dict[int, int]


class Conflict(Exception):
    """No witness has these values."""


class Undecided(Exception):
    """The rules neither find another witness nor exclude one."""


@dataclass
class State:
    """Values so far, and of each constraint how many unknown wires it has, and how many are no bits."""

    values: list[int | None]
    unknown: list[int]
    hard: list[int]
    queue: list[int] = field(default_factory=list)

    def copy(self) -> "State":
        return State(self.values[:], self.unknown[:], self.hard[:])


class Solver:
    def __init__(self, r1cs: R1CS):
        self.constraints = r1cs.constraints
        self.wires = [[{wire for wire, _ in side if wire} for side in sides] for sides in r1cs.constraints]
        self.places: list[list[int]] = [[] for _ in range(r1cs.wires)]
        for i, sides in enumerate(self.wires):
            for wire in set().union(*sides):
                self.places[wire].append(i)
        self.bits = {next(iter(sides[0])) for i, sides in enumerate(self.wires) if self._is_bit(i)}
        everything = [set().union(*sides) for sides in self.wires]
        self.count = [len(wires) for wires in everything]
        self.hard = [len(wires - self.bits) for wires in everything]
        self.ranges = {wire: (0, 1) for wire in self.bits}
        self.ranges |= dict(filter(None, map(self._sum_of_bits, range(len(self.wires)))))

    def derive(self, known: Choice) -> State:
        """Everything that the known wires force. Conflict where no witness has them."""
        state = State([1] + [None] * (len(self.places) - 1), self.count[:], self.hard[:], list(range(len(self.wires))))
        for wire, value in known.items():
            self._set(state, wire, value)
        return self._settled(state)

    def another(self, known: Choice, witness: list[int]) -> list[int] | None:
        """Another witness with the same known wires; None if there is none, wires that may have
        any value (`free`) aside. Undecided where the rules cannot tell."""
        pending = [self.derive(known)]
        for _ in range(BRANCHES):
            if not pending:
                return None
            state = pending.pop()
            if self.open(state):
                branches = self._branches(state)
                if branches is None:
                    return self._changed(state, witness)
                pending += branches
            elif (words := _filled(state, witness)) != witness:
                return words
        raise Undecided(f"more than {BRANCHES} branches")

    def open(self, state: State) -> list[int]:
        """The unknown wires of constraints that are not satisfied yet."""
        found: set[int] = set()
        for i in {i for wire, value in enumerate(state.values) if value is None for i in self.places[wire]}:
            equation = linear(self.constraints[i], state.values)
            found |= self._unknown(state, i) if equation is None else equation.terms.keys()
        return sorted(found)

    def free(self, state: State) -> list[int]:
        """The unknown wires that no constraint asks anything of."""
        taken = set(self.open(state))
        return [wire for wire, value in enumerate(state.values) if value is None and wire not in taken]

    # --- Deriving ---

    def _settled(self, state: State) -> State:
        """The state after all that its rules give."""
        while True:
            while state.queue:
                self._apply(state, state.queue.pop())
            if not any(self._assigned(state, choices) for choices in self._divisions(state)):
                return state

    def _apply(self, state: State, i: int) -> None:
        """The first two rules on one constraint."""
        if state.unknown[i] > 1 and state.hard[i] > 0 and not self._has_known_factor(state, i):
            return
        equation = linear(self.constraints[i], state.values)
        if equation is None:
            return
        if not equation.terms:
            if equation.constant:
                raise Conflict(f"constraint {i}")
        elif len(equation.terms) == 1:
            ((wire, factor),) = equation.terms.items()
            self._assign(state, wire, equation.constant * pow(factor, -1, R) % R)
        elif equation.terms.keys() <= self.bits and (ways := decode(equation)) is not None:
            self._assigned(state, ways)

    def _assigned(self, state: State, ways: list[Choice]) -> bool:
        """Take the only way there is; whether there was one. Conflict if there is none."""
        if not ways:
            raise Conflict("no value fits")
        if len(ways) > 1:
            return False
        for wire, value in ways[0].items():
            self._assign(state, wire, value)
        return True

    def _assign(self, state: State, wire: int, value: int) -> None:
        self._set(state, wire, value)
        state.queue += self.places[wire]

    def _set(self, state: State, wire: int, value: int) -> None:
        if wire in self.bits and value > 1:
            raise Conflict(f"wire {wire} is a bit")
        state.values[wire] = value
        for i in self.places[wire]:
            state.unknown[i] -= 1
            state.hard[i] -= wire not in self.bits

    def _divisions(self, state: State) -> Iterator[list[Choice]]:
        """What the third rule leaves of each division that is still unknown."""
        pairs = []
        for i, count in enumerate(state.unknown):
            if count == 2 and (equation := linear(self.constraints[i], state.values)) and len(equation.terms) == 2:
                pairs.append(equation)
        ranges = self._spread(pairs)
        for equation in pairs:
            for x, y in permutations(equation.terms):
                if x in ranges and y in ranges and state.values[x] is None is state.values[y]:
                    values = divide(equation, x, y, ranges[x], ranges[y])
                    if values is not None:
                        yield [{x: value} for value in values]

    def _spread(self, pairs: list[Linear]) -> dict[int, Range]:
        """The ranges of the pairs' wires, through ±x ± y = c from one to the other."""
        ranges = {wire: self.ranges[wire] for pair in pairs for wire in pair.terms if wire in self.ranges}
        changed = True
        while changed:
            changed = False
            for pair in pairs:
                for x, y in permutations(pair.terms):
                    if x not in ranges or (image := mirrored(pair, x, y, ranges[x])) is None:
                        continue
                    met = meet(ranges.get(y), image)
                    if met is None:
                        raise Conflict(f"no value of wire {y} fits")
                    changed |= met != ranges.get(y)
                    ranges[y] = met
        return ranges

    # --- Searching ---

    def _branches(self, state: State) -> list[State] | None:
        """The states after each of a few ways to go on, as far as they hold; None if no rule
        leaves a few."""
        for ways in self._ways(state):
            if len(ways) > 1:
                return [branch for way in ways if (branch := self._after(state, way))]
        return None

    def _ways(self, state: State) -> Iterator[list[Choice]]:
        yield from self._divisions(state)
        for i, count in enumerate(state.unknown):
            if count and state.hard[i] == 0 and (equation := linear(self.constraints[i], state.values)):
                yield decode(equation) or []
        for i, count in enumerate(state.unknown):
            if 0 < count < 3 and state.hard[i] and self._is_closed(state, i):
                yield self._zeros(state, i)

    def _is_closed(self, state: State, i: int) -> bool:
        """Whether as many constraints hold the constraint's unknown wires alone as there are of them."""
        wires = self._unknown(state, i)
        near = {j for wire in wires for j in self.places[wire] if state.unknown[j] <= len(wires)}
        return sum(self._unknown(state, j) <= wires for j in near) >= len(wires)

    def _zeros(self, state: State, i: int) -> list[Choice]:
        """The two ways of a product of single unknown wires to be 0."""
        a, b, c = (reduced(side, state.values) for side in self.constraints[i])
        if c[1] or c[0] % R or len(a[1]) != 1 or len(b[1]) != 1:
            return []
        return [{wire: -known * pow(factor, -1, R) % R} for known, terms in (a, b) for wire, factor in terms.items()]

    def _changed(self, state: State, witness: list[int]) -> list[int]:
        """A witness in which one wire that nothing derives differs, the others of that kind being as
        they were, and what depends on them is derived again."""
        roots, values = self._roots(state, witness)
        if values != witness:
            return values
        for root in roots:
            for value in [1 - witness[root]] if root in self.bits else [witness[root] + 1, witness[root] - 1]:
                branch = self._after(state, {root: value % R})
                for other in roots:
                    if branch and branch.values[other] is None:
                        branch = self._after(branch, {other: witness[other]})
                if branch and not self.open(branch):
                    return _filled(branch, witness)
        raise Undecided("some wires are open, but no other value of theirs was found to fit")

    def _roots(self, state: State, witness: list[int]) -> tuple[list[int], list[int]]:
        """Wires whose values, with the state's, give all others; and the witness with the old ones."""
        roots: list[int] = []
        while unknown := self.open(state):
            while unknown and len(roots) < ROOTS:
                likely = sorted(unknown[:TRIED], key=lambda wire: self._gain(state, wire, witness[wire]))[-LIKELY:]
                made = [(after, wire) for wire in likely if (after := self._after(state, {wire: witness[wire]}))]
                if not made:
                    raise Undecided("the open wires are not as they were")
                state, best = min(made, key=lambda one: (one[0].values.count(None), one[1]))
                roots.append(best)
                unknown = [wire for wire in unknown if state.values[wire] is None]
            if unknown:
                raise Undecided(f"more than {ROOTS} wires are open")
        return roots, _filled(state, witness)

    def _gain(self, state: State, wire: int, value: int) -> tuple[int, int]:
        """How many wires follow at once from a wire's value; of equals, the first wire is best."""
        state.values[wire] = value
        equations = (linear(self.constraints[i], state.values) for i in self.places[wire])
        gain = sum(equation is not None and len(equation.terms) == 1 for equation in equations)
        state.values[wire] = None
        return gain, -wire

    def _after(self, state: State, way: Choice) -> State | None:
        """The state once the wires have these values too; None where they cannot."""
        branch = state.copy()
        try:
            for wire, value in way.items():
                self._assign(branch, wire, value)
            return self._settled(branch)
        except Conflict:
            return None

    # --- Structure ---

    def _is_bit(self, i: int) -> bool:
        """Whether the constraint is w (w - 1) = 0."""
        a, b, c = self.wires[i]
        if c or a != b or len(a) != 1:
            return False
        roots = set()
        for side in self.constraints[i][:2]:
            known, terms = reduced(side, [1] + [None] * max(a))
            roots.add(-known * pow(*terms.values(), -1, R) % R)
        return roots == {0, 1}

    def _sum_of_bits(self, i: int) -> tuple[int, Range] | None:
        """(wire, its range) where the constraint says that it is a number of so many bits."""
        everything = set().union(*self.wires[i])
        if len(everything - self.bits) != 1 or len(everything) < 2:
            return None
        (wire,) = everything - self.bits
        equation = linear(self.constraints[i], [1] + [None] * max(everything))
        if equation is None or wire not in equation.terms or equation.constant:
            return None
        scale = -pow(equation.terms.pop(wire), -1, R)
        found = weights(Linear({bit: factor * scale % R for bit, factor in equation.terms.items()}, 0))
        total = sum(weight for weight, _ in found[0]) if found else R
        return (wire, (0, total)) if total < R and found[0][0][0] == 1 else None

    def _has_known_factor(self, state: State, i: int) -> bool:
        return any(all(state.values[wire] is not None for wire in side) for side in self.wires[i][:2])

    def _unknown(self, state: State, i: int) -> set[int]:
        return {wire for side in self.wires[i] for wire in side if state.values[wire] is None}


def _filled(state: State, witness: list[int]) -> list[int]:
    """The state's words, and the witness's where it has none."""
    return [old if new is None else new for old, new in zip(witness, state.values)]
