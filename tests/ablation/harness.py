"""Ablation: take away the constraint behind a guarantee, forge what it was stopping, and see the
forged witness satisfy the weakened circuit and no real one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import pytest

from offchain.poseidon import sponge
from offchain.statement import Statement, evaluate
from offchain.witness import Inputs, WitnessError
from tests.ablation.made import Made, Signals, make
from tests.ablation.solver import Conflict, Solver
from tests.ablation.sources import Edit, circuit

CHALLENGE = 987654321
"""Where statements are evaluated; the contract's choice."""

Lines = tuple[str, ...]


@dataclass(frozen=True)
class Forgery:
    """One way to break one guarantee.

    `cuts` are what is weakened: (old, new) in the subject's template, or (template, old, new).
    `lies` replace hints alone, so they weaken nothing: what a dishonest prover fills in.
    `inputs` and `words` (of the statement, by index) are what differs from the honest ones; `words`
    may be a function of the inputs. `beside` are cuts of other constraints that happen to stop the
    same forgery: it is shown that without them the guarantee's own constraint still does.
    """

    guarantee: str
    claim: str
    cuts: tuple[Lines, ...]
    lies: tuple[Lines, ...] = ()
    inputs: Inputs = field(default_factory=dict)
    words: dict[int, int] | Callable[[Inputs], dict[int, int]] = field(default_factory=dict)
    beside: tuple[Lines, ...] = ()


def cut(guarantee: str, claim: str, *cuts: Lines, lie=(), beside=(), words=(), **inputs) -> Forgery:
    """A forgery. `lie` and `beside` are one (old, new) or a list of them; the input "in" is in_."""
    changed = {"in" if name == "in_" else name: value for name, value in inputs.items()}
    return Forgery(guarantee, claim, cuts, _several(lie), changed, words or {}, _several(beside))


def _several(lines: Lines | list[Lines]) -> tuple[Lines, ...]:
    return tuple(lines) if isinstance(lines, list) else (lines,) if lines else ()


@dataclass(frozen=True)
class Subject:
    """A template at a small size, honest inputs, its guarantees in Python, and the forgeries.

    `words` gives the statement's words for the inputs, where the template has one: then the three
    public inputs are made here.
    """

    template: str
    size: str
    inputs: Callable[[], Inputs]
    holds: dict[str, Callable[[Signals], bool]]
    forgeries: tuple[Forgery, ...]
    words: Callable[[Inputs], list[int]] | None = None

    @property
    def made(self) -> Made:
        return _real(self.template, self.size)[0]

    @property
    def solver(self) -> Solver:
        return _real(self.template, self.size)[1]

    @cached_property
    def honest(self) -> list[int]:
        """The words of the honest witness."""
        return self.made.witness(self.all_inputs())

    def without(self, *cuts: Lines) -> Made:
        """The template with some lines replaced."""
        return make(circuit(self.template, self.size, tuple(map(self.edit, cuts))))

    def weakened(self, forgery: Forgery) -> Made:
        return self.without(*forgery.cuts, *forgery.beside, *forgery.lies)

    def all_inputs(self, forgery: Forgery | None = None) -> Inputs:
        changed = self.inputs() | (forgery.inputs if forgery else {})
        if self.words is None:
            return changed
        d = self.words(changed)
        if forgery:
            words = forgery.words(changed) if callable(forgery.words) else forgery.words
            d = [words.get(i, word) for i, word in enumerate(d)]
        return stated(d) | changed

    def edit(self, lines: Lines) -> Edit:
        return Edit(*lines) if len(lines) == 3 else Edit(self.template, *lines)


@lru_cache(maxsize=2)
def _real(template: str, size: str) -> tuple[Made, Solver]:
    """The circuit as it is. Few are kept: the largest take hundreds of megabytes."""
    made = make(circuit(template, size))
    return made, Solver(made.r1cs)


def stated(d: list[int]) -> Inputs:
    """The three public inputs for a statement."""
    made = Statement(sponge(d), CHALLENGE, evaluate(d, CHALLENGE))
    return {"digest": made.digest, "challenge": made.challenge, "evaluation": made.evaluation}


def check_honest(subject: Subject) -> None:
    """The honest witness satisfies the circuit and has every guarantee."""
    assert not subject.made.r1cs.violated(subject.honest)
    signals = Signals(subject.made.names, subject.honest)
    broken = [guarantee for guarantee, holds in subject.holds.items() if not holds(signals)]
    assert not broken, f"{subject.template} {broken} of an honest witness"


def check(subject: Subject, forgery: Forgery) -> None:
    """The forgery passes where its constraint is missing, breaks the guarantee, and the real circuit
    has no witness for it."""
    guard(subject, forgery, forge(subject, forgery))


def forge(subject: Subject, forgery: Forgery) -> dict[str, int]:
    """The signals, by name, of a witness that only the weakened circuit accepts as having the guarantee."""
    for lie in forgery.lies:
        assert lie[-2].split("<--")[0] == lie[-1].split("<--")[0] and "<--" in lie[-2], "a lie is about a hint"
    weak = subject.weakened(forgery)
    _is_weaker(weak, subject)
    words = weak.witness(subject.all_inputs(forgery))
    assert not weak.r1cs.violated(words)
    assert not subject.holds[forgery.guarantee](Signals(weak.names, words)), "the forgery breaks nothing"
    return dict(zip(weak.names[1:], words[1:]))


def guard(subject: Subject, forgery: Forgery, forged: dict[str, int]) -> None:
    """The real circuit has no witness with the forged signals, nor one of these inputs without the guarantee."""
    _has_no_place_in(subject.made, forged, subject.solver)
    if forgery.beside:
        still = subject.without(*forgery.beside)
        _has_no_place_in(still, forged, Solver(still.r1cs))
    _is_refused_or_right(subject, forgery.guarantee, subject.all_inputs(forgery))


def _is_refused_or_right(subject: Subject, guarantee: str, inputs: Inputs) -> None:
    """What the real calculator makes of the forged inputs, if anything, has the guarantee."""
    try:
        words = subject.made.witness(inputs)
    except WitnessError:
        return
    assert subject.holds[guarantee](Signals(subject.made.names, words))


def _is_weaker(weak: Made, subject: Subject) -> None:
    """Whatever was replaced, the honest witness still satisfies what is left."""
    words = dict(zip(subject.made.names, subject.honest))
    assert not weak.r1cs.violated([words[name] for name in weak.names]), "more than a constraint was changed"


def _has_no_place_in(made: Made, forged: dict[str, int], solver: Solver) -> None:
    """No witness of the circuit has the forged signals, whatever stands in those that they lack."""
    known = {wire: forged[name] for wire, name in enumerate(made.names) if name in forged}
    with pytest.raises(Conflict):
        solver.derive(known)
