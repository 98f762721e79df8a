"""The figures: flat, complete, and read from what was built and run."""

import json

import pytest

from scripts import figures


@pytest.fixture
def made(tmp_path, monkeypatch):
    circuits, report = tmp_path / "circuits.json", tmp_path / "report.json"
    circuits.write_text(json.dumps({"commit": {"constraints": 25_000, "zkey_bytes": 9, "words": 23, "circuit_id": "0x"}}))
    steps = [
        {"name": "commit", "gas": 7, "seconds": 2.0, "prove_seconds": seconds} for seconds in (1.5, 0.9, 1.1)
    ] + [{"name": "fail", "gas": 3, "seconds": 1.0, "prove_seconds": None}]
    report.write_text(json.dumps({"steps": steps, "gas": {"commit": 7, "bond stake": 3}}))
    for name in ("Pool", "Market"):
        (tmp_path / f"{name}.vy").touch()
        (tmp_path / f"{name}.json").write_text(json.dumps({"runtime_size": 20_000}))
    monkeypatch.setattr(figures, "CONTRACTS", tmp_path)
    monkeypatch.setattr(figures, "CIRCUITS", circuits)
    monkeypatch.setattr(figures, "REPORT", report)
    return tmp_path


def test_figures_are_flat_numbers(made):
    found = figures.figures(made)
    assert found == {
        "constraints.commit": 25_000,
        "zkey_bytes.commit": 9,
        "contract_bytes.Market": 20_000,
        "contract_bytes.Pool": 20_000,
        "prove_s.commit": 0.9,
        "gas.commit": 7,
        "gas.bond_stake": 3,
    }


def test_without_a_run_the_command_says_what_to_do(made, capsys):
    (made / "report.json").unlink()
    assert figures.main() == 1
    assert "make demo" in capsys.readouterr().err
