"""The demonstration's report: medians by kind, amounts as text, written whole."""

import json

import pytest

from scripts.demo.narration import units
from scripts.demo.report import EpochFigures, Report


def test_kinds_give_medians_and_work_without_gas_gives_none():
    report = Report(5)
    for gas, seconds, proof in ((300, 1.0, 0.5), (100, 3.0, 0.7), (200, 2.0, 0.9)):
        report.sent("commit", gas, seconds, "alder", proof)
    with report.timed("restore a wallet"):
        pass
    assert report.gas() == {"commit": 200}
    assert report.prove_seconds() == {"commit": 0.7}
    assert [step.gas for step in report.steps] == [300, 100, 200, None]


def test_amounts_are_text_and_unknown_ones_null(tmp_path):
    report = Report(1)
    report.epochs.append(EpochFigures(0, 3, "settled", price=2**63, volume=0, gas_settle=9, prove_seconds=1.5))
    report.epochs.append(EpochFigures(0, 4, "failed"))
    report.write(tmp_path / "deep" / "report.json")
    read = json.loads((tmp_path / "deep" / "report.json").read_text())
    assert read["epochs"][0]["price"] == str(2**63) and read["epochs"][0]["volume"] == "0"
    assert read["epochs"][1]["price"] is None
    assert read["conserved"] is False and read["validators"] == 1
    assert set(read["orders"]) == {"file", "rows", "committed", "revealed", "settled", "unrevealed", "invalid"}


def test_a_table_shows_every_kind():
    report = Report(1)
    report.sent("deposit", 1_000, 1.0)
    assert report.table().row_count == 1


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [(0, 8, "0"), (1, 8, "0.00000001"), (150_000_000, 8, "1.5"), (10**12, 6, "1,000,000"), (7, 0, "7")],
)
def test_amounts_read_exactly(amount, decimals, text):
    assert units(amount, decimals) == text
