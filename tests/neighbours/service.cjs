// An Express service with OpenTelemetry: GET /relay?to=URL asks URL and gives its answer back.

const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
const { getNodeAutoInstrumentations } = require("@opentelemetry/auto-instrumentations-node");
const { NodeSDK, tracing } = require("@opentelemetry/sdk-node");

// before anything that is to be instrumented
new NodeSDK({
  serviceName: "node",
  instrumentations: [getNodeAutoInstrumentations()],
  spanProcessors: [new tracing.SimpleSpanProcessor(new OTLPTraceExporter())],
}).start();

const express = require("express");
const http = require("http");

const app = express();
app.get("/relay", (request, response) => {
  http
    .get(request.query.to, (answer) => {
      response.status(answer.statusCode);
      answer.pipe(response);
    })
    .on("error", (error) => response.status(502).send(String(error)));
});
app.listen(Number(process.env.PORT), "127.0.0.1");
