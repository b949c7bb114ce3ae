//! Calls and their outcomes, over real sockets.

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use hopline_core::{Baggage, Context, FutureExt, Incoming, Kind, SpanBuilder, no_attrs};
use hopline_reqwest::{TraceMiddleware, UrlTemplate};
use hopline_testing::tracer;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

/// A server that answers with the headers it got, one a line.
async fn serve() -> String {
    let echo = |headers: HeaderMap| async move {
        let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            format!("{name}: {}\n", value.to_str().unwrap())
        };
        headers.iter().map(line).collect::<String>()
    };
    let app = Router::new()
        .route("/echo", get(echo))
        .route("/404", get(|| async { StatusCode::NOT_FOUND }))
        .route("/never", get(std::future::pending::<()>));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

fn client(middleware: TraceMiddleware) -> ClientWithMiddleware {
    ClientBuilder::new(reqwest::Client::new())
        .with(middleware)
        .build()
}

#[tokio::test]
async fn a_call_is_a_client_span_and_its_id_is_what_is_sent() {
    let url = serve().await;
    let (tracer, spans) = tracer("gateway");
    let request =
        SpanBuilder::new("request").start_root(Some(&tracer), Incoming::default(), no_attrs);
    let client = client(TraceMiddleware::new());
    let with_user = url.replacen("//", "//checkout:hunter2@", 1);
    let call = client
        .get(format!("{with_user}/echo?token=abc&page=2"))
        .with_extension(UrlTemplate("/echo"))
        .send();
    let answer = call.in_span(request).await.unwrap();
    let sent = answer.text().await.unwrap();
    let span = spans
        .one("GET /echo")
        .kind(Kind::Client)
        .child_of("request")
        .succeeded();
    assert!(
        sent.contains(&format!(
            "traceparent: 00-{}-{}-01\n",
            span.trace_id, span.span_id
        )),
        "{sent}"
    );
    assert!(sent.contains("tracestate: ot=th:0\n"), "{sent}");
    let port: i64 = url.rsplit_once(':').unwrap().1.parse().unwrap();
    span.attribute(
        "url.full",
        format!("http://127.0.0.1:{port}/echo?token=REDACTED&page=2").as_str(),
    )
    .attribute("http.request.method", "GET")
    .attribute("server.address", "127.0.0.1")
    .attribute("server.port", port)
    .attribute("http.response.status_code", 200)
    .attribute("network.protocol.version", "1.1")
    .attribute("url.template", "/echo")
    .no_attribute("http.request.resend_count");
}

#[tokio::test]
async fn failures_have_a_type() {
    let url = serve().await;
    let (tracer, spans) = tracer("gateway");
    let client = client(TraceMiddleware::new().tracer(tracer));
    client.get(format!("{url}/404")).send().await.unwrap();
    spans.one("GET").failed("404").root();
    spans.take();

    let unused = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    client
        .get(format!("http://{unused}/?token=hunter2"))
        .send()
        .await
        .unwrap_err();
    let refused = spans.one("GET").failed("connection_refused");
    assert!(!format!("{:?}", *refused).contains("hunter2"));
    spans.take();

    client
        .get(format!("{url}/never"))
        .timeout(Duration::from_millis(20))
        .send()
        .await
        .unwrap_err();
    spans.one("GET").failed("timeout");
}

#[tokio::test]
async fn a_call_that_is_dropped_ends_without_an_error() {
    let url = serve().await;
    let (tracer, spans) = tracer("gateway");
    let client = client(TraceMiddleware::new().tracer(tracer));
    let call = client.get(format!("{url}/never")).send();
    assert!(
        tokio::time::timeout(Duration::from_millis(20), call)
            .await
            .is_err()
    );
    spans.one("GET").succeeded();
}

#[tokio::test]
async fn case_7_baggage_goes_to_ones_own_hosts_only() {
    let url = serve().await;
    let foreign = url.replacen("127.0.0.1", "shop.example.com", 1);
    let address = url.trim_start_matches("http://").parse().unwrap();
    let http = reqwest::Client::builder()
        .resolve("shop.example.com", address)
        .build()
        .unwrap();
    let (tracer, _spans) = tracer("gateway");
    let context =
        Context::EMPTY.with_baggage(Baggage::default().with("tenant_id", "acme").unwrap());
    let sent = async |url: &str, middleware: TraceMiddleware| {
        let client = ClientBuilder::new(http.clone())
            .with(middleware.tracer(tracer.clone()))
            .build();
        let answer = client
            .get(format!("{url}/echo"))
            .send()
            .in_context(context.clone())
            .await
            .unwrap();
        answer.text().await.unwrap()
    };
    assert!(
        sent(&url, TraceMiddleware::new())
            .await
            .contains("baggage: tenant_id=acme\n")
    );
    let kept = sent(&foreign, TraceMiddleware::new()).await;
    assert!(
        kept.contains("traceparent: ") && !kept.contains("baggage"),
        "{kept}"
    );
    let named = TraceMiddleware::new().baggage_to(["Shop.Example.com"]);
    assert!(
        sent(&foreign, named)
            .await
            .contains("baggage: tenant_id=acme\n")
    );
}

/// For code that calls with a plain client.
#[tokio::test]
async fn headers_of_a_plain_call_are_those_of_the_current_span_by_the_same_policy() {
    let (tracer, _spans) = tracer("gateway");
    let context =
        Context::EMPTY.with_baggage(Baggage::default().with("tenant_id", "acme").unwrap());
    let trace = TraceMiddleware::new().no_headers_to(["api.partner.example"]);
    let headers = |url: &str| trace.headers(&url.parse().unwrap());
    let mut span =
        SpanBuilder::new("search")
            .kind(Kind::Client)
            .start_in(&context, Some(&tracer), no_attrs);
    let sent = span.span_context().unwrap().to_string();
    span.in_scope(|| {
        let own = headers("http://search:9200/");
        assert_eq!(own["traceparent"], sent.as_str());
        assert_eq!(own["baggage"], "tenant_id=acme");
        let foreign = headers("https://search.example/");
        assert_eq!(foreign["traceparent"], sent.as_str());
        assert!(!foreign.contains_key("baggage"));
        assert!(headers("https://api.partner.example/").is_empty());
    });
    assert!(
        headers("http://search:9200/").is_empty(),
        "nothing is current"
    );
}
