import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from offchain.field import R, RangeError
from offchain.paths import NODE_MODULES
from offchain.witness import WitnessCalculator, WitnessError
from tests.offchain.circuit import compile_text, witness_words

# Signals to be set in one and two dimensions, a guard in a component, a log of an input.
CIRCUIT = """
template Guard() { signal input x; signal input y; log("x", x); x === y; }
template Table() {
    signal input a;
    signal input m[2][3];
    signal output sum;
    component guard = Guard();
    guard.x <== a;
    guard.y <== m[1][0];
    var s = 0;
    for (var i = 0; i < 2; i++) for (var j = 0; j < 3; j++) s += (10 * i + j + 1) * m[i][j];
    sum <== s * a;
}
component main { public [a] } = Table();
"""
GOOD = {"a": 4, "m": [[1, 2, 3], [4, 5, R - 1]]}


@pytest.fixture(scope="module")
def table():
    return compile_text("table", CIRCUIT)


def test_the_witness_begins_with_one_outputs_and_public_inputs(table):
    total = 1 * 1 + 2 * 2 + 3 * 3 + 11 * 4 + 12 * 5 + 13 * (R - 1)
    assert witness_words(table.wasm, GOOD)[:3] == [1, total * 4 % R, 4]


def test_the_file_is_what_snarkjs_reads(table, tmp_path):
    calculator = WitnessCalculator(table.wasm)
    first = calculator.calculate(GOOD)
    (tmp_path / "w.wtns").write_bytes(first)
    cli = NODE_MODULES / "snarkjs" / "cli.js"
    subprocess.run(["node", cli, "wtns", "export", "json", "w.wtns", "w.json"], cwd=tmp_path, check=True)
    read = [int(word) for word in json.loads((tmp_path / "w.json").read_text())]
    assert read == witness_words(table.wasm, GOOD)
    checked = subprocess.run(["node", cli, "wtns", "check", table.r1cs, "w.wtns"], cwd=tmp_path, capture_output=True)
    assert checked.returncode == 0, checked.stdout
    assert calculator.calculate(GOOD) == first


def test_a_calculation_leaves_no_memory_behind(table):
    """Each holds gigabytes of addresses while it runs, whether it succeeds or not."""
    calculator = WitnessCalculator(table.wasm)

    def addresses() -> int:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")

    calculator.calculate(GOOD)
    before = addresses()
    for inputs in (GOOD, {**GOOD, "a": 5}) * 10:
        with suppress(WitnessError):
            calculator.calculate(inputs)
    assert addresses() - before < 2**32


def test_a_failed_constraint_is_named_by_template_and_line(table, capfd):
    with pytest.raises(WitnessError, match="assertion fails.*Guard_0 line: 3.*Table_1 line: 10"):
        WitnessCalculator(table.wasm).calculate({**GOOD, "a": 5})
    assert capfd.readouterr() == ("", "")  # log() of a value is not shown


@pytest.mark.parametrize(
    "inputs, said",
    [
        ({"a": 4}, "takes 7 input words; 1 were given"),
        ({**GOOD, "extra": 1}, "no input signal 'extra'"),
        ({"a": 4, "m": [1, 2]}, "'m' of table has 6 words; 2 were given"),
        ({"a": [4, 4], "m": GOOD["m"]}, "'a' of table has 1 words; 2 were given"),
    ],
)
def test_signals_are_given_exactly_once_with_their_size(table, inputs, said):
    with pytest.raises(WitnessError, match=said):
        WitnessCalculator(table.wasm).calculate(inputs)


@pytest.mark.parametrize("word", [-1, R, "4", 4.0, True, None])
def test_words_outside_the_field_are_refused(table, word):
    with pytest.raises(RangeError, match="'a'"):
        WitnessCalculator(table.wasm).calculate({**GOOD, "a": word})
