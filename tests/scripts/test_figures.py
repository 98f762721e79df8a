"""Figures are taken from the files that commands wrote, or named as missing with the command."""

import json
import os
from pathlib import Path

import pytest

from scripts import figures
from scripts.figures import Source


STEPS = {"stateful.steps": 4, "stateful.violations": 0}


def written(folder: Path, name: str, content) -> Path:
    path = folder / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def test_gas_of_a_transact_is_the_dearest_s(tmp_path):
    file = written(tmp_path, "gas", {"transact_deposit": {"total": 5}, "transact_private": {"total": 7}, "commit": {"total": 9}})
    assert figures.gas(file) == {"gas.transact": 7, "gas.transact_deposit": 5, "gas.transact_private": 7, "gas.commit": 9}


def test_a_comparison_is_that_of_the_largest_circuit(tmp_path):
    small = {"ours": {"seconds": 1, "cpu_seconds": 2}, "other": {"seconds": 4, "cpu_seconds": 4}}
    large = {"ours": {"seconds": 6, "cpu_seconds": 9}, "other": {"seconds": 3, "cpu_seconds": 6}}
    found = figures.comparison(written(tmp_path, "prover", {"settle_16": large, "settle_8": small}))
    assert (found["prove_vs.other"], found["prove_cpu_vs.other"]) == (2, 1.5)
    assert (found["prove_vs.other.settle_8"], found["prove_vs.other.settle_16"]) == (0.25, 2)


def test_clearing_is_measured_on_the_book_and_named_by_batch(tmp_path):
    seconds = {"engine": 0.5, "columns": 0.1, "python": 1.0, "sorted_book": 2.0}
    rows = [{"batch": "book", "orders": 10, "seconds": seconds | {"engine": 5}}]
    rows += [{"batch": name, "orders": 1_000, "seconds": seconds} for name in ("book", "margin")]
    found = figures.clearing(written(tmp_path, "clearing", rows))
    assert (found["clearing.orders_per_s"], found["clearing.vs_python"]) == (2_000, 2)
    assert found["clearing.orders_per_s.margin.1000.columns"] == 10_000 and found["clearing.seconds.book.10"] == 5


def test_attacks_are_counted_by_name(tmp_path):
    summary = {"ablations": {"total": 3, "forged": 3, "guarded": 3}, "ensures": {"total": 2, "covered": 2}}
    assert figures.ablations(written(tmp_path, "ablation", summary)) == {
        "ablations.total": 3, "ablations.forged": 3, "ablations.guarded": 3, "ensures.total": 2, "ensures.covered": 2,
    }  # fmt: skip
    assert figures.stateful(written(tmp_path, "stateful", {"steps": 10, "violations": 0}))["stateful.steps"] == 10
    written(tmp_path / "fuzz", "zkey", {"cases": 5, "crashes": 1, "seconds": 2})
    assert figures.fuzzing(tmp_path / "fuzz") == {"fuzz.zkey.cases": 5, "fuzz.zkey.crashes": 1}
    checks = {"safety": {"states": 12, "errors": []}, "liveness": {"states": 30, "errors": ["cycle"]}}
    assert figures.model(written(tmp_path, "model", checks)) == {"model.states": 12, "model.errors": 1}


def test_faults_and_load_are_those_of_their_reports(tmp_path):
    cases = {"injected": 12, "survived": 11, "cases": []}
    assert figures.faults(written(tmp_path, "faults", cases)) == {"faults.injected": 12, "faults.survived": 11}
    run = {"orders": 9, "orders_per_hour": 10_100, "settled": 8, "failed_epochs": 1, "close_to_settled_p50_blocks": 4}
    waits = {f"close_to_settled_p{percent}_s": percent for percent in (50, 95, 99)}
    found = figures.load(written(tmp_path, "load", run | waits))
    assert found == {
        "load.orders_per_hour": 10_100, "load.settled": 8, "load.failed_epochs": 1,
        "load.close_to_settled_p50_s": 50, "load.close_to_settled_p95_s": 95, "load.close_to_settled_p99_s": 99,
    }  # fmt: skip


def test_what_is_missing_is_named_with_its_command_and_the_rest_stays(tmp_path):
    there = Source(figures.stateful, written(tmp_path, "stateful", {"steps": 1, "violations": 0}), "unused", 1)
    slow = Source(figures.gas, tmp_path / "none.json", "scripts.bench.gas", 6)
    failing = Source(figures.model, tmp_path / "none.json", "compileall --no-such-option", 1)
    nothing = Source(figures.fuzzing, tmp_path / "nothing", "pytest tests/fuzz", 6)
    older = Source(figures.stateful, written(tmp_path, "older", {"walked": 1}), "scripts.walk", 6)
    found, wanting = figures.measure((older, there, slow, failing, nothing), 5, tmp_path / "figures.json")
    assert found == {"stateful.steps": 1, "stateful.violations": 0} == json.loads((tmp_path / "figures.json").read_text())
    assert [line.split("run ")[1] for line in wanting] == [
        "`python -m scripts.walk`", "`python -m scripts.bench.gas`", "`python -m compileall --no-such-option`", "`python -m pytest tests/fuzz`",
    ]  # fmt: skip
    assert "another form" in wanting[0] and "its command failed" in wanting[2]


def test_a_command_is_run_where_its_file_is_missing_or_older_than_its_code(tmp_path):
    file, told = tmp_path / "stateful.json", written(tmp_path, "source", {"steps": 4, "violations": 0})
    code = written(tmp_path / "code", "walk", {})
    source = Source(figures.stateful, file, f"json.tool {told} {file}", 1, (str(code.parent),))
    assert source.stale() and figures.measure((source,), out=tmp_path / "out.json") == (STEPS, [])
    assert not source.stale()
    written(tmp_path, "source", {"steps": 5, "violations": 0})
    assert figures.measure((source,), out=tmp_path / "out.json") == (STEPS, [])
    os.utime(file, (1, 1))
    found, wanting = figures.measure((source,), 0, tmp_path / "out.json")
    assert found == STEPS and "older code" in wanting[0] and source.command in wanting[0]
    assert figures.measure((source,), out=tmp_path / "out.json")[0]["stateful.steps"] == 5


def test_a_part_of_the_work_is_told_beside_the_whole(tmp_path):
    whole = tmp_path / "gas.json"
    assert figures.report(whole, True) == whole and figures.report(whole, False) == tmp_path / "gas-part.json"


@pytest.mark.parametrize("source", figures.SOURCES, ids=lambda source: source.read.__name__)
def test_every_source_says_what_it_gives_and_has_a_command_that_exists(source):
    assert source.read.__doc__
    module = source.command.split()[0]
    file = figures.ROOT / module.replace(".", "/")
    assert module == "pytest" or file.with_suffix(".py").is_file() or (file / "__main__.py").is_file()
    assert all((figures.ROOT / one).exists() for one in source.code)
    assert bool(source.minutes) == bool(source.code)
