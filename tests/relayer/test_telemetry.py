"""What a relayer says of itself: only allow-listed fields, whatever a caller or a library passes."""

import json
import logging
import urllib.request

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from relayer.telemetry import fields, log, logs, metrics, span, tracing
from tests.relayer.sinks import collector

SECRET = "correct horse battery staple"
ADDRESS = "0x90F8bf6A479f320ead074411a4B0e7944Ea8c9C1"
SCALAR = 0x1234567890ABCDEF1234567890ABCDEF1234567890ABCDEF1234567890ABCDE
REFUSED = [
    ("price", 236), ("quantity", 5), ("address", ADDRESS), ("market", SCALAR), ("epoch", str(SCALAR)), ("block", True),
    ("stage", ADDRESS.lower()), ("stage", f"{SCALAR:x}"), ("stage", str(SCALAR)), ("kind", SECRET), ("result", b"done"),
    ("reason", f"market: {SCALAR}"), ("reason", ADDRESS), ("tx", ADDRESS), ("once", "yes"), ("seconds", float("nan")),
    ("count", [1, 2]), ("what", {"price": 1}), ("size", 1 << 53), ("circuit", "settle_99999"),
]  # fmt: skip
KEPT = [
    ("market", 0), ("seconds", 0.25), ("stage", "settle"), ("circuit", "settle_64"), ("error", "Reverted"),
    ("reason", "market: wrong number of reveals"), ("tx", "0x" + "ab" * 32), ("once", False),
]  # fmt: skip


@pytest.fixture(autouse=True)
def json_logs():
    """JSON logs, and pytest's own handlers back afterwards."""
    handlers = logging.getLogger().handlers[:]
    logs.configure("json")
    yield
    logging.getLogger().handlers[:] = handlers


def lines(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


# --- Fields ---


@pytest.mark.parametrize(("name", "value"), REFUSED, ids=lambda part: str(part)[:24])
def test_what_is_not_allowed_is_left_out_and_counted(name, value, capsys):
    before = metrics.fields_dropped._value.get()
    log.info("settled", **{name: value})
    (line,) = lines(capsys)
    assert name not in line and line["dropped"] == 1 and line["event"] == "settled"
    assert metrics.fields_dropped._value.get() == before + 1


@pytest.mark.parametrize(("name", "value"), KEPT, ids=lambda part: str(part)[:24])
def test_what_is_allowed_gets_out(name, value, capsys):
    log.info("settled", **{name: value})
    (line,) = lines(capsys)
    assert line[name] == value and "dropped" not in line
    assert line["level"] == "info" and line["timestamp"].endswith("Z")


def test_none_is_no_field_and_no_loss():
    assert fields.allowed({"market": None, "price": None}) == ({}, 0)


@pytest.mark.parametrize("event", [f"order of {SCALAR}", ADDRESS, "", "Settled", f"password {SECRET}!"])
def test_an_event_is_a_literal_of_lower_case_letters(event, capsys):
    log.warning(event)
    (line,) = lines(capsys)
    assert line["event"] == "unnamed" and SECRET not in json.dumps(line)


def test_an_error_is_its_class_and_our_line_never_its_text(capsys):
    try:
        json.loads(SECRET)
    except ValueError as error:
        log.error("settle failed", error=error)
        there = error.__traceback__.tb_lineno
    (line,) = lines(capsys)
    assert line["error"] == "JSONDecodeError" and line["at"] == f"tests/relayer/test_telemetry.py:{there}"
    assert SECRET not in json.dumps(line)


def test_other_libraries_are_heard_without_their_text(capsys):
    logging.getLogger("uvicorn.error").error("request of %s", SECRET)
    try:
        raise KeyError(SECRET)
    except KeyError:
        logging.getLogger("celery").exception("task %s", SECRET)
    first, second = lines(capsys)
    assert (first["event"], first["what"], first["level"]) == ("library", "uvicorn", "error")
    assert (second["what"], second["error"]) == ("celery", "KeyError")


def test_a_library_s_own_handlers_are_taken_from_it(capsys):
    theirs = logging.getLogger("somebody.else")
    theirs.addHandler(logging.StreamHandler())
    theirs.propagate = False
    logs.configure("json")
    theirs.warning(SECRET)
    assert [line["what"] for line in lines(capsys)] == ["somebody"]


def test_text_for_a_reader_passes_the_same_list(capsys):
    logs.configure("text")
    log.info("settled", market=3, price=2_364_700_236)      # longer than a timestamp's digits
    said = capsys.readouterr().err
    assert "settled" in said and "market=3" in said and "2364700236" not in said
    with pytest.raises(ValueError, match="json, text"):
        logs.configure("xml")


# --- Metrics ---


def scraped(server) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as answer:
        return answer.read().decode()


def test_metrics_are_served_on_this_machine_only():
    server, thread = metrics.serve("127.0.0.1:0")
    try:
        metrics.settles.labels(result="settled").inc()
        metrics.proof_seconds.labels(circuit="settle_8").observe(1.5)
        text = scraped(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert 'shadowpool_relayer_settles_total{result="settled"}' in text
    assert 'shadowpool_relayer_proof_seconds_bucket{circuit="settle_8",le="2.0"}' in text
    for listen in ("0.0.0.0:9464", "example.org:80", "9464", "127.0.0.1:", "127.0.0.1:70000", "[::]:80"):
        with pytest.raises(ValueError, match="loopback"):
            metrics.address(listen)


@pytest.mark.parametrize("value", [SECRET, ADDRESS, str(SCALAR), "settle 8", ""])
def test_a_label_takes_only_listed_values(value):
    for metric, name in ((metrics.settles, "result"), (metrics.proof_seconds, "circuit"), (metrics.deadline, "market")):
        assert metric.labels(**{name: value}) is metric.labels(**{name: "other"})


def test_every_label_has_its_values_listed():
    for metric in metrics.REGISTRY._names_to_collectors.values():
        assert set(getattr(metric, "_labelnames", ())) <= set(metrics.LABELS)


# --- Traces ---


def test_spans_carry_allowed_attributes_and_no_text_of_errors():
    with collector() as (endpoint, taken):
        end = tracing.configure(endpoint)
        try:
            with span("settle", market=1, epoch=7, price=236), pytest.raises(KeyError):
                with span("prove", circuit="settle_8"):
                    raise KeyError(SECRET)
        finally:
            end()
        found = [ExportTraceServiceRequest.FromString(body) for body in taken]
    scopes = [scope for request in found for resource in request.resource_spans for scope in resource.scope_spans]
    spans = {one.name: one for scope in scopes for one in scope.spans}
    said = {name: {a.key for a in one.attributes} for name, one in spans.items()}
    assert said == {"settle": {"market", "epoch"}, "prove": {"circuit", "error", "at"}}
    assert spans["prove"].parent_span_id == spans["settle"].span_id and spans["prove"].status.code == 2
    assert not spans["prove"].events and SECRET.encode() not in b"".join(taken)


def test_tracing_is_off_unless_asked_for():
    tracing.configure(None)
    with span("settle", market=1) as current:
        assert not current.is_recording()
    for endpoint in ("collector:4318", "http://user:word@127.0.0.1:1", "http://127.0.0.1/?token=1", "ftp://x"):
        with pytest.raises(ValueError, match="tracing endpoint"):
            tracing.configure(endpoint)
