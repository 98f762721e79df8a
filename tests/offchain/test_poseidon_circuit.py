"""circuits/lib/poseidon.circom computes what offchain.poseidon does."""

import re

import pytest

from offchain import poseidon
from offchain.field import R
from offchain.poseidon import USES
from tests.offchain.circuit import compile_text, witness_words
from tests.offchain.r1cs import R1CS

LENGTHS = [1, 16, 17, 67]
WIDTHS = range(2, 18)
# Every use, all of its words out; and one that gives fewer than it could.
SQUEEZES = [*((use, width) for use, (_, width) in USES.items()), ("audit", 1)]


def constant(use: str) -> str:
    return f"TAG_{use.upper().replace('.', '_')}()"


def assembled() -> str:
    """One circuit that holds every shape, each on the words w[0], w[1], …"""
    parts, outs = [], 0

    def put(template: str, ins: int, count: int) -> None:
        nonlocal outs
        name = f"c{len(parts)}"
        lines = [f"component {name} = {template};"]
        lines += [f"{name}.in[{i}] <== w[{i}];" for i in range(ins)]
        source = (lambda i: f"{name}.out[{i}]") if count > 1 or "Squeeze" in template else (lambda i: f"{name}.out")
        lines += [f"out[{outs + i}] <== {source(i)};" for i in range(count)]
        outs += count
        parts.append("\n".join(lines))

    for t in WIDTHS:
        put(f"PoseidonPermute({t}, {t})", t, t)
    for use, (arity, _) in USES.items():
        put(f"Hash({constant(use)}, {arity})", arity, 1)
    for use, count in SQUEEZES:
        arity, width = USES[use]
        put(f"Squeeze({constant(use)}, {arity}, {width}, {count})", arity, count)
    for length in LENGTHS:
        put(f"Sponge({length})", length, 1)
    body = "\n".join(parts)
    return (
        'include "lib/poseidon.circom";\n'
        f"template All() {{ signal input w[67]; signal output out[{outs}];\n{body}\n}}\n"
        "component main = All();\n"
    )


def expected(words: list[int]) -> list[int]:
    outs = [word for t in WIDTHS for word in poseidon.permute(words[:t])]
    # A use whose width exceeds its arity is only ever squeezed: Hash has no padding.
    for use, (arity, _) in USES.items():
        outs.append(poseidon.permute([poseidon.tag(use), *words[:arity]])[0])
    for use, count in SQUEEZES:
        outs += poseidon.squeeze(use, words[: USES[use].arity], count)
    return outs + [poseidon.sponge(words[:length]) for length in LENGTHS]


@pytest.fixture(scope="module")
def every_shape():
    return compile_text("poseidon_all", assembled())


@pytest.mark.parametrize("words", [[0] * 67, list(range(67)), [R - 1 - 3**i for i in range(67)]])
def test_every_shape_agrees_with_python(every_shape, words):
    outs = expected(words)
    assert witness_words(every_shape.wasm, {"w": words})[1 : 1 + len(outs)] == outs


def test_node_is_plain_poseidon_of_240_constraints():
    text = 'include "lib/poseidon.circom";\ncomponent main = Node();\n'
    compiled = compile_text("node", text, level=2)
    assert re.search(r"non-linear constraints: (\d+)", compiled.messages)[1] == "240"
    assert witness_words(compiled.wasm, {"left": 1, "right": 2})[1] == poseidon.node(1, 2)


@pytest.mark.parametrize("template", ["Node()", "Squeeze(TAG_REVEAL(), 1, 4, 4)"])
def test_no_word_of_a_witness_can_change_alone(template):
    name = template.partition("(")[0].lower()
    compiled = compile_text(f"pinned_{name}", f'include "lib/poseidon.circom";\ncomponent main = {template};\n', level=2)
    inputs = {"left": 3, "right": 4} if name == "node" else {"in": 3}
    words, constraints = witness_words(compiled.wasm, inputs), R1CS(compiled.r1cs)
    assert constraints.violated(words) == []
    for wire in range(1, len(words)):
        forged = words[:wire] + [(words[wire] + 1) % R] + words[wire + 1 :]
        assert constraints.violated(forged), f"wire {wire} is free"
