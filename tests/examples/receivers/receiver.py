"""An OTLP receiver of a few lines, over HTTP and gRPC. It appends each request that it has decoded to a file: spans as OTLP JSON
lines, metrics as lines of Protocol Buffers in hexadecimal.

receiver.py SPANS METRICS HTTP_PORT GRPC_PORT
"""

import base64
import gzip
import json
import sys
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as service_grpc

IDS = ("traceId", "spanId", "parentSpanId")
out = open(sys.argv[1], "w", encoding="utf-8")
metrics_out = open(sys.argv[2], "w", encoding="utf-8")
lock = threading.Lock()


def with_ids(value, decode):
    """The JSON mapping of Protocol Buffers has ids in base64, that of OTLP in hexadecimal."""
    if isinstance(value, list):
        return [with_ids(item, decode) for item in value]
    if isinstance(value, dict):
        return {
            key: decode(item) if key in IDS else with_ids(item, decode)
            for key, item in value.items()
        }
    return value


def write(request):
    fields = json_format.MessageToDict(
        request, use_integers_for_enums=True, always_print_fields_with_no_presence=True
    )
    fields = with_ids(fields, lambda text: base64.b64decode(text).hex())
    with lock:
        out.write(json.dumps(fields) + "\n")
        out.flush()


def write_metrics(request):
    with lock:
        metrics_out.write(request.SerializeToString().hex() + "\n")
        metrics_out.flush()


class Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        kind = self.headers["content-type"]
        if self.path == "/v1/metrics":
            request = metrics.ExportMetricsServiceRequest()
            request.ParseFromString(body)
            write_metrics(request)
            return self.answer(kind, metrics.ExportMetricsServiceResponse().SerializeToString())
        request, answer = service.ExportTraceServiceRequest(), service.ExportTraceServiceResponse()
        if kind == "application/json":
            fields = with_ids(json.loads(body), lambda text: base64.b64encode(bytes.fromhex(text)).decode())
            json_format.ParseDict(fields, request)
            data = json_format.MessageToJson(answer).encode()
        else:
            request.ParseFromString(body)
            data = answer.SerializeToString()
        write(request)
        self.answer(kind, data)

    def answer(self, kind, data):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


class Grpc(service_grpc.TraceServiceServicer):
    def Export(self, request, context):
        write(request)
        return service.ExportTraceServiceResponse()


class GrpcMetrics(metrics_grpc.MetricsServiceServicer):
    def Export(self, request, context):
        write_metrics(request)
        return metrics.ExportMetricsServiceResponse()


server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
service_grpc.add_TraceServiceServicer_to_server(Grpc(), server)
metrics_grpc.add_MetricsServiceServicer_to_server(GrpcMetrics(), server)
server.add_insecure_port(f"127.0.0.1:{sys.argv[4]}")
server.start()
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[3])), Http).serve_forever()
