"""Sends spans and a log record by an exporter of OpenTelemetry, and prints them as this SDK has them.

sender.py http/protobuf|http/json|grpc, with the endpoint in OTEL_EXPORTER_OTLP_ENDPOINT.
"""

import json
import secrets
import sys

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

if sys.argv[1] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
elif sys.argv[1] == "http/json":
    from opentelemetry.exporter.otlp.json.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter


def pairs(attributes):
    """Attributes as pairs, in order."""
    value = lambda one: list(one) if isinstance(one, tuple) else one
    return [[key, value(one)] for key, one in (attributes or {}).items()]


def context_of(context):
    return [f"{context.trace_id:032x}", f"{context.span_id:016x}"]


class Printed(SpanExporter):
    """Prints each span as one line of JSON."""

    def export(self, spans):
        for span in spans:
            parent = span.parent
            is_error = span.status.status_code == StatusCode.ERROR
            line = {
                "context": context_of(span.context),
                "parent": f"{parent.span_id:016x}" if parent else "",
                "remote": bool(parent and parent.is_remote),
                "tracestate": span.context.trace_state.to_header(),
                "name": span.name,
                "kind": span.kind.name.lower(),
                "start": str(span.start_time),
                "end": str(span.end_time),
                "error": (span.status.description or "") if is_error else None,
                "attributes": pairs(span.attributes),
                "dropped": span.dropped_attributes,
                "events": [[one.name, str(one.timestamp), pairs(one.attributes)] for one in span.events],
                "links": [context_of(one.context) for one in span.links],
                "service": span.resource.attributes["service.name"],
                "scope": [span.instrumentation_scope.name, span.instrumentation_scope.version],
            }
            print(json.dumps(line))
        return SpanExportResult.SUCCESS


resource = Resource.create({"service.name": "python", "tags": ["a", "b"]})
provider = TracerProvider(resource=resource, span_limits=SpanLimits(max_span_attributes=12))
provider.add_span_processor(SimpleSpanProcessor(Printed()))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("sender", "1.2.3")
logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter()))

state = TraceState([("vendor", "value"), ("other", "1")])
caller = SpanContext(secrets.randbits(128), secrets.randbits(64), True, TraceFlags(1), state)
remote = set_span_in_context(NonRecordingSpan(caller))
with tracer.start_as_current_span("GET /orders/{id}", context=remote, kind=SpanKind.SERVER) as root:
    root.set_attributes(
        {
            "left out by the limit": 1,
            "text": "größer <b>&amp;</b> \U0001f600",
            "empty": "",
            "truth": True,
            "small": -7,
            "large": 2**62 + 1,
            "float": 0.1,
            "whole": 3.0,
            "texts": ["a", "b"],
            "numbers": [1, 2, 3],
            "floats": [1.5, -2.0],
            "truths": [True, False],
            "none": [],
            "last": "end",
        }
    )
    root.add_event("retry", {"attempt": 2, "why": "timed out"})
    link = Link(SpanContext(1 << 100, 1 << 50, False, TraceFlags(1)), {"kind": "batch"})
    for kind in (SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER, SpanKind.INTERNAL):
        with tracer.start_as_current_span(f"part {kind.name.lower()}", kind=kind, links=[link]):
            pass
    with tracer.start_as_current_span("broken") as broken:
        broken.record_exception(ValueError("no stock"))
        broken.set_status(Status(StatusCode.ERROR, "no stock"))
    with tracer.start_as_current_span("fine") as fine:
        fine.set_status(Status(StatusCode.OK))
    record = logs.get_logger("sender")
    record.emit(body={"what": "sold", "items": [1, 2]}, severity_text="WARN", attributes={"item": "pen"})
for number in range(600):
    with tracer.start_as_current_span("one of many", attributes={"number": number}):
        pass
provider.shutdown()
logs.shutdown()
