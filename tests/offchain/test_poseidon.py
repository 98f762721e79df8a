import re

import pytest
from light_poseidon_python import Hasher

from offchain import grain, poseidon
from offchain.field import R, RangeError, tag
from offchain.paths import CIRCUITS, NODE_MODULES
from offchain.poseidon import STATEMENT, USES, UseError

CONSTANTS = NODE_MODULES / "circomlib/circuits/poseidon_constants.circom"
WIDTHS = range(2, 18)


def plain(state: list[int]) -> list[int]:
    """Poseidon as its paper defines it: dense mixing in every round."""
    constants, mix = grain.generate(len(state))
    rounds = len(constants)
    for r, keys in enumerate(constants):
        state = [(int(k) + s) % R for k, s in zip(keys, state)]
        full = r < 4 or r >= rounds - 4
        state = [pow(s, 5, R) if full or i == 0 else s for i, s in enumerate(state)]
        state = [sum(int(m) * s for m, s in zip(row, state)) % R for row in mix]
    return state


@pytest.fixture(scope="module")
def circomlib() -> dict[str, dict[int, list[int]]]:
    """circomlib's C and M, flat, by function and width."""
    tables = {}
    for body in CONSTANTS.read_text().split("function POSEIDON_")[1:]:
        widths = re.split(r"t *== *(\d+)", body)
        tables[body[0]] = {
            int(t): [int(word, 16) for word in re.findall(r"0x[0-9a-f]+", words)]
            for t, words in zip(widths[1::2], widths[2::2])
        }
    return tables


@pytest.mark.parametrize("t", WIDTHS)
def test_constants_are_circomlibs(circomlib, t):
    constants, mix = grain.generate(t)
    # circomlib keeps the transpose; its optimised C begins with the first round's constants.
    assert circomlib["M"][t] == [row[i] for i in range(t) for row in mix]
    assert circomlib["C"][t][:t] == constants[0]


@pytest.mark.parametrize("t", WIDTHS)
def test_sparse_rounds_equal_the_plain_permutation(t):
    for state in ([0] * t, list(range(t)), [R - 1 - i**i for i in range(t)]):
        assert poseidon.permute(state) == plain(state)


@pytest.mark.parametrize("n", range(1, 13))
def test_permutation_equals_light_poseidon(n):
    words = [(R - 1) // (i + 1) for i in range(n)]
    expected = Hasher(n).hash_bytes_be([word.to_bytes(32, "big") for word in words])
    assert poseidon.permute([0, *words])[0] == int(expected, 16)


def test_known_vector():
    known = 7853200120776062878684798364095072458815029376092732009249414926327459813530
    assert poseidon.node(1, 2) == poseidon.permute([0, 1, 2])[0] == known


def test_tags_are_pairwise_distinct_and_not_a_nodes():
    tags = [tag(use) for use in [*USES, STATEMENT]]
    assert len(set(tags)) == len(tags) and 0 not in tags


def test_tags_of_the_circuits_are_ours():
    text = (CIRCUITS / "lib/tags.circom").read_text()
    functions = re.findall(r"function TAG_(\w+)\(\) { return (\d+); }", text)
    ours = {use.upper().replace(".", "_"): str(tag(use)) for use in [*USES, STATEMENT]}
    assert dict(functions) == ours and len(functions) == len(ours)


@pytest.mark.parametrize("use", USES)
def test_hash_and_squeeze_share_one_permutation_and_split_its_output(use):
    arity, width = USES[use]
    words = list(range(1, arity + 1))
    state = plain([tag(use), *words] + [0] * (width - arity))
    assert poseidon.hash(use, *words) == state[0]
    assert poseidon.squeeze(use, words, width) == state[1:]


@pytest.mark.parametrize("use", USES)
def test_every_word_of_a_use_counts(use):
    words = [7] * USES[use].arity
    changed = [words[:i] + [8] + words[i + 1 :] for i in range(len(words))]
    assert len({poseidon.hash(use, *w) for w in [words, *changed]}) == len(words) + 1


@pytest.mark.parametrize("use, words", [("notes", [1]), ("note", [1] * 3), ("note", [1] * 5), (STATEMENT, [1])])
def test_unknown_uses_and_other_arities_are_refused(use, words):
    with pytest.raises(UseError):
        poseidon.hash(use, *words)
    with pytest.raises(UseError):
        poseidon.squeeze(use, words, 1)


@pytest.mark.parametrize("count", [0, 5, -1])
def test_a_stream_ends_with_the_permutation(count):
    with pytest.raises(UseError):
        poseidon.squeeze("reveal", [1], count)


@pytest.mark.parametrize("bad", [-1, R, "1"])
def test_words_outside_the_field_are_refused(bad):
    for call in (
        lambda: poseidon.hash("view", bad),
        lambda: poseidon.squeeze("view", [bad], 1),
        lambda: poseidon.node(0, bad),
        lambda: poseidon.sponge([bad]),
    ):
        with pytest.raises(RangeError):
            call()


def test_sponge_absorbs_in_blocks_of_sixteen():
    words = list(range(100, 120))
    state = plain([tag(STATEMENT) + 20, *words[:16]])
    state = plain([state[0], *[s + w for s, w in zip(state[1:], words[16:] + [0] * 12)]])
    assert poseidon.sponge(words) == state[0]


def test_sponge_tells_lengths_apart():
    digests = {poseidon.sponge([0] * length) for length in range(1, 34)}
    assert len(digests) == 33
    with pytest.raises(UseError):
        poseidon.sponge([])
