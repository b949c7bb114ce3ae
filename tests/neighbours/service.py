"""A FastAPI service with OpenTelemetry: GET /relay?to=URL asks URL and gives its answer back."""

import os

import httpx
import uvicorn
from fastapi import FastAPI, Response
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider(resource=Resource.create({"service.name": "python"}))
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
HTTPXClientInstrumentor().instrument()
app = FastAPI()


@app.get("/relay")
async def relay(to: str):
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(to)
    return Response(answer.text, answer.status_code)


FastAPIInstrumentor.instrument_app(app, exclude_spans=["send", "receive"])
uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
