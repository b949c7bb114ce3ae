//! Requests that were made to harm: names without end, control characters, secrets.

mod support;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::routing::{any, get, post};
use hopline_axum::TraceLayer;
use hopline_core::{Batch, Sink, Tracer, semconv::OlderNames};
use hopline_otlp::Exporter;
use hopline_reqwest::TraceMiddleware;
use hopline_test_support::http::Version;
use http::{HeaderValue, Method};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use support::{layer, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

/// Counts that must not grow with the callers' input.
#[derive(Debug, Default)]
struct Seen {
    spans: usize,
    names: HashSet<String>,
    labels: HashSet<String>,
}

#[derive(Clone, Debug, Default)]
struct Labels(Arc<Mutex<Seen>>);

impl Sink for Labels {
    fn accept(&self, batch: &Arc<Batch>) {
        const LABELS: [&str; 7] = [
            "http.request.method",
            "http.route",
            "http.response.status_code",
            "error.type",
            "url.scheme",
            "network.protocol.version",
            "rpc.method",
        ];
        let mut seen = self.0.lock().unwrap();
        for span in batch.to_spans() {
            seen.spans += 1;
            seen.names.insert(span.name.clone());
            for label in LABELS {
                if let Some(value) = span.attribute(label) {
                    seen.labels.insert(format!("{label}={value}"));
                }
            }
        }
    }
}

#[tokio::test]
async fn names_and_memory_do_not_grow_with_the_callers_input() {
    const REQUESTS: usize = 100_000;
    let labels = Labels::default();
    let tracer = Tracer::builder().sink(labels.clone()).build();
    let app = Router::new()
        .route("/orders/{id}", any(|| async { "order" }))
        .layer(
            TraceLayer::new()
                .tracer(tracer.clone())
                .trusted_proxies(|_| true),
        );
    let mut early = 0;
    for index in 0..REQUESTS {
        let request = Request::builder()
            .method(Method::from_bytes(format!("M{index}").as_bytes()).unwrap())
            .uri(format!(
                "http://h{index}.example/{}/{index}",
                if index % 2 == 0 { "orders" } else { "x" }
            ))
            .version(http::Version::HTTP_2)
            .header("user-agent", format!("agent/{index}"))
            .header("x-forwarded-proto", format!("scheme{index}"))
            .header("content-type", "application/grpc")
            .body(axum::body::Body::empty())
            .unwrap();
        let answer = app.clone().oneshot(request).await.unwrap();
        axum::body::to_bytes(answer.into_body(), 100).await.unwrap();
        if index == REQUESTS / 10 {
            early = tracer.stats().buffer_bytes;
        }
    }
    let late = tracer.stats();
    assert!(
        late.buffer_bytes <= early.max(1 << 20),
        "{early} bytes, then {}",
        late.buffer_bytes
    );
    tokio::task::spawn_blocking(move || tracer.shutdown(Duration::from_secs(20)))
        .await
        .unwrap()
        .unwrap();
    let seen = labels.0.lock().unwrap();
    assert_eq!(
        (seen.spans, late.lost_spans, late.lost_traces),
        (REQUESTS, 0, 0)
    );
    let names: HashSet<_> = ["HTTP", "HTTP /orders/{id}"].map(str::to_owned).into();
    assert_eq!(seen.names, names);
    assert!(seen.labels.len() < 10, "{:?}", seen.labels);
}

/// Raw bytes of every kind: the request is served or refused by hyper, and its span holds no control character.
#[tokio::test]
async fn control_characters_reach_neither_spans_nor_outgoing_headers() {
    let (tracer, spans) = hopline_testing::tracer("first");
    let echo = |request: Request| async move { format!("{:?}", request.headers()) };
    let second = format!("http://{}/", serve(Router::new().fallback(echo)).await);
    let call = |State((client, url)): State<(ClientWithMiddleware, String)>| async move {
        client.get(url).send().await.unwrap().text().await.unwrap()
    };
    let client = ClientBuilder::new(Version::Http1.client())
        .with(TraceMiddleware::new())
        .build();
    let app = Router::new()
        .fallback(get(call))
        .layer(layer(&tracer).request_headers([http::header::HeaderName::from_static("x-own")]))
        .with_state((client, second));
    let address = serve(app).await;
    let mut served = 0;
    for head in [
        &b"GET /%0d%0aevil:%201?%1b[31m=%00 HTTP/1.1\r\nhost: h"[..],
        b"GET /\x1b[31m HTTP/1.1\r\nhost: h",
        b"GET /caf\xc3\xa9 HTTP/1.1\r\nhost: h",
        b"GET / HTTP/1.1\r\nhost: h\x1b[31m",
        b"GET / HTTP/1.1\r\nhost: \xff\xfe",
        b"GET / HTTP/1.1\r\nhost: h\r\nuser-agent: a\x1b[31mb",
        b"GET / HTTP/1.1\r\nhost: h\r\nuser-agent: \xe9\xff",
        b"GET / HTTP/1.1\r\nhost: h\r\nuser-agent: a\xc2\x9b31mb",
        b"GET / HTTP/1.1\r\nhost: a\xc2\x9b31mb",
        b"GET / HTTP/1.1\r\nhost: h\r\nx-own: a\xc2\x9b31mb",
        b"GET / HTTP/1.1\r\nhost: h\r\nx-own: \xe9\xff\xc3\xa9",
        b"GET / HTTP/1.1\r\nhost: h\r\nbaggage: k=%0d%0aevil:%201%00%1b[31m",
        b"GET / HTTP/1.1\r\nhost: h\r\nbaggage: k=\xc3\xa9",
        b"GET / HTTP/1.1\r\nhost: h\r\ntracestate: a=\x7f",
        b"GET / HTTP/1.1\r\nhost: h\r\ntraceparent: \x00\x01",
        b"BR\x01EW / HTTP/1.1\r\nhost: h",
        b"GET http://u:hunter2@h/ HTTP/1.1\r\nhost: h",
    ] {
        let mut socket = TcpStream::connect(&address).await.unwrap();
        let request = [head, b"\r\nconnection: close\r\n\r\n"].concat();
        socket.write_all(&request).await.unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.1 400"),
            "{answer}"
        );
        assert!(!answer.contains("\"evil\""), "{answer}");
        served += usize::from(answer.starts_with("HTTP/1.1 200"));
    }
    assert!(served >= 6, "{served}");
    let spans = support::spans(&spans, 2 * served).await;
    for span in &spans {
        let keys = span
            .attributes
            .iter()
            .flat_map(|(key, value)| [key.clone(), value.to_string()]);
        for text in keys.chain([span.name.clone()]) {
            assert!(!text.chars().any(char::is_control), "{text:?}");
            assert!(!text.contains("hunter2"), "{text:?}");
        }
    }
}

/// A collector that keeps what it is sent, byte by byte.
async fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let kept = bytes.clone();
    let traces = move |body: Bytes| async move { kept.lock().unwrap().extend_from_slice(&body) };
    let address = serve(Router::new().route("/v1/traces", post(traces))).await;
    (format!("http://{address}"), bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_any_exported_byte() {
    const SECRET: &str = "hunter2Secret";
    let (endpoint, exported) = collector().await;
    let exporter = Exporter::builder().endpoint(&endpoint).build().unwrap();
    let tracer = Tracer::builder().service("orders").sink(exporter).build();
    let older = OlderNames {
        http: true,
        ..OlderNames::NONE
    };
    let names = [
        "authorization",
        "cookie",
        "x-api-key",
        "referer",
        "x-forwarded-access",
    ];
    let names = names.map(http::header::HeaderName::from_static);
    let second = Router::new().fallback(|| async { [("set-cookie", format!("id={SECRET}"))] });
    let second = serve(second.layer(TraceLayer::new().tracer(tracer.clone()))).await;
    let client = ClientBuilder::new(Version::Http1.client())
        .with(
            TraceMiddleware::new()
                .older_names(older)
                .request_headers(names.clone()),
        )
        .build();
    let call = move |request: Request| async move {
        let url = format!("http://u:{SECRET}@{second}{}", request.uri());
        let call = client
            .get(url)
            .bearer_auth(SECRET)
            .header("x-api-key", SECRET);
        call.send().await.unwrap();
        [("set-cookie", format!("id={SECRET}"))]
    };
    let layer = TraceLayer::new()
        .tracer(tracer.clone())
        .older_names(older)
        .request_headers(names)
        .response_headers([http::header::SET_COOKIE]);
    let address = serve(Router::new().fallback(call).layer(layer)).await;
    let keys = [
        "X-Amz-Signature",
        "X-Amz-Credential",
        "X-Amz-Security-Token",
        "AWSAccessKeyId",
        "Signature",
        "sig",
        "X-Goog-Signature",
        "access_token",
        "password",
    ];
    let queries = keys.map(|key| format!("visible?page=marker&{key}={SECRET}"));
    let paths = [
        format!("token/{SECRET}/use"),
        format!("reset-password/{SECRET}"),
        format!("Bearer%20{SECRET}"),
        format!("hooks/eyJhbGciOiJIUzI1NiJ9.{SECRET}.c2ln"),
        format!("cart;jsessionid={SECRET}"),
    ];
    let http = Version::Http1.client();
    for path in queries.iter().chain(&paths) {
        let call = http
            .get(format!("http://{address}/{path}"))
            .bearer_auth(SECRET)
            .header("cookie", format!("session={SECRET}"))
            .header("x-api-key", SECRET)
            .header("x-forwarded-access", format!("Bearer {SECRET}"))
            .header(
                "referer",
                HeaderValue::from_str(&format!("http://h/?token={SECRET}")).unwrap(),
            );
        call.send().await.unwrap();
    }
    tokio::task::spawn_blocking(move || tracer.shutdown(Duration::from_secs(10)))
        .await
        .unwrap()
        .unwrap();
    let exported = exported.lock().unwrap();
    let text = String::from_utf8_lossy(&exported);
    assert!(
        text.matches("page=marker").count() >= keys.len(),
        "spans arrived, as they are"
    );
    assert!(text.contains("http.request.header.authorization") && text.contains("REDACTED"));
    assert!(
        !text.contains(SECRET),
        "{}",
        &text[text.find(SECRET).unwrap().saturating_sub(200)..]
    );
}
