"""Poseidon's parameters: the Grain LFSR of its reference, and the sparse partial rounds.

Source: Grassi, Khovratovich, Rechberger, Roy, Schofnegger, "Poseidon", USENIX Security
2021, appendices B (sparse form), E and F (generation). circomlib draws the same stream.
"""

from dataclasses import dataclass
from functools import cache
from itertools import compress

from gmpy2 import invert, mpz

from offchain.field import R

FULL = 8
PARTIAL = (56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68)
"""Partial rounds for widths 2 to 17, as circomlib has them."""

_BITS = 254
_TAPS = (62, 51, 38, 23, 13, 0)

Vector = list[mpz]
Matrix = list[Vector]


@dataclass(frozen=True)
class Parameters:
    """Round constants of one width, the partial rounds in sparse form.

    With x the state without element 0, a partial round is made sparse by carrying
    z = A^(rounds left)·x in place of x, where A is the mixing matrix less row and column 0.
    """

    first: list[Vector]  # constants of full rounds 1..4, a vector a round
    enter: Matrix  # x -> z, before the partial rounds
    keys: Vector  # element 0's constant, one a partial round
    rows: list[Vector]  # what element 0 takes from z, one a partial round
    columns: list[Vector]  # what z gains per unit of the S-box's output, one a partial round
    second: list[Vector]  # constants of full rounds 5..8
    mix: Matrix


@cache
def parameters(t: int) -> Parameters:
    """Parameters of width t, 2 <= t <= 17."""
    constants, mix = generate(t)
    return _sparse(t, constants, mix)


def generate(t: int) -> tuple[list[Vector], Matrix]:
    """Round constants (a vector of t for each round) and the t × t mixing matrix."""
    rounds = FULL + partial_rounds(t)
    # 4 raw bits make one; R is 0.756 of 2^254. A tenth more is ample; _Stream checks.
    stream = _Stream(t, raw_bits=int(4.4 * _BITS * (t * rounds / 0.756 + 2 * t)) + 4000)
    constants = [[stream.element() for _ in range(t)] for _ in range(rounds)]
    seeds = [stream.integer() % R for _ in range(2 * t)]
    if len(set(seeds)) != 2 * t:
        raise ArithmeticError(f"Grain gave equal seeds for width {t}")
    xs, ys = seeds[:t], seeds[t:]
    return constants, [[invert(x + y, R) for y in ys] for x in xs]


def partial_rounds(t: int) -> int:
    if not 2 <= t <= len(PARTIAL) + 1:
        raise ValueError(f"Poseidon has widths 2 to {len(PARTIAL) + 1}, not {t}")
    return PARTIAL[t - 2]


class _Stream:
    """The self-shrunk output of Grain, as an iterator of 254-bit integers."""

    def __init__(self, t: int, raw_bits: int):
        header = f"{1:02b}{0:04b}{_BITS:012b}{t:012b}{FULL:010b}{partial_rounds(t):010b}" + "1" * 30
        raw = _lfsr(int(header[::-1], 2), raw_bits)
        # The state (80 bits) and 160 more are dropped. The rest are read in pairs: the
        # second counts if the first is 1.
        chosen = map(int, raw[240::2])
        self._bits = "".join(compress(raw[241::2], chosen))
        self._at = 0

    def integer(self) -> mpz:
        at, self._at = self._at, self._at + _BITS
        if self._at > len(self._bits):
            raise ArithmeticError("the Grain stream was cut too short")
        return mpz(self._bits[at : self._at], 2)

    def element(self) -> mpz:
        """The next integer below R."""
        while (value := self.integer()) >= R:
            pass
        return value


def _lfsr(state: int, count: int) -> str:
    """`count` bits from an 80-bit state, oldest first.

    Over GF(2) the feedback polynomial's 2^k-th power is itself with exponents times 2^k,
    so once 80·2^k bits are known the next 18·2^k follow at once.
    """
    bits, known, scale = state, 80, 1
    while known < count:
        while 160 * scale <= known:
            scale *= 2
        step = 18 * scale
        window = bits >> (known - 80 * scale)
        fresh = 0
        for tap in _TAPS:
            fresh ^= window >> (tap * scale)
        bits |= (fresh & ((1 << step) - 1)) << known
        known += step
    return f"{bits:0{known}b}"[::-1][:count]


def _sparse(t: int, constants: list[Vector], mix: Matrix) -> Parameters:
    partial, half = partial_rounds(t), FULL // 2
    inner = [row[1:] for row in mix[1:]]
    row, column = mix[0][1:], [line[0] for line in mix[1:]]

    # Constants of x pass through the linear layers, and reach element 0 through `row`.
    keys, carried, into_zero = [], [mpz(0)] * (t - 1), mpz(0)
    for key, *rest in constants[half : half + partial]:
        keys.append((key + into_zero) % R)
        total = [(a + b) % R for a, b in zip(carried, rest)]
        into_zero = _dot(row, total)
        carried = _apply(inner, total)
    second = constants[half + partial :]
    second[0] = [(a + b) % R for a, b in zip(second[0], [into_zero, *carried])]

    columns = [column]
    rows = [_apply(_transpose(back := _invert(inner)), row)]
    for _ in range(partial - 1):
        columns.append(_apply(inner, columns[-1]))
        rows.append(_apply(_transpose(back), rows[-1]))
    return Parameters(
        first=constants[:half],
        enter=_power(inner, partial),
        keys=keys,
        rows=rows[::-1],
        columns=columns[::-1],
        second=second,
        mix=mix,
    )


def _dot(a: Vector, b: Vector) -> mpz:
    return sum(x * y for x, y in zip(a, b)) % R


def _apply(matrix: Matrix, vector: Vector) -> Vector:
    return [_dot(row, vector) for row in matrix]


def _transpose(matrix: Matrix) -> Matrix:
    return [list(column) for column in zip(*matrix)]


def _power(matrix: Matrix, exponent: int) -> Matrix:
    columns = _transpose(matrix)
    for bit in f"{exponent:b}"[1:]:
        columns = [_apply(_transpose(columns), column) for column in columns]
        if bit == "1":
            columns = [_apply(matrix, column) for column in columns]
    return _transpose(columns)


def _invert(matrix: Matrix) -> Matrix:
    """Gauss–Jordan. A pivot is never 0: leading blocks of a Cauchy matrix are Cauchy."""
    size = len(matrix)
    wide = [row + [mpz(i == j) for j in range(size)] for i, row in enumerate(matrix)]
    for i in range(size):
        scale = invert(wide[i][i], R)
        wide[i] = [value * scale % R for value in wide[i]]
        for k in range(size):
            if k != i and (factor := wide[k][i]):
                wide[k] = [(a - factor * b) % R for a, b in zip(wide[k], wide[i])]
    return [row[size:] for row in wide]
