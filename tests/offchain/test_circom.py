import errno
import os
from pathlib import Path

import pytest

from offchain import circom
from offchain.circom import CompileError
from tests.offchain.circuit import FOLDER, compile_text

PRODUCT = """
template Product() { signal input a; signal input b; signal output c; c <== a * b; }
component main = Product();
"""


def test_compiling_gives_three_files_and_the_counts():
    compiled = compile_text("product", PRODUCT)
    assert compiled.r1cs.read_bytes()[:4] == b"r1cs"
    assert compiled.wasm.read_bytes()[:4] == b"\0asm"
    assert "main.c" in compiled.sym.read_text()
    assert "non-linear constraints: 1" in compiled.messages
    assert "\x1b" not in compiled.messages


def test_the_files_may_go_to_another_file_system(tmp_path, monkeypatch):
    def replace(source, target, rename=os.replace):
        if tmp_path in target.parents and tmp_path not in Path(source).parents:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename(source, target)

    compile_text("elsewhere", PRODUCT)
    monkeypatch.setattr(os, "replace", replace)
    circom.compile(FOLDER / "elsewhere.circom", tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"elsewhere.r1cs", "elsewhere.wasm", "elsewhere.sym"}


def test_level_two_removes_linear_constraints():
    chain = "template T() { signal input a; signal b <== a + 1; signal c <== b + a; signal output d <== c * b; }\n"
    counts = {}
    for level in (1, 2):
        text = compile_text(f"chain{level}", chain + "component main = T();", level).messages
        counts[level] = int(text.partition("\nlinear constraints: ")[2].split()[0])
    assert counts[1] > counts[2] == 0


@pytest.mark.parametrize(
    "text, said",
    [
        ("template T() { signal input x; x === y; }\ncomponent main = T();", "Undeclared symbol"),
        ("template T() { signal input x; assert(1 == 2); }\ncomponent main = T();", "False assert"),
        ("template T() { signal input x[2]; signal y <== x[0] * x[1] * x[1]; }\ncomponent main = T();", "Non quadratic"),
        ('include "lib/absent.circom";\n', "absent.circom"),
    ],
)
def test_errors_carry_the_compilers_text_and_leave_no_files(text, said):
    with pytest.raises(CompileError, match=said):
        compile_text("broken", text)
    assert not (FOLDER / "broken").exists()


def test_sources_outside_the_checkout_and_other_levels_are_refused(tmp_path):
    source = tmp_path / "x.circom"
    source.write_text(PRODUCT)
    with pytest.raises(CompileError, match="outside the checkout"):
        circom.compile(source, tmp_path)
    with pytest.raises(CompileError, match="no circuit"):
        circom.compile(tmp_path / "absent.circom", tmp_path)
    with pytest.raises(ValueError, match="level"):
        circom.compile(source, tmp_path, level=3)
