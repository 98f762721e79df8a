"""OpenTelemetry traces, off unless an OTLP/HTTP collector is named.

`with span("prove", market=0, epoch=7, circuit="settle_8"):`. Attributes pass the list of
`fields`; an error is recorded by class and place, without its text or its stack.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NoOpTracer, Span, Status, StatusCode, Tracer

from relayer.telemetry import metrics
from relayer.telemetry.fields import EVENT, allowed

SERVICE = "shadowpool-relayer"
EXPORT_SECONDS = 5.0

_tracer: Tracer = NoOpTracer()


def configure(endpoint: str | None) -> Callable[[], None]:
    """Send spans to an OTLP/HTTP collector, such as http://127.0.0.1:4318/v1/traces; nowhere for None.

    Gives what flushes and ends it. ValueError if the endpoint is no such address or holds credentials.
    """
    global _tracer
    if endpoint is None:
        _tracer = NoOpTracer()
        return lambda: None
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password or parts.query:
        raise ValueError("the tracing endpoint is no plain http(s) address, such as http://127.0.0.1:4318/v1/traces")
    # The plain constructor: Resource.create would add the host's environment.
    provider = TracerProvider(resource=Resource({"service.name": SERVICE}))
    exporter = OTLPSpanExporter(endpoint=endpoint, headers={}, timeout=EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = provider.get_tracer(SERVICE)

    def end() -> None:
        global _tracer
        _tracer = NoOpTracer()
        provider.shutdown()

    return end


@contextmanager
def span(name: str, **attributes: Any) -> Iterator[Span]:
    """One stage of the work; an error that leaves it marks it as failed and goes on."""
    called = name if EVENT.fullmatch(name) else "unnamed"
    with _tracer.start_as_current_span(called, record_exception=False, set_status_on_exception=False) as current:
        annotate(current, **attributes)
        try:
            yield current
        except BaseException as error:
            annotate(current, error=error)
            current.set_status(Status(StatusCode.ERROR))
            raise


def annotate(current: Span, **attributes: Any) -> None:
    """Add attributes to a span, as far as they may go out."""
    kept, dropped = allowed(attributes)
    current.set_attributes(kept)
    if dropped:
        metrics.fields_dropped.inc(dropped)
