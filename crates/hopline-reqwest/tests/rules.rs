//! The rules of the semantic conventions for HTTP client spans (`docs/http/http-spans.md`, v1.44), one row each, over
//! real sockets of both versions.

mod support;

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, StatusCode};
use axum::routing::any;
use futures_util::{StreamExt, stream};
use hopline_core::{FutureExt, SpanKind};
use hopline_reqwest::{Redaction, TraceMiddleware, Untraced, UrlTemplate};
use hopline_test_support::http::{BOTH, Is, Version};
use hopline_testing::{Spans, tracer};
use reqwest::Method;
use reqwest_middleware::{ClientWithMiddleware, RequestBuilder};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;
use support::{client, serve, trace};

use Is::{Absent, Integer, Port, Text, Texts};

struct Row {
    rule: &'static str,
    trace: fn(TraceMiddleware) -> TraceMiddleware,
    request: fn(&ClientWithMiddleware, &str) -> RequestBuilder,
    name: &'static str,
    error: Option<&'static str>,
    attributes: &'static [(&'static str, Is)],
}

fn as_it_is(trace: TraceMiddleware) -> TraceMiddleware {
    trace
}

fn method(client: &ClientWithMiddleware, name: &[u8], url: String) -> RequestBuilder {
    client.request(Method::from_bytes(name).unwrap(), url)
}

const ROWS: &[Row] = &[
    Row {
        rule: "the name is the method, never the path",
        trace: as_it_is,
        request: |client, url| client.get(format!("{url}/stock/7")),
        name: "GET",
        error: None,
        attributes: &[("url.template", Absent)],
    },
    Row {
        rule: "a URL template is in the name",
        trace: as_it_is,
        request: |client, url| {
            let call = client.get(format!("{url}/stock/7"));
            call.with_extension(UrlTemplate("/stock/{id}"))
        },
        name: "GET /stock/{id}",
        error: None,
        attributes: &[("url.template", Text("/stock/{id}"))],
    },
    Row {
        rule: "an unknown method is HTTP in the name and recorded as it was sent",
        trace: as_it_is,
        request: |client, url| method(client, b"BREW", format!("{url}/a")),
        name: "HTTP",
        error: None,
        attributes: &[
            ("http.request.method", Text("_OTHER")),
            ("http.request.method_original", Text("BREW")),
        ],
    },
    Row {
        rule: "4xx is an error of the call, whose type is the code, without a description",
        trace: as_it_is,
        request: |client, url| client.get(format!("{url}/404")),
        name: "GET",
        error: Some("404"),
        attributes: &[("http.response.status_code", Integer(404))],
    },
    Row {
        rule: "5xx is an error",
        trace: as_it_is,
        request: |client, url| client.get(format!("{url}/503")),
        name: "GET",
        error: Some("503"),
        attributes: &[("http.response.status_code", Integer(503))],
    },
    Row {
        rule: "3xx leaves the status unset",
        trace: as_it_is,
        request: |client, url| client.get(format!("{url}/304")),
        name: "GET",
        error: None,
        attributes: &[("http.response.status_code", Integer(304))],
    },
    Row {
        rule: "a call that runs out of time",
        trace: as_it_is,
        request: |client, url| {
            client
                .get(format!("{url}/never"))
                .timeout(Duration::from_millis(20))
        },
        name: "GET",
        error: Some("timeout"),
        attributes: &[("http.response.status_code", Absent)],
    },
    Row {
        rule: "a server that refuses the connection",
        trace: as_it_is,
        // the discard port, which is closed
        request: |client, _| client.get("http://127.0.0.1:9/?token=hunter2"),
        name: "GET",
        error: Some("connection_refused"),
        attributes: &[
            ("url.full", Text("http://127.0.0.1:9/?token=REDACTED")),
            ("network.protocol.version", Absent),
        ],
    },
    Row {
        rule: "a URL that reqwest refuses",
        trace: as_it_is,
        request: |client, _| client.get("gopher://127.0.0.1/"),
        name: "GET",
        error: Some("builder"),
        attributes: &[("server.address", Text("127.0.0.1"))],
    },
    Row {
        rule: "required, conditional and recommended attributes have their types",
        trace: as_it_is,
        request: |client, url| client.get(format!("{url}/a?page=2#top")),
        name: "GET",
        error: None,
        attributes: &[
            ("http.request.method", Text("GET")),
            ("url.full", Text("{url}/a?page=2#top")),
            ("server.address", Text("127.0.0.1")),
            ("server.port", Port),
            ("http.response.status_code", Integer(200)),
            ("network.peer.address", Text("127.0.0.1")),
            ("network.peer.port", Port),
            ("network.protocol.version", Is::Version),
            ("http.request.resend_count", Absent),
            ("error.type", Absent),
            ("user_agent.original", Absent),
        ],
    },
    Row {
        rule: "the version is the negotiated one",
        trace: as_it_is,
        request: |client, url| client.get(format!("{url}/a")),
        name: "GET",
        error: None,
        attributes: &[("network.protocol.version", Is::Version)],
    },
    Row {
        rule: "user and password are REDACTED",
        trace: as_it_is,
        request: |client, url| {
            client.get(format!(
                "{}/a",
                url.replacen("//", "//checkout:hunter2@", 1)
            ))
        },
        name: "GET",
        error: None,
        // reqwest takes them out of the URL and into a header before a middleware sees it
        attributes: &[("url.full", Text("{url}/a"))],
    },
    Row {
        rule: "the values of the seven query keys are redacted, and keys stay",
        trace: as_it_is,
        request: |client, url| {
            client.get(format!(
                "{url}/a?X-Amz-Signature=1&X-Amz-Credential=2&X-Amz-Security-Token=3&AWSAccessKeyId=4&Signature=5&sig=6&X-Goog-Signature=7&page=8"
            ))
        },
        name: "GET",
        error: None,
        attributes: &[(
            "url.full",
            Text(
                "{url}/a?X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED&AWSAccessKeyId=REDACTED&Signature=REDACTED&sig=REDACTED&X-Goog-Signature=REDACTED&page=8",
            ),
        )],
    },
    Row {
        rule: "a list of keys replaces the default",
        trace: |trace| trace.redaction(Redaction::default().query_keys(["email"])),
        request: |client, url| client.get(format!("{url}/a?sig=1&email=2")),
        name: "GET",
        error: None,
        attributes: &[("url.full", Text("{url}/a?sig=1&email=REDACTED"))],
    },
    Row {
        rule: "secrets in paths are scrubbed where they can be recognised",
        trace: as_it_is,
        request: |client, url| client.get(format!("{url}/token/8fZk2/use")),
        name: "GET",
        error: None,
        attributes: &[("url.full", Text("{url}/token/REDACTED/use"))],
    },
    Row {
        rule: "the server is the host of the URL",
        trace: as_it_is,
        request: |client, url| {
            client
                .get(format!("{url}/a"))
                .header("host", "other.example")
        },
        name: "GET",
        error: None,
        attributes: &[("server.address", Text("127.0.0.1")), ("server.port", Port)],
    },
    Row {
        rule: "configured headers are recorded as arrays, credentials redacted",
        trace: |trace| {
            let name = HeaderName::from_static;
            trace
                .request_headers([name("x-tenant-id"), name("authorization")])
                .response_headers([name("x-shard"), name("set-cookie")])
        },
        request: |client, url| {
            client
                .get(format!("{url}/a"))
                .header("x-tenant-id", "acme")
                .bearer_auth("hunter2")
        },
        name: "GET",
        error: None,
        attributes: &[
            ("http.request.header.x-tenant-id", Texts(&["acme"])),
            ("http.request.header.authorization", Texts(&["REDACTED"])),
            ("http.response.header.x-shard", Texts(&["1"])),
            ("http.response.header.set-cookie", Texts(&["REDACTED"])),
        ],
    },
    Row {
        rule: "no header is recorded unless it is configured",
        trace: as_it_is,
        request: |client, url| client.get(format!("{url}/a")).header("x-tenant-id", "acme"),
        name: "GET",
        error: None,
        attributes: &[("http.request.header.x-tenant-id", Absent)],
    },
    Row {
        rule: "a span ends with the head, though the body fails",
        trace: as_it_is,
        request: |client, url| client.get(format!("{url}/broken")),
        name: "GET",
        error: None,
        attributes: &[("http.response.status_code", Integer(200))],
    },
    Row {
        rule: "with the body, if configured: then the failure of the body is that of the call",
        trace: TraceMiddleware::until_body_end,
        request: |client, url| client.get(format!("{url}/broken")),
        name: "GET",
        error: Some("body"),
        attributes: &[("http.response.status_code", Integer(200))],
    },
];

fn app() -> Router {
    let headers = [("x-shard", "1"), ("set-cookie", "id=hunter2")];
    let broken = || async {
        let parts = stream::iter([Ok("half"), Err(std::io::Error::other("disk"))]);
        Body::from_stream(parts.then(|part| async {
            tokio::task::yield_now().await;
            part
        }))
    };
    Router::new()
        .route("/404", any(|| async { StatusCode::NOT_FOUND }))
        .route("/503", any(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .route("/304", any(|| async { StatusCode::NOT_MODIFIED }))
        .route("/never", any(std::future::pending::<()>))
        .route("/broken", any(broken))
        .fallback(move || async move { headers })
}

#[tokio::test]
async fn every_rule_holds_in_both_versions() {
    for version in BOTH {
        let url = serve(app()).await;
        for row in ROWS {
            let (tracer, spans) = tracer("gateway");
            let trace = (row.trace)(trace(&tracer));
            let begun = Instant::now();
            let called = (row.request)(&client(version, trace), &url).send().await;
            if let Ok(answer) = called {
                let _ = answer.bytes().await;
            }
            check(row, version, &url, &spans, begun.elapsed());
        }
    }
}

fn check(row: &Row, version: Version, url: &str, spans: &Spans, took: Duration) {
    let span = spans.one(row.name);
    let is = format!("{}, {version:?}: {:#?}", row.rule, *span);
    assert_eq!(span.kind, SpanKind::Client, "{is}");
    assert_eq!(
        (span.is_error(), span.text("error.type")),
        (row.error.is_some(), row.error),
        "{is}"
    );
    assert!(
        (1..=took.as_nanos() as u64).contains(&span.duration_nanos()),
        "{is}"
    );
    assert!(!is.contains("hunter2"), "{is}");
    for (key, wanted) in row.attributes {
        assert!(
            wanted.fits(&span, key, version, url),
            "{key} is to be {wanted:?}: {is}"
        );
    }
}

/// H9: a dropped call is not an error.
#[tokio::test]
async fn a_call_or_a_body_that_is_dropped_ends_without_an_error() {
    for version in BOTH {
        let (enter, mut entered) = tokio::sync::mpsc::unbounded_channel();
        let never = move || async move {
            let _ = enter.send(());
            std::future::pending::<()>().await;
        };
        let endless = || async {
            Body::from_stream(stream::repeat_with(|| {
                Ok::<_, std::io::Error>(vec![b'x'; 65_536])
            }))
        };
        let app = Router::new()
            .route("/never", any(never))
            .route("/endless", any(endless));
        let url = serve(app).await;
        let (tracer, spans) = tracer("gateway");
        let client = client(version, trace(&tracer).until_body_end());
        let call = client.get(format!("{url}/never")).send();
        tokio::select! {
            _ = call => panic!("it was answered"),
            _ = entered.recv() => {}
        }
        spans.one("GET").succeeded();
        spans.take();
        let mut answer = client.get(format!("{url}/endless")).send().await.unwrap();
        answer.chunk().await.unwrap();
        assert_eq!(spans.all().len(), 0, "the body has not ended");
        drop(answer);
        spans
            .one("GET")
            .succeeded()
            .attribute("http.response.status_code", 200);
    }
}

/// H24: with the body the span is longer, and the answer is what it was.
#[tokio::test]
async fn an_answer_is_the_same_with_the_span_in_its_body() {
    let url = serve(app()).await;
    let (tracer, spans) = tracer("gateway");
    let plain = client(Version::Http1, trace(&tracer));
    let lasting = client(Version::Http1, trace(&tracer).until_body_end());
    for path in ["a", "404", "304"] {
        let url = format!("{url}/{path}");
        let one = plain.get(&url).send().await.unwrap();
        let other = lasting.get(&url).send().await.unwrap();
        let shown = |answer: &reqwest::Response| {
            let mut headers = answer.headers().clone();
            headers.remove("date");
            let url = answer.url().clone();
            (
                answer.status(),
                answer.version(),
                url,
                answer.remote_addr(),
                headers,
                answer.content_length(),
            )
        };
        assert_eq!(shown(&one), shown(&other));
        assert_eq!(one.bytes().await.unwrap(), other.bytes().await.unwrap());
        assert_eq!(
            spans.take().len(),
            2,
            "{path}: an empty body has no end to wait for"
        );
    }
}

/// H23: a span for each attempt inside a retry, counted from the second on; outside, one for the call.
#[tokio::test]
async fn attempts_of_a_retry_are_counted() {
    let url = serve(app()).await;
    let (tracer, spans) = tracer("gateway");
    let retry = || {
        let policy = ExponentialBackoff::builder()
            .retry_bounds(Duration::from_millis(1), Duration::from_millis(2))
            .build_with_max_retries(2);
        RetryTransientMiddleware::new_with_policy(policy)
    };
    let builder = || reqwest_middleware::ClientBuilder::new(Version::Http1.client());
    let inside = builder().with(retry()).with(trace(&tracer)).build();
    let request = hopline_core::SpanBuilder::new("checkout")
        .tracer(&tracer)
        .parent(Default::default())
        .start();
    let call = inside.get(format!("{url}/503")).send();
    call.in_span(request).await.unwrap();
    let calls = spans.named("GET");
    let counts: Vec<_> = calls
        .iter()
        .map(|span| span.attribute("http.request.resend_count").cloned())
        .collect();
    assert_eq!(counts, [None, Some(1.into()), Some(2.into())]);
    let request = spans.one("checkout");
    assert!(
        calls
            .iter()
            .all(|call| call.parent == Some(request.span_id)),
        "siblings, none inside another"
    );
    let mut ids: Vec<_> = calls.iter().map(|call| call.span_id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each attempt sends an id of its own");
    spans.take();

    let outside = builder().with(trace(&tracer)).with(retry()).build();
    outside.get(format!("{url}/503")).send().await.unwrap();
    spans
        .one("GET")
        .failed("503")
        .no_attribute("http.request.resend_count");
}

#[tokio::test]
async fn a_call_can_opt_out() {
    let url = serve(support::echo()).await;
    let (tracer, spans) = tracer("gateway");
    let call = client(Version::Http1, trace(&tracer)).get(&url);
    let call = call.with_extension(Untraced).send();
    let sent = call.await.unwrap().text().await.unwrap();
    assert!(!sent.contains("trace") && spans.all().is_empty(), "{sent}");
}

#[tokio::test]
async fn hosts_can_be_denied() {
    let url = serve(support::echo()).await;
    let (tracer, spans) = tracer("gateway");
    let call = async |denied: &str| {
        let client = hopline_reqwest::ClientBuilder::new()
            .configure(|client| Version::Http1.configure(client))
            .trace(trace(&tracer))
            .no_headers_to([denied])
            .build()
            .unwrap();
        client.get(&url).send().await.unwrap().text().await.unwrap()
    };
    let sent = call("127.0.0.1").await;
    assert!(!sent.contains("trace"), "{sent}");
    spans.one("GET").succeeded();
    for other in ["*.example", "b\u{fc}cher.example"] {
        let sent = call(other).await;
        assert!(sent.contains("traceparent: "), "{sent}");
    }
    for written in [url.as_str(), "127.0.0.1:80", "*"] {
        let sent = call(written).await;
        assert!(!sent.contains("trace"), "{written}: {sent}");
    }
}
