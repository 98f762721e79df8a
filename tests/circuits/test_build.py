"""scripts/circuits.py builds what is out of date, and nothing else."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from offchain import circuits
from offchain.paths import BUILD, CIRCUITS
from scripts import circuits as script
from tests.circuits.world import CIRCUITS as NAMES

WORDS = {"transact": 16, "commit": 23, "reclaim": 18, "advance": 67, "print": 3, "key": 3}


@pytest.fixture
def checkout(monkeypatch):
    """One small circuit, inside the real checkout: the compiler sees nothing else."""
    (BUILD / "tests").mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=BUILD / "tests", prefix="build-") as folder:
        yield small_circuit(Path(folder), monkeypatch)


def small_circuit(root: Path, monkeypatch) -> Path:
    mains = root / "main"
    mains.mkdir()
    small = (CIRCUITS / "main" / "print.circom").read_text().replace("../print", "print")
    (mains / "small.circom").write_text(small)
    monkeypatch.setattr(script, "MAINS", mains)
    monkeypatch.setattr(script, "FOLDER", root / "out")
    monkeypatch.setattr(circuits, "FOLDER", root / "out")
    return mains / "small.circom"


def steps(capsys) -> list[str]:
    """The steps of `small` that a build reports."""
    script.build()
    return [line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith("small")]


def test_build_runs_what_changed_only(checkout, capsys):
    assert steps(capsys) == ["compiled", "keyed"]
    assert steps(capsys) == []
    circuits.file("small", "zkey").unlink()
    assert steps(capsys) == ["keyed"]
    checkout.write_text(checkout.read_text() + "// no new constraint\n")
    assert steps(capsys) == ["compiled"], "the same constraints keep their key"
    checkout.write_text(checkout.read_text().replace("= Print()", "= Square()").replace("component", SQUARE, 1))
    assert steps(capsys) == ["compiled", "keyed"]


SQUARE = """template Square() {
    signal input digest;
    signal input challenge;
    signal input evaluation;
    Statement(2)([1, digest * digest], digest, challenge, evaluation);
}

component"""


def test_table_tells_what_others_need(checkout):
    row = script.build()["small"]
    assert json.loads((circuits.FOLDER / "circuits.json").read_text()) == {"small": row}
    assert row["words"] == 3 and row["constraints"] > 0
    assert row["zkey_bytes"] == circuits.file("small", "zkey").stat().st_size
    assert row["circuit_id"] == "0x" + circuits.load("small").id.hex()


def test_unknown_circuit():
    with pytest.raises(script.BuildError, match="no circuit nothing"):
        script.build(["nothing"])


def test_missing_files_are_named(checkout):
    with pytest.raises(circuits.NotBuilt, match="scripts.circuits build small"):
        circuits.load("small")


def test_key_of_another_shape():
    with pytest.raises(circuits.KeyShapeError, match="three public inputs"):
        circuits.verification_words({"nPublic": 2, "IC": [[], [], []]})


def test_sources_follow_includes():
    found = {path.name for path in script._sources(CIRCUITS / "main" / "commit.circom")}
    assert {"commit.circom", "credential.circom", "poseidon.circom", "tags.circom", "bitify.circom"} <= found
    assert "curve.circom" not in found


@pytest.mark.parametrize("name", NAMES)
def test_statement_lengths(name):
    table = json.loads((circuits.FOLDER / "circuits.json").read_text())
    assert table[name]["words"] == WORDS[name]


def test_all_circuit_ids_differ():
    ids = {circuits.load(name).id for name in NAMES}
    assert len(ids) == len(NAMES)
