//! The rules of the semantic conventions for HTTP server spans (`docs/http/http-spans.md`, v1.44), one row each,
//! over real sockets of both versions.

mod support;

use std::time::Instant;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{any, get};
use axum::{Json, Router};
use hopline_axum::{CurrentSpan, Redaction, RouteLayer, TraceLayer};
use hopline_core::SpanKind;
use hopline_test_support::http::{BOTH, Is, Version};
use hopline_testing::tracer;
use reqwest::{Client, Method, RequestBuilder};
use support::{layer, one, serve};

use Is::{Absent, Integer, Port, SomeText, Text, Texts};

struct Row {
    rule: &'static str,
    layer: fn(TraceLayer) -> TraceLayer,
    request: fn(&Client, &str) -> RequestBuilder,
    name: &'static str,
    /// `error.type` of a span that failed.
    error: Option<&'static str>,
    attributes: &'static [(&'static str, Is)],
}

fn as_it_is(layer: TraceLayer) -> TraceLayer {
    layer
}

fn method(client: &Client, name: &[u8], url: String) -> RequestBuilder {
    client.request(Method::from_bytes(name).unwrap(), url)
}

const ROWS: &[Row] = &[
    Row {
        rule: "the name is method and route",
        layer: as_it_is,
        request: |client, url| client.get(format!("{url}/orders/7")),
        name: "GET /orders/{id}",
        error: None,
        attributes: &[("http.route", Text("/orders/{id}"))],
    },
    Row {
        rule: "the name is the method where no route is known, never the path",
        layer: as_it_is,
        request: |client, url| client.get(format!("{url}/nowhere/7")),
        name: "GET",
        error: None,
        attributes: &[
            ("http.route", Absent),
            ("http.response.status_code", Integer(404)),
        ],
    },
    Row {
        rule: "a layer outside the routing learns the route late",
        layer: as_it_is,
        request: |client, url| client.get(format!("{url}/late/7")),
        name: "GET /late/{id}",
        error: None,
        attributes: &[("http.route", Text("/late/{id}"))],
    },
    Row {
        rule: "a route function sets the route",
        layer: |layer| layer.route(|uri, _| uri.path().starts_with("/n").then_some("/n{any}")),
        request: |client, url| client.get(format!("{url}/nowhere/7")),
        name: "GET /n{any}",
        error: None,
        attributes: &[("http.route", Text("/n{any}"))],
    },
    Row {
        rule: "an unknown method is HTTP in the name",
        layer: as_it_is,
        request: |client, url| method(client, b"BREW", format!("{url}/any")),
        name: "HTTP /any",
        error: None,
        attributes: &[("http.request.method", Text("_OTHER"))],
    },
    Row {
        rule: "PATCH is known",
        layer: as_it_is,
        request: |client, url| client.patch(format!("{url}/any")),
        name: "PATCH /any",
        error: None,
        attributes: &[
            ("http.request.method", Text("PATCH")),
            ("http.request.method_original", Absent),
        ],
    },
    Row {
        rule: "QUERY is known",
        layer: as_it_is,
        request: |client, url| method(client, b"QUERY", format!("{url}/any")),
        name: "QUERY /any",
        error: None,
        attributes: &[("http.request.method", Text("QUERY"))],
    },
    Row {
        rule: "methods are compared by case",
        layer: as_it_is,
        request: |client, url| method(client, b"get", format!("{url}/any")),
        name: "HTTP /any",
        error: None,
        attributes: &[
            ("http.request.method", Text("_OTHER")),
            ("http.request.method_original", Text("get")),
        ],
    },
    Row {
        rule: "an unknown method is recorded as it was sent",
        layer: as_it_is,
        request: |client, url| method(client, b"BREW", format!("{url}/any")),
        name: "HTTP /any",
        error: None,
        attributes: &[("http.request.method_original", Text("BREW"))],
    },
    Row {
        rule: "2xx leaves the status unset",
        layer: as_it_is,
        request: |client, url| client.get(format!("{url}/status/204")),
        name: "GET /status/{code}",
        error: None,
        attributes: &[("http.response.status_code", Integer(204))],
    },
    Row {
        rule: "3xx leaves the status unset",
        layer: as_it_is,
        request: |client, url| client.get(format!("{url}/status/302")),
        name: "GET /status/{code}",
        error: None,
        attributes: &[("http.response.status_code", Integer(302))],
    },
    Row {
        rule: "4xx is the caller's",
        layer: as_it_is,
        request: |client, url| client.get(format!("{url}/status/429")),
        name: "GET /status/{code}",
        error: None,
        attributes: &[("http.response.status_code", Integer(429))],
    },
    Row {
        rule: "5xx is an error whose type is the code, without a description",
        layer: as_it_is,
        request: |client, url| client.get(format!("{url}/status/503")),
        name: "GET /status/{code}",
        error: Some("503"),
        attributes: &[("http.response.status_code", Integer(503))],
    },
    Row {
        rule: "a known cause is recorded instead of the code",
        layer: as_it_is,
        request: |client, url| client.get(format!("{url}/cause")),
        name: "GET /cause",
        error: Some("card_declined"),
        attributes: &[("http.response.status_code", Integer(502))],
    },
    Row {
        rule: "required, conditional and recommended attributes have their types",
        layer: as_it_is,
        request: |client, url| {
            client
                .get(format!("{url}/orders/7?page=2"))
                .header("user-agent", "test/1")
        },
        name: "GET /orders/{id}",
        error: None,
        attributes: &[
            ("http.request.method", Text("GET")),
            ("url.path", Text("/orders/7")),
            ("url.scheme", Text("http")),
            ("url.query", Text("page=2")),
            ("http.route", Text("/orders/{id}")),
            ("http.response.status_code", Integer(200)),
            ("server.address", Text("127.0.0.1")),
            ("server.port", Port),
            ("client.address", Text("127.0.0.1")),
            ("network.peer.address", Text("127.0.0.1")),
            ("network.peer.port", Port),
            ("network.protocol.version", Is::Version),
            ("user_agent.original", Text("test/1")),
            ("error.type", Absent),
            ("network.protocol.name", Absent),
            ("client.port", Absent),
        ],
    },
    Row {
        rule: "missing attributes are absent, not empty",
        layer: as_it_is,
        request: |client, url| client.get(format!("{url}/any")),
        name: "GET /any",
        error: None,
        attributes: &[("url.query", Absent), ("user_agent.original", Absent)],
    },
    Row {
        rule: "the version is 1.1 or 2",
        layer: as_it_is,
        request: |client, url| client.get(format!("{url}/any")),
        name: "GET /any",
        error: None,
        attributes: &[("network.protocol.version", Is::Version)],
    },
    Row {
        rule: "the values of the seven query keys are redacted, and keys stay",
        layer: as_it_is,
        request: |client, url| {
            client.get(format!(
                "{url}/any?X-Amz-Signature=1&X-Amz-Credential=2&X-Amz-Security-Token=3&AWSAccessKeyId=4&Signature=5&sig=6&X-Goog-Signature=7&page=8"
            ))
        },
        name: "GET /any",
        error: None,
        attributes: &[(
            "url.query",
            Text(
                "X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED&AWSAccessKeyId=REDACTED&Signature=REDACTED&sig=REDACTED&X-Goog-Signature=REDACTED&page=8",
            ),
        )],
    },
    Row {
        rule: "a list of keys replaces the default",
        layer: |layer| layer.redaction(Redaction::default().query_keys(["email"])),
        request: |client, url| client.get(format!("{url}/any?sig=1&email=2")),
        name: "GET /any",
        error: None,
        attributes: &[("url.query", Text("sig=1&email=REDACTED"))],
    },
    Row {
        rule: "secrets in paths are scrubbed where they can be recognised",
        layer: as_it_is,
        request: |client, url| client.get(format!("{url}/reset-password/8fZk2")),
        name: "GET",
        error: None,
        attributes: &[("url.path", Text("/reset-password/REDACTED"))],
    },
    Row {
        rule: "a function scrubs paths",
        layer: |layer| layer.redaction(Redaction::default().path_by(|_| "/customers/-".into())),
        request: |client, url| client.get(format!("{url}/customers/ann")),
        name: "GET",
        error: None,
        attributes: &[("url.path", Text("/customers/-"))],
    },
    Row {
        rule: "the server is the host of the request",
        layer: as_it_is,
        request: |client, url| {
            client
                .get(format!("{url}/any"))
                .header("x-forwarded-host", "evil.example")
        },
        name: "GET /any",
        error: None,
        attributes: &[("server.address", Text("127.0.0.1")), ("server.port", Port)],
    },
    Row {
        rule: "behind a trusted proxy the server is the host of the request to the proxy",
        layer: |layer| layer.trusted_proxies(|address| address.is_loopback()),
        request: |client, url| {
            client
                .get(format!("{url}/any"))
                .header("x-forwarded-host", "shop.example:8443")
                .header("x-forwarded-for", "203.0.113.7")
        },
        name: "GET /any",
        error: None,
        attributes: &[
            ("server.address", Text("shop.example")),
            ("server.port", Integer(8443)),
        ],
    },
    Row {
        rule: "behind a trusted proxy the scheme is that of the request to the proxy",
        layer: |layer| layer.trusted_proxies(|address| address.is_loopback()),
        request: |client, url| {
            client
                .get(format!("{url}/any"))
                .header("forwarded", "for=203.0.113.7;proto=https")
        },
        name: "GET /any",
        error: None,
        attributes: &[("url.scheme", Text("https"))],
    },
    Row {
        rule: "an untrusted peer sets no scheme, and a proxy no scheme but http or https",
        layer: as_it_is,
        request: |client, url| {
            client
                .get(format!("{url}/any"))
                .header("x-forwarded-proto", "https")
        },
        name: "GET /any",
        error: None,
        attributes: &[("url.scheme", Text("http"))],
    },
    Row {
        rule: "the client is the address seen by the trusted proxies",
        layer: |layer| layer.trusted_proxies(|address| address.is_loopback()),
        request: |client, url| {
            client
                .get(format!("{url}/any"))
                .header("x-forwarded-for", "6.6.6.6, 203.0.113.7")
        },
        name: "GET /any",
        error: None,
        attributes: &[
            ("client.address", Text("203.0.113.7")),
            ("network.peer.address", Text("127.0.0.1")),
        ],
    },
    Row {
        rule: "forwarding headers of an untrusted peer are ignored",
        layer: |layer| layer.trusted_proxies(|_| false),
        request: |client, url| {
            client
                .get(format!("{url}/any"))
                .header("x-forwarded-for", "6.6.6.6")
                .header("forwarded", "for=6.6.6.6")
        },
        name: "GET /any",
        error: None,
        attributes: &[("client.address", Text("127.0.0.1"))],
    },
    Row {
        rule: "no header is recorded unless it is configured",
        layer: as_it_is,
        request: |client, url| {
            client
                .get(format!("{url}/any"))
                .header("x-tenant-id", "acme")
        },
        name: "GET /any",
        error: None,
        attributes: &[("http.request.header.x-tenant-id", Absent)],
    },
    Row {
        rule: "headers are recorded as arrays, credentials redacted",
        layer: |layer| {
            let name = HeaderName::from_static;
            layer
                .request_headers([name("x-tenant-id"), name("authorization"), name("x-absent")])
                .response_headers([name("x-shard")])
        },
        request: |client, url| {
            client
                .get(format!("{url}/shards"))
                .header("X-Tenant-Id", "acme")
                .header("x-tenant-id", "b")
                .bearer_auth("hunter2")
        },
        name: "GET /shards",
        error: None,
        attributes: &[
            ("http.request.header.x-tenant-id", Texts(&["acme", "b"])),
            ("http.request.header.authorization", Texts(&["REDACTED"])),
            ("http.request.header.x-absent", Absent),
            ("http.response.header.x-shard", Texts(&["1", "2"])),
        ],
    },
    Row {
        rule: "the route contains the application's root, also when the method does not match",
        layer: as_it_is,
        request: |client, url| client.delete(format!("{url}/nested/items/7")),
        name: "DELETE /nested/items/{id}",
        error: None,
        attributes: &[
            ("http.route", Text("/nested/items/{id}")),
            ("http.response.status_code", Integer(405)),
        ],
    },
    Row {
        rule: "a merged router's route is the route",
        layer: as_it_is,
        request: |client, url| client.get(format!("{url}/cause")),
        name: "GET /cause",
        error: Some("card_declined"),
        attributes: &[("http.route", Text("/cause"))],
    },
    Row {
        rule: "an error is recorded once, as its type, and no event repeats it",
        layer: as_it_is,
        request: |client, url| client.get(format!("{url}/cause")),
        name: "GET /cause",
        error: Some("card_declined"),
        attributes: &[("error.type", SomeText), ("exception.type", Absent)],
    },
];

fn app(layer: TraceLayer) -> Router {
    let status = |axum::extract::Path(code): axum::extract::Path<u16>| async move {
        StatusCode::from_u16(code).unwrap()
    };
    let cause = |span: CurrentSpan| async move {
        span.fail("card_declined");
        (StatusCode::BAD_GATEWAY, Json(()))
    };
    let items = Router::new().route("/items/{id}", get(|| async {}));
    let late = Router::new().route("/{id}", get(|| async {}));
    let shards = || async {
        let mut answer = [("x-shard", "1"), ("x-other", "3")].into_response();
        let second = HeaderValue::from_static("2");
        answer.headers_mut().append("x-shard", second);
        answer
    };
    Router::new()
        .route("/orders/{id}", get(|| async { "order" }))
        .route("/any", any(|| async { "any" }))
        .route("/status/{code}", get(status))
        .route("/shards", get(shards))
        .merge(Router::new().route("/cause", get(cause)))
        .nest("/nested", items)
        .nest_service("/late", late.layer(RouteLayer::new()))
        .layer(layer)
}

async fn check(row: &Row, version: Version) {
    let (tracer, spans) = tracer("orders");
    let url = format!("http://{}", serve(app((row.layer)(layer(&tracer)))).await);
    let begun = Instant::now();
    let answer = (row.request)(&version.client(), &url).send().await.unwrap();
    answer.bytes().await.unwrap();
    let span = one(&spans).await;
    let took = begun.elapsed().as_nanos() as u64;
    let row_is = format!("{}, {version:?}: {span:#?}", row.rule);
    assert_eq!(
        (span.name.as_str(), span.kind),
        (row.name, SpanKind::Server),
        "{row_is}"
    );
    assert_eq!(span.is_error(), row.error.is_some(), "{row_is}");
    assert_eq!(span.text("error.type"), row.error, "{row_is}");
    assert!(span.events.is_empty(), "{row_is}");
    assert!((1..=took).contains(&span.duration_nanos()), "{row_is}");
    for (key, is) in row.attributes {
        assert!(
            is.fits(&span, key, version, &url),
            "{key} is to be {is:?}: {row_is}"
        );
    }
}

#[tokio::test]
async fn every_rule_holds_in_both_versions() {
    for version in BOTH {
        for row in ROWS {
            check(row, version).await;
        }
    }
}

/// H5: the list of known methods can be replaced, for the whole process: so in a process of its own.
#[test]
fn known_methods_can_be_replaced() {
    const INSIDE: &str = "HOPLINE_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        let row = Row {
            rule: "the list of known methods can be replaced",
            layer: as_it_is,
            request: |client, url| method(client, b"BREW", format!("{url}/any")),
            name: "BREW /any",
            error: None,
            attributes: &[("http.request.method", Text("BREW"))],
        };
        let gone = Row {
            request: |client, url| client.get(format!("{url}/any")),
            name: "HTTP /any",
            attributes: &[("http.request.method", Text("_OTHER"))],
            ..row
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        for row in [row, gone] {
            runtime.block_on(check(&row, Version::Http1));
        }
        return;
    }
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "known_methods_can_be_replaced"])
        .env("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "BREW, PUT")
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success());
}

/// H13: what samplers look at is there when the span begins.
#[tokio::test]
async fn a_rule_by_route_path_or_method_decides_at_the_start() {
    let plan = "GET /orders/* 100%; PUT /any 100%; * 0%".parse().unwrap();
    let (tracer, spans) = hopline_testing::tracer_with(|tracer| tracer.plan(plan));
    let url = format!("http://{}", serve(app(layer(&tracer))).await);
    let client = Version::Http1.client();
    for request in [
        client.get(format!("{url}/orders/7")),
        client.get(format!("{url}/any")),
        client.put(format!("{url}/any")),
    ] {
        request.send().await.unwrap().bytes().await.unwrap();
    }
    let names: Vec<String> = support::spans(&spans, 2)
        .await
        .into_iter()
        .map(|span| span.name)
        .collect();
    assert_eq!(names, ["GET /orders/{id}", "PUT /any"]);
}
