"""The dashboard and the alerts ask only for metrics that exist, with labels and values that they take."""

import json
import re

import pytest
import yaml

from offchain.paths import ROOT
from relayer.telemetry import metrics

FOLDER = ROOT / "relayer" / "dashboards"
FUNCTIONS = {
    "absent", "changes", "delta", "histogram_quantile", "increase", "rate", "time", "sum", "min", "max", "and", "or",
}  # fmt: skip
RUNBOOK = (ROOT / "docs" / "operate.md").read_text()


def series() -> dict[str, set[str]]:
    """Every name that a scrape may hold, with its labels."""
    found = {}
    for metric in metrics.REGISTRY._names_to_collectors.values():
        if labels := getattr(metric, "_labelnames", None):
            ends = ("_bucket", "_sum", "_count") if metric._type == "histogram" else ("_total",)
            ends = ("",) if metric._type == "gauge" else ends
            found |= {metric._name + end: {*labels, *(["le"] if end == "_bucket" else [])} for end in ends}
    scraped = {sample.name for family in metrics.REGISTRY.collect() for sample in family.samples}
    return {name: set() for name in scraped} | found


def alerts() -> list[dict]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict]:
    return json.loads((FOLDER / "relayer.json").read_text())["panels"]


def expressions() -> list[tuple[str, str]]:
    asked = [(rule["alert"], rule["expr"]) for rule in alerts()]
    return asked + [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]


def problems(expression: str) -> list[str]:
    """What Prometheus would not know in an expression, or would never find."""
    known, found = series(), []
    bare = re.sub(r'"[^"]*"', '""', expression)
    if any(bare.count(a) != bare.count(b) for a, b in ("()", "{}", "[]")):
        found.append("unbalanced")
    for name, matchers in re.findall(r"(shadowpool_\w+)(?:\{([^}]*)\})?", expression):
        if name not in known:
            found.append(f"no metric {name}")
            continue
        for label, values in re.findall(r'(\w+)=~?"([^"]*)"', matchers):
            takes = metrics.LABELS.get(label)
            if label not in known[name] or not all(takes(value) for value in values.split("|")):
                found.append(f"{name} has no {label}={values}")
    names = re.sub(r"\{[^}]*\}|\[[0-9]+[smhd]\]|by \([^)]*\)|shadowpool_\w+", " ", bare)
    words = set(re.findall(r"[a-z_]{2,}", re.sub(r"[0-9.]+e[0-9]+", " ", names)))
    return found + [f"no function {word}" for word in words - FUNCTIONS]


@pytest.mark.parametrize(("title", "expression"), expressions(), ids=lambda part: part[:40])
def test_every_expression_asks_for_what_is_there(title, expression):
    assert problems(expression) == []
    labels = {label.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(",")}
    asked = [series()[name] for name in re.findall(r"shadowpool_\w+", expression)]
    assert all(labels <= has for has in asked), f"{labels} are not all labels in {title}"


@pytest.mark.parametrize("wrong", [
    "shadowpool_relayer_heads", 'shadowpool_relayer_head_block{market="0"}', "over(shadowpool_relayer_head_block)",
    "rate(shadowpool_relayer_sends_total[5m]", 'shadowpool_relayer_sends_total{result="gone"}',
])  # fmt: skip
def test_a_wrong_expression_is_found(wrong):
    assert problems(wrong)


def test_every_metric_is_shown():
    said = " ".join(expression for _, expression in expressions())
    own = {metric._name for metric in metrics.REGISTRY._names_to_collectors.values() if hasattr(metric, "_name")}
    assert {name for name in own if name not in said} == set()


def test_alerts_have_a_form_and_a_remedy():
    """A runbook section each, of the headings as GitHub links them."""
    headings = re.findall(r"^#+ (.*)$", RUNBOOK, re.M)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names) > 15
    for rule in alerts():
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("page", "warn") and rule["annotations"]["summary"]
        assert re.fullmatch(r"[0-9]+[sm]", rule.get("for", "1m"))
        file, anchor = rule["annotations"]["runbook"].split("#")
        assert file == "docs/operate.md" and anchor in anchors, rule["alert"]


def test_the_runbook_names_every_alert():
    assert {rule["alert"] for rule in alerts() if rule["alert"] not in RUNBOOK} == set()


def test_panels_stand_beside_each_other():
    taken = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken and max(x for x, _ in cells) < 24
        taken |= cells


def test_the_runbook_names_tests_that_exist():
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", RUNBOOK)
    missing = [(file, name) for file, name in named if f"def {name}(" not in (ROOT / file).read_text()]
    assert missing == [] and len(named) > 25


def test_every_failure_has_a_symptom_a_remedy_and_what_exercises_it():
    failures = re.split(r"^### ", RUNBOOK.split("## When something fails")[1], flags=re.M)[1:]
    for failure in failures:
        words = ["- Exercised by"]
        if not failure.startswith("An upgrade"):
            words += ["- Symptom:", "Alert", "- Remedy:"]
        assert all(word in failure for word in words), failure.splitlines()[0]
