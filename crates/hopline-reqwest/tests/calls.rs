//! Calls and their outcomes, over real sockets.

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use hopline_core::{Baggage, Context, FutureExt, Incoming, SpanBuilder, SpanKind};
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
    let request = SpanBuilder::new("request")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
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
        .kind(SpanKind::Client)
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
async fn baggage_is_sent_to_internal_and_listed_hosts() {
    let url = serve().await;
    let foreign = url.replacen("127.0.0.1", "shop.example.com", 1);
    let address = url.trim_start_matches("http://").parse().unwrap();
    let (tracer, _spans) = tracer("gateway");
    let context =
        Context::EMPTY.with_baggage(Baggage::default().with("tenant_id", "acme").unwrap());
    let sent = async |url: &str, named: &[&'static str]| {
        let client = hopline_reqwest::ClientBuilder::new()
            .configure(|client| client.resolve("shop.example.com", address))
            .trace(TraceMiddleware::new().tracer(tracer.clone()))
            .baggage_to(named.iter().copied())
            .build()
            .unwrap();
        let answer = client
            .get(format!("{url}/echo"))
            .send()
            .in_context(context.clone())
            .await
            .unwrap();
        answer.text().await.unwrap()
    };
    assert!(sent(&url, &[]).await.contains("baggage: tenant_id=acme\n"));
    let kept = sent(&foreign, &[]).await;
    assert!(
        kept.contains("traceparent: ") && !kept.contains("baggage"),
        "{kept}"
    );
    let named = sent(&foreign, &["Shop.Example.com"]).await;
    assert!(named.contains("baggage: tenant_id=acme\n"), "{named}");
}

#[tokio::test]
async fn headers_that_the_application_sets_arrive() {
    let url = serve().await;
    let foreign = url.replacen("127.0.0.1", "shop.example.com", 1);
    let address = url.trim_start_matches("http://").parse().unwrap();
    let (tracer, _spans) = tracer("gateway");
    let context =
        Context::EMPTY.with_baggage(Baggage::default().with("tenant_id", "acme").unwrap());
    let client = hopline_reqwest::ClientBuilder::new()
        .configure(|client| client.resolve("shop.example.com", address))
        .trace(TraceMiddleware::new().tracer(tracer))
        .build()
        .unwrap();
    let sent = async |url: &str, context: &Context| {
        let call = client
            .get(format!("{url}/echo"))
            .header("baggage", "user=7");
        let call = call
            .header("tracestate", "vendor=1")
            .header("traceparent", "mine");
        let answer = call.send().in_context(context.clone()).await.unwrap();
        answer.text().await.unwrap()
    };
    for (url, context, baggage) in [
        (&url, &context, "baggage: user=7,tenant_id=acme\n"),
        (&url, &Context::EMPTY, "baggage: user=7\n"),
        (&foreign, &context, "baggage: user=7\n"),
    ] {
        let sent = sent(url, context).await;
        assert!(sent.contains(baggage), "{url}: {sent}");
        // two parents at once would be a trace that lies
        assert!(!sent.contains("mine") && !sent.contains("vendor"), "{sent}");
    }
    // and those that it sets for all calls
    let mut defaults = HeaderMap::new();
    defaults.insert("baggage", "user=7".parse().unwrap());
    let (tracer, _spans) = hopline_testing::tracer("gateway");
    let client = hopline_reqwest::ClientBuilder::new()
        .default_headers(defaults)
        .trace(TraceMiddleware::new().tracer(tracer))
        .build()
        .unwrap();
    let call = client.get(format!("{url}/echo")).send();
    let answer = call.in_context(context).await.unwrap();
    let sent = answer.text().await.unwrap();
    assert!(sent.contains("baggage: user=7,tenant_id=acme\n"), "{sent}");
}

#[tokio::test]
async fn trace_headers_that_the_application_sets_stay_where_there_is_no_span() {
    let url = serve().await;
    let client = hopline_reqwest::ClientBuilder::new().build().unwrap();
    let call = client
        .get(format!("{url}/echo"))
        .header("baggage", "user=7");
    let call = call
        .header("tracestate", "vendor=1")
        .header("traceparent", "mine");
    let sent = call.send().await.unwrap().text().await.unwrap();
    for header in [
        "baggage: user=7\n",
        "tracestate: vendor=1\n",
        "traceparent: mine\n",
    ] {
        assert!(sent.contains(header), "{sent}");
    }
}

/// For code that calls with a plain client, which may follow redirects.
#[tokio::test]
async fn headers_of_a_plain_call_are_those_of_the_current_span_without_baggage() {
    let (tracer, _spans) = tracer("gateway");
    let context =
        Context::EMPTY.with_baggage(Baggage::default().with("tenant_id", "acme").unwrap());
    let trace = TraceMiddleware::new();
    let mut span = SpanBuilder::new("search")
        .kind(SpanKind::Client)
        .child_of(&context)
        .tracer(&tracer)
        .start();
    let sent = span.span_context().unwrap().to_string();
    span.in_scope(|| {
        let headers = trace.headers();
        assert_eq!(headers["traceparent"], sent.as_str());
        assert!(!headers.contains_key("baggage"));
    });
    assert!(trace.headers().is_empty(), "nothing is current");
}
