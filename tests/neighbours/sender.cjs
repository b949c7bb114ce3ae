// Sends spans and a log record by an exporter of OpenTelemetry, and prints them as this SDK has them.
//
// sender.cjs http/protobuf|http/json|grpc, with the endpoint in OTEL_EXPORTER_OTLP_ENDPOINT.

const crypto = require("crypto");
const api = require("@opentelemetry/api");
const { logs, resources, tracing } = require("@opentelemetry/sdk-node");

const kind = { "http/protobuf": "proto", "http/json": "http", grpc: "grpc" }[process.argv[2]];
const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${kind}`);
const { OTLPLogExporter } = require(`@opentelemetry/exporter-logs-otlp-${kind}`);

const KINDS = ["internal", "server", "client", "producer", "consumer"];
const nanos = ([seconds, rest]) => String(BigInt(seconds) * 1_000_000_000n + BigInt(rest));
const pairs = (attributes) => Object.entries(attributes ?? {});
const contextOf = ({ traceId, spanId }) => [traceId, spanId];

/** Prints each span as one line of JSON. */
const printed = {
  export(spans, done) {
    for (const span of spans) {
      const { parentSpanContext: parent, instrumentationScope: scope } = span;
      console.log(JSON.stringify({
        context: contextOf(span.spanContext()),
        parent: parent?.spanId ?? "",
        remote: parent?.isRemote ?? false,
        tracestate: span.spanContext().traceState?.serialize() ?? "",
        name: span.name,
        kind: KINDS[span.kind],
        start: nanos(span.startTime),
        end: nanos(span.endTime),
        error: span.status.code === api.SpanStatusCode.ERROR ? span.status.message ?? "" : null,
        attributes: pairs(span.attributes),
        dropped: span.droppedAttributesCount,
        events: span.events.map((one) => [one.name, nanos(one.time), pairs(one.attributes)]),
        links: span.links.map((one) => contextOf(one.context)),
        service: span.resource.attributes["service.name"],
        scope: [scope.name, scope.version],
      }));
    }
    done({ code: 0 });
  },
  shutdown: async () => {},
};

const resource = resources.resourceFromAttributes({ "service.name": "node", tags: ["a", "b"] });
const provider = new tracing.BasicTracerProvider({
  resource,
  spanLimits: { attributeCountLimit: 10 },
  spanProcessors: [new tracing.SimpleSpanProcessor(printed), new tracing.BatchSpanProcessor(new OTLPTraceExporter())],
});
const tracer = provider.getTracer("sender", "1.2.3");
const logger = new logs.LoggerProvider({ resource, processors: [new logs.SimpleLogRecordProcessor({ exporter: new OTLPLogExporter() })] });

const random = (bytes) => crypto.randomBytes(bytes).toString("hex");
const caller = { traceId: random(16), spanId: random(8), isRemote: true, traceFlags: 1, traceState: api.createTraceState("vendor=value,other=1") };
const remote = api.trace.setSpanContext(api.ROOT_CONTEXT, caller);
const root = tracer.startSpan("GET /orders/{id}", { kind: api.SpanKind.SERVER }, remote);
root.setAttributes({
  text: "größer <b>&amp;</b> \u{1f600}",
  empty: "",
  truth: true,
  small: -7,
  large: Number.MAX_SAFE_INTEGER,
  float: 0.1,
  texts: ["a", "b"],
  numbers: [1, 2, 3],
  truths: [true, false],
  none: [],
  "beyond the limit": 1,
});
root.addEvent("retry", { attempt: 2, why: "timed out" });
const inside = api.trace.setSpan(remote, root);
const link = { context: { traceId: random(16), spanId: random(8), traceFlags: 1 }, attributes: { kind: "batch" } };
for (const number of [2, 3, 4, 0]) tracer.startSpan(`part ${KINDS[number]}`, { kind: number, links: [link] }, inside).end();
const broken = tracer.startSpan("broken", {}, inside);
broken.recordException(new Error("no stock"));
broken.setStatus({ code: api.SpanStatusCode.ERROR, message: "no stock" });
broken.end();
const fine = tracer.startSpan("fine", {}, inside);
fine.setStatus({ code: api.SpanStatusCode.OK });
fine.end();
logger.getLogger("sender").emit({ context: inside, body: { what: "sold", items: [1, 2] }, severityText: "WARN", attributes: { item: "pen" } });
root.end();
for (let number = 0; number < 600; number++) tracer.startSpan("one of many", { attributes: { number } }).end();
provider.shutdown().then(() => logger.shutdown());
