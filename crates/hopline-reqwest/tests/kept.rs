//! Announcements of kept traces: followed for listed hosts, and for the caller's trace only.

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use hopline_core::{FutureExt, Incoming, SpanBuilder};
use hopline_reqwest::TraceMiddleware;
use hopline_testing::tracer_with;
use reqwest_middleware::ClientBuilder;

/// Announces that the caller's trace, or another one, is kept.
async fn serve() -> String {
    let say = |sent: HeaderMap, other: bool| async move {
        let sent = sent["traceparent"].to_str().unwrap();
        let trace = if other {
            "4bf92f3577b34da6a3ce929d0e0e4736"
        } else {
            &sent[3..35]
        };
        let said = format!("trace;desc=00-{trace}-00f067aa0ba902b7-01");
        [("server-timing", said)]
    };
    let app = Router::new()
        .route("/kept", get(move |headers| say(headers, false)))
        .route("/other", get(move |headers| say(headers, true)))
        .route("/silent", get(|| async {}));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

#[tokio::test]
async fn a_named_hosts_word_counts_for_the_trace_that_was_sent() {
    let url = serve().await;
    let named = TraceMiddleware::new().keep_with(["127.0.0.1"]);
    let others = TraceMiddleware::new().keep_with(["payments.internal"]);
    for (middleware, path, plan, kept) in [
        (&named, "kept", "* 0%; keep errors", Some("downstream")),
        (&named, "other", "* 0%; keep errors", None),
        (&named, "silent", "* 0%; keep errors", None),
        (&others, "kept", "* 0%; keep errors", None),
        (&TraceMiddleware::new(), "kept", "* 0%; keep errors", None),
        // not recorded in the first place
        (&named, "kept", "* 0%", None),
    ] {
        let (tracer, spans) = tracer_with(|tracer| tracer.plan(plan.parse().unwrap()));
        let request = SpanBuilder::new("request")
            .tracer(&tracer)
            .parent(Incoming::default())
            .start();
        let client = ClientBuilder::new(reqwest::Client::new())
            .with(middleware.clone())
            .build();
        let call = client.get(format!("{url}/{path}")).send();
        call.in_span(request).await.unwrap();
        let root = spans.named("request");
        let why = root.first().and_then(|span| span.text("hopline.kept"));
        assert_eq!(why, kept, "{path} on `{plan}`, {middleware:?}");
    }
}
