//! Headers that the operator wants recorded, of servers and clients: the program starts itself with the variables.

mod support;

use std::process::Command;

use axum::Router;
use axum::routing::get;
use hopline_core::export::{OwnedValue, SpanData};
use hopline_reqwest::TraceMiddleware;
use http::HeaderName;
use reqwest_middleware::ClientBuilder;
use support::{layer, serve};

const SAID: [(&str, &str); 4] = [
    (
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST",
        "X-Tenant-Id, authorization,x-code",
    ),
    (
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE",
        "x-shard,set-cookie",
    ),
    (
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST",
        "authorization",
    ),
    (
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE",
        "not a name,x-shard",
    ),
];

#[test]
fn the_operator_s_headers_are_recorded_beside_those_of_the_code() {
    const INSIDE: &str = "HOPLINE_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        return tokio::runtime::Runtime::new().unwrap().block_on(inside());
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--nocapture", "--exact"])
        .arg("the_operator_s_headers_are_recorded_beside_those_of_the_code")
        .envs(SAID)
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let output_text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{output_text}");
    let wrong = format!(r#"headers: {}: "not a name""#, SAID[3].0);
    assert_eq!(output_text.matches(&wrong).count(), 1, "{output_text}");
}

async fn inside() {
    let code = HeaderName::from_static("x-code");
    let (tracer, all) = hopline_testing::tracer("orders");
    let answer = || async { [("x-shard", "7"), ("set-cookie", "session=s3cret")] };
    let router = || Router::new().route("/", get(answer));
    let plain = serve(router().layer(layer(&tracer))).await;
    let asking = layer(&tracer).request_headers([code.clone()]);
    let asking = serve(router().layer(asking)).await;
    for (address, by_code) in [(plain, false), (asking, true)] {
        let trace = TraceMiddleware::new().tracer(tracer.clone());
        let trace = match by_code {
            true => trace.request_headers([code.clone()]),
            false => trace,
        };
        let client = ClientBuilder::new(reqwest::Client::new())
            .with(trace)
            .build();
        let call = client
            .get(format!("http://{address}/"))
            .header("x-tenant-id", "acme")
            .header("x-code", "1")
            .header("authorization", "Basic s3cret");
        call.send().await.unwrap().bytes().await.unwrap();
        let spans = support::spans(&all, 2).await;
        all.take();
        assert!(!format!("{spans:?}").contains("s3cret"), "{spans:?}");
        let server = spans.iter().find(|span| span.scope.name == "hopline-axum");
        let expected = [
            ("http.request.header.x-tenant-id", "acme"),
            ("http.request.header.authorization", "REDACTED"),
            ("http.request.header.x-code", "1"),
            ("http.response.header.x-shard", "7"),
            ("http.response.header.set-cookie", "REDACTED"),
        ];
        assert_eq!(headers(server.unwrap()), expected);
        let client = spans
            .iter()
            .find(|span| span.scope.name == "hopline-reqwest");
        let mut expected = vec![
            ("http.request.header.authorization", "REDACTED"),
            ("http.response.header.x-shard", "7"),
        ];
        if by_code {
            expected.insert(1, ("http.request.header.x-code", "1"));
        }
        assert_eq!(headers(client.unwrap()), expected);
    }
}

/// The recorded headers, of one line each.
fn headers(span: &SpanData) -> Vec<(&str, &str)> {
    let attributes = span.attributes.iter();
    let headers = attributes.filter(|(key, _)| key.contains(".header."));
    headers
        .map(|(key, value)| match value {
            OwnedValue::Array(lines) if lines.len() == 1 => (&**key, lines[0].as_str().unwrap()),
            other => panic!("{key}: {other:?}"),
        })
        .collect()
}
