"""What one linear equation over the field tells of wires that are bits, or lie in known ranges.

A range (low, high) says that a wire is, mod r, an integer from low to high; low may be negative.
"""

from dataclasses import dataclass

from offchain.field import R

Range = tuple[int, int]
MANY = 8
"""A rule that leaves more values than this leaves the wires open."""


@dataclass
class Linear:
    """Σ factor · wire = constant; the factors are not 0."""

    terms: dict[int, int]
    constant: int


def reduced(side: list[tuple[int, int]], values: list[int | None]) -> tuple[int, dict[int, int]]:
    """(sum of the known terms, the factors of the unknown wires)."""
    known, terms = 0, {}
    for wire, factor in side:
        value = values[wire]
        if value is None:
            terms[wire] = terms.get(wire, 0) + factor
        else:
            known += value * factor
    return known, terms


def linear(sides, values: list[int | None]) -> Linear | None:
    """A · B = C over its unknown wires; None where it is not linear in them."""
    (a, a_terms), (b, b_terms), (c, c_terms) = (reduced(side, values) for side in sides)
    if a_terms and b_terms:
        return None
    terms = {wire: -factor for wire, factor in c_terms.items()}
    for factors, other in ((a_terms, b), (b_terms, a)):
        for wire, factor in factors.items():
            terms[wire] = terms.get(wire, 0) + factor * other
    left = {wire: factor % R for wire, factor in terms.items()}
    return Linear({wire: factor for wire, factor in left.items() if factor}, (c - a * b) % R)


def weights(equation: Linear) -> tuple[list[tuple[int, int]], int] | None:
    """([(weight, wire)…] rising, the constant), if every weight, as an integer, is above the sum of
    those before it; else None."""
    for sign in (1, -1):
        rising = sorted((factor * sign % R, wire) for wire, factor in equation.terms.items())
        total = 0
        for weight, _ in rising:
            if weight <= total:
                break
            total += weight
        else:
            return rising, equation.constant * sign % R
    return None


def decode(equation: Linear) -> list[dict[int, int]] | None:
    """The bits that satisfy the equation, each way; None where the rule says nothing."""
    found = weights(equation)
    if found is None:
        return None
    rising, constant = found
    total = sum(weight for weight, _ in rising)
    if total - constant >= MANY * R:
        return None
    ways = []
    for target in range(constant, total + 1, R):
        bits = {}
        for weight, wire in reversed(rising):
            bits[wire] = int(weight <= target)
            target -= weight * bits[wire]
        if target == 0:
            ways.append(bits)
    return ways


def centred(word: int) -> int:
    """The integer nearest to 0 that is `word` mod r."""
    return word - R if word > R // 2 else word


def meet(a: Range | None, b: Range) -> Range | None:
    """The integers that both ranges allow, written as in `a`; None where there are none."""
    if a is None:
        return b
    turns = round((a[0] + a[1] - b[0] - b[1]) / 2 / R) * R
    low, high = max(a[0], b[0] + turns), min(a[1], b[1] + turns)
    return (low, high) if low <= high else None


def mirrored(equation: Linear, wire: int, other: int, span: Range) -> Range | None:
    """The range of `other` in ±wire ± other = constant, `wire` being in `span`; None if a factor
    is another."""
    scale = pow(equation.terms[other], -1, R)
    ratio, constant = centred(equation.terms[wire] * scale % R), centred(equation.constant * scale % R)
    if abs(ratio) != 1:
        return None
    ends = constant - ratio * span[0], constant - ratio * span[1]
    return min(ends), max(ends)


def divide(equation: Linear, x: int, y: int, of_x: Range, of_y: Range) -> list[int] | None:
    """The values of x in a x + y = c (after scaling) that the ranges allow; None if too many."""
    scale = pow(equation.terms[y], -1, R)
    a, c = centred(equation.terms[x] * scale % R), equation.constant * scale % R
    if a < 2:
        return None
    least, most = a * of_x[0] + of_y[0], a * of_x[1] + of_y[1]
    values: list[int] = []
    for target in range(c + -((c - least) // R) * R, most + 1, R):
        first, last = max(of_x[0], -((of_y[1] - target) // a)), min(of_x[1], (target - of_y[0]) // a)
        values += range(first, min(last, first + MANY) + 1)
        if len(values) > MANY:
            return None
    return [value % R for value in values]
