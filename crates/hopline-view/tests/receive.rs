//! The receivers over real sockets: what they accept, and what they refuse.
#![cfg(feature = "grpc")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use flate2::Compression;
use flate2::write::GzEncoder;
use hopline_core::{SpanKind, TraceId};
use hopline_view::{Server, ServerOptions, View};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use prost::Message as _;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

async fn start() -> (View, Server) {
    let view = View::new();
    let options = ServerOptions::default()
        .page(ANY)
        .otlp_http(ANY)
        .otlp_grpc(ANY);
    let server = options.start(&view).await.unwrap();
    (view, server)
}

fn text(value: &str) -> Option<AnyValue> {
    Some(AnyValue {
        value: Some(any_value::Value::StringValue(value.into())),
    })
}

fn pair(key: &str, value: Option<AnyValue>) -> KeyValue {
    KeyValue {
        key: key.into(),
        value,
        ..KeyValue::default()
    }
}

fn resource() -> Option<Resource> {
    Some(Resource {
        attributes: vec![pair("service.name", text("orders"))],
        ..Resource::default()
    })
}

fn trace_id(number: u8) -> TraceId {
    TraceId::from_bytes([number; 16]).unwrap()
}

fn request(trace: u8) -> ExportTraceServiceRequest {
    let span = Span {
        trace_id: vec![trace; 16],
        span_id: vec![2; 8],
        parent_span_id: vec![3; 8],
        name: "GET /orders/{id}".into(),
        kind: span::SpanKind::Server as i32,
        start_time_unix_nano: 5,
        end_time_unix_nano: 9,
        attributes: vec![pair(
            "http.response.status_code",
            Some(AnyValue {
                value: Some(any_value::Value::IntValue(-7)),
            }),
        )],
        events: vec![span::Event {
            time_unix_nano: 6,
            name: "retry".into(),
            attributes: vec![pair("n", text("1"))],
            dropped_attributes_count: 0,
        }],
        links: vec![span::Link {
            trace_id: vec![8; 16],
            span_id: vec![9; 8],
            ..span::Link::default()
        }],
        status: Some(Status {
            message: "broken".into(),
            code: 2,
        }),
        flags: 0x301,
        dropped_events_count: 4,
        trace_state: "a=b".into(),
        ..Span::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: resource(),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope {
                    name: "lib".into(),
                    version: "1.2".into(),
                    ..InstrumentationScope::default()
                }),
                spans: vec![span],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

fn check(view: &View, trace: u8) {
    let spans = view.spans(trace_id(trace));
    assert_eq!(spans.len(), 1);
    let span = &spans[0];
    assert_eq!(
        (span.name.as_str(), span.kind, span.service()),
        ("GET /orders/{id}", SpanKind::Server, "orders")
    );
    assert_eq!(
        (
            span.start_unix_nanos,
            span.end_unix_nanos,
            span.dropped_events
        ),
        (5, 9, 4)
    );
    assert_eq!(span.parent.unwrap().to_bytes(), [3; 8]);
    assert!(span.is_error() && span.parent_is_remote && span.flags.is_sampled());
    assert_eq!(
        span.attribute("http.response.status_code")
            .unwrap()
            .as_i64(),
        Some(-7)
    );
    assert_eq!(
        (span.events[0].name.as_str(), span.events[0].time_unix_nanos),
        ("retry", 6)
    );
    assert_eq!(span.links[0].span_context.trace_id().to_bytes(), [8; 16]);
    assert_eq!(
        (
            span.scope.name.as_ref(),
            span.scope.version.as_ref(),
            span.tracestate.as_str()
        ),
        ("lib", "1.2", "a=b")
    );
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// Sends a request on a connection of its own; gives the status and what follows it.
fn send(address: SocketAddr, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let has_host = headers.contains("\nhost:");
    let host = if has_host { "" } else { "host: localhost\r\n" };
    let head = format!(
        "POST {path} HTTP/1.1\r\n{host}{headers}connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // the answer may come before the body was read
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer
        .get(9..12)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    (status, answer)
}

async fn post(
    server: &Server,
    path: &'static str,
    headers: &'static str,
    body: Vec<u8>,
) -> (u16, String) {
    let address = server.otlp_http();
    tokio::task::spawn_blocking(move || send(address, path, headers, &body))
        .await
        .unwrap()
}

/// Posts a request that the server has to take.
async fn accepted(server: &Server, path: &'static str, headers: &'static str, body: Vec<u8>) {
    let (status, answer) = post(server, path, headers, body).await;
    assert_eq!(status, 200, "{answer}");
}

const PROTOBUF: &str = "content-type: application/x-protobuf\r\n";
const JSON: &str = "content-type: application/json; charset=utf-8\r\n";
const GZIP: &str = "content-type: application/x-protobuf\r\ncontent-encoding: gzip\r\n";

#[tokio::test]
async fn traces_arrive_in_each_encoding() {
    let (view, server) = start().await;
    let body = request(1).encode_to_vec();
    accepted(&server, "/v1/traces", PROTOBUF, body).await;
    check(&view, 1);
    accepted(
        &server,
        "/v1/traces",
        GZIP,
        gzip(&request(4).encode_to_vec()),
    )
    .await;
    check(&view, 4);
    let json = serde_json::to_vec(&request(5)).unwrap();
    let (status, answer) = post(&server, "/v1/traces", JSON, json).await;
    assert!(status == 200 && answer.ends_with("{}"), "{answer}");
    check(&view, 5);
    for (compressed, trace) in [(false, 6), (true, 7)] {
        let url = format!("http://{}", server.otlp_grpc().unwrap());
        let mut client = TraceServiceClient::connect(url).await.unwrap();
        if compressed {
            client = client.send_compressed(tonic::codec::CompressionEncoding::Gzip);
        }
        client.export(request(trace)).await.unwrap();
        check(&view, trace);
    }
    let counts = view.counts();
    assert_eq!(
        (
            counts.received.requests,
            counts.received.spans,
            counts.received.rejected
        ),
        (5, 5, 0)
    );
}

#[tokio::test]
async fn logs_join_their_trace_and_metrics_are_counted() {
    let (view, server) = start().await;
    let record = LogRecord {
        time_unix_nano: 7,
        severity_number: 17,
        body: text("it broke"),
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        ..LogRecord::default()
    };
    let logs = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: resource(),
            scope_logs: vec![ScopeLogs {
                log_records: vec![record, LogRecord::default()],
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    };
    let metrics = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![Metric::default(), Metric::default()],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    };
    let (logs_json, metrics_json) = (
        serde_json::to_vec(&logs).unwrap(),
        serde_json::to_vec(&metrics).unwrap(),
    );
    for (path, headers, body) in [
        ("/v1/logs", PROTOBUF, logs.encode_to_vec()),
        ("/v1/logs", JSON, logs_json),
        ("/v1/metrics", PROTOBUF, metrics.encode_to_vec()),
        ("/v1/metrics", JSON, metrics_json),
    ] {
        accepted(&server, path, headers, body).await;
    }
    assert_eq!(
        view.find(&hopline_view::Search::default()).len(),
        0,
        "a log record alone is no trace"
    );
    accepted(&server, "/v1/traces", PROTOBUF, request(1).encode_to_vec()).await;
    assert_eq!(view.find(&"broke".parse().unwrap()).len(), 1);
    let counts = view.counts();
    assert_eq!(
        (counts.received.logs, counts.logs, counts.received.metrics),
        (4, 2, 4)
    );
}

#[tokio::test]
async fn a_foreign_host_is_refused_by_receivers_and_page() {
    let (view, server) = start().await;
    let body = request(1).encode_to_vec();
    let foreign = "content-type: application/x-protobuf\r\nhost: evil.example\r\n";
    assert_eq!(
        post(&server, "/v1/traces", foreign, body.clone()).await.0,
        403
    );
    let page: SocketAddr = server
        .page_url()
        .trim_start_matches("http://")
        .parse()
        .unwrap();
    let refused = tokio::task::spawn_blocking(move || {
        send(
            page,
            "/api/import",
            "x-hopline-view: 1\r\nhost: evil.example\r\n",
            b"{}",
        )
    });
    assert_eq!(refused.await.unwrap().0, 403);
    let channel =
        tonic::transport::Endpoint::from_shared(format!("http://{}", server.otlp_grpc().unwrap()))
            .unwrap()
            .origin("http://evil.example".parse().unwrap())
            .connect()
            .await
            .unwrap();
    assert!(
        TraceServiceClient::new(channel)
            .export(request(1))
            .await
            .is_err()
    );
    assert_eq!(view.counts().spans, 0);
}

#[tokio::test]
async fn only_pages_of_loopback_may_send_spans() {
    let (view, server) = start().await;
    let body = request(1).encode_to_vec();
    let foreign = "content-type: application/x-protobuf\r\norigin: https://evil.example\r\n";
    assert_eq!(
        post(&server, "/v1/traces", foreign, body.clone()).await.0,
        403
    );
    assert_eq!(view.counts().spans, 0);
    let local = "content-type: application/x-protobuf\r\norigin: http://localhost:5173\r\n";
    let (status, answer) = post(&server, "/v1/traces", local, body).await;
    assert_eq!(status, 200);
    assert!(
        answer.contains("access-control-allow-origin: http://localhost:5173"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_token_is_required_beyond_loopback() {
    let open = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let refused = ServerOptions::default()
        .page(open)
        .start(&View::new())
        .await;
    assert_eq!(
        refused.unwrap_err().kind(),
        std::io::ErrorKind::PermissionDenied
    );
    let view = View::new();
    let options = ServerOptions::default()
        .page(ANY)
        .otlp_http(ANY)
        .without_grpc()
        .token("s3cret");
    assert!(!format!("{options:?}").contains("s3cret"));
    let server = options.start(&view).await.unwrap();
    let body = request(1).encode_to_vec();
    assert_eq!(
        post(&server, "/v1/traces", PROTOBUF, body.clone()).await.0,
        401
    );
    let wrong = "content-type: application/x-protobuf\r\nauthorization: Bearer s3creT\r\n";
    assert_eq!(
        post(&server, "/v1/traces", wrong, body.clone()).await.0,
        401
    );
    let right = "content-type: application/x-protobuf\r\nauthorization: Bearer s3cret\r\n";
    accepted(&server, "/v1/traces", right, body).await;
    assert_eq!(view.counts().spans, 1);
}

#[tokio::test]
async fn what_is_not_otlp_is_refused_and_counted() {
    let (view, server) = start().await;
    let whole = request(1).encode_to_vec();
    let cut = whole[..whole.len() - 3].to_vec();
    let no_ids = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: vec![Span::default()],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    // a value of 16 MiB of zeros, packed small
    let bomb = gzip(&vec![0; 40 << 20]);
    assert!(bomb.len() < 1 << 20);
    for (headers, body, expected) in [
        (PROTOBUF, cut.clone(), 400),
        (PROTOBUF, b"\x0a\xff\xff\xff\xff\x0f".to_vec(), 400),
        (PROTOBUF, b"{}".to_vec(), 400),
        (PROTOBUF, no_ids.encode_to_vec(), 400),
        (
            JSON,
            b"{\"resourceSpans\":[{\"scopeSpans\":7}]}".to_vec(),
            400,
        ),
        (JSON, b"{\"resourceSpans\":".to_vec(), 400),
        (JSON, vec![0xff], 400),
        (JSON, "[".repeat(100_000).into_bytes(), 400),
        (GZIP, whole, 400),
        (GZIP, gzip(&cut), 400),
        (GZIP, bomb, 413),
        (PROTOBUF, vec![0; (16 << 20) + 1], 413),
        ("content-type: text/plain\r\n", Vec::new(), 415),
        ("", Vec::new(), 415),
        (
            "content-type: application/x-protobuf\r\ncontent-encoding: br\r\n",
            Vec::new(),
            415,
        ),
    ] {
        let length = body.len();
        let (status, answer) = post(&server, "/v1/traces", headers, body).await;
        // a connection that is closed before the body was sent may be reset before the answer is read
        let is_cut_off = length > 16 << 20 && status == 0;
        assert!(
            status == expected || is_cut_off,
            "{headers} {length}: {answer}"
        );
    }
    assert_eq!(view.counts().received.rejected, 15);
    assert_eq!(view.counts().spans, 0);
    let mut client = TraceServiceClient::connect(format!("http://{}", server.otlp_grpc().unwrap()))
        .await
        .unwrap();
    let status = client.export(no_ids).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    accepted(&server, "/v1/traces", PROTOBUF, request(1).encode_to_vec()).await;
    check(&view, 1);
}

/// Resident bytes of this process.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// A request that is malformed in one of several ways, and the status that it has to get.
#[cfg(target_os = "linux")]
fn malformed(number: usize, whole: &[u8], json: &str) -> (&'static str, Vec<u8>, u16) {
    let cut = |bytes: &[u8]| {
        let at = number * 7 % (bytes.len() - 1);
        // always cut within a message, and the ids are in it: never whole
        [&bytes[..at.max(1)], b"\x0a"].concat()
    };
    match number % 6 {
        0 => (PROTOBUF, cut(whole), 400),
        1 => (JSON, cut(json.as_bytes()), 400),
        2 => (
            JSON,
            json.replace("\"spans\":[", "\"spans\":7,\"x\":[")
                .into_bytes(),
            400,
        ),
        3 => (GZIP, cut(&gzip(whole)), 400),
        4 => (GZIP, gzip(&cut(whole)), 400),
        _ => ("content-type: text/plain\r\n", whole.to_vec(), 415),
    }
}

/// 100,000 requests on kept connections: each is refused, memory stays, receivers and page work.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_malformed_requests_leaves_memory_flat() {
    const REQUESTS: usize = 100_000;
    const CONNECTIONS: usize = 4;
    let (view, server) = start().await;
    let whole = request(1).encode_to_vec();
    let json = serde_json::to_string(&request(1)).unwrap();
    // made once: what is tested is their reception
    let bodies: Vec<_> = (0..600).map(|n| malformed(n, &whole, &json)).collect();
    let bodies = std::sync::Arc::new(bodies);
    let address = server.otlp_http();
    let mut before = 0;
    for round in 0..2 {
        let tasks: Vec<_> = (0..CONNECTIONS)
            .map(|connection| {
                let bodies = std::sync::Arc::clone(&bodies);
                tokio::task::spawn_blocking(move || {
                    let mut stream = TcpStream::connect(address).unwrap();
                    let mut answer = [0; 4096];
                    for number in 0..REQUESTS / CONNECTIONS / 2 {
                        let (kind, body, status) = &bodies[(number + connection + round) % bodies.len()];
                        let head = format!(
                            "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\n{kind}content-length: {}\r\n\r\n",
                            body.len()
                        );
                        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
                        let length = stream.read(&mut answer).unwrap();
                        let answer = String::from_utf8_lossy(&answer[..length]);
                        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{kind}{answer}");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        if round == 0 {
            before = resident();
        }
    }
    let grown = resident().saturating_sub(before);
    assert!(
        grown < 8 << 20,
        "{grown} bytes more after 50,000 further requests"
    );
    assert_eq!(view.counts().received.rejected as usize, REQUESTS);
    accepted(&server, "/v1/traces", PROTOBUF, whole).await;
    check(&view, 1);
    let page = server.page_url();
    let page = page.trim_start_matches("http://").to_owned();
    let document = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(&page).unwrap();
        let request = format!("GET / HTTP/1.1\r\nhost: {page}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let document = document.await.unwrap();
    assert!(
        document.starts_with("HTTP/1.1 200") && document.contains("<html"),
        "{document}"
    );
}
