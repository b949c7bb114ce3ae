//! Notices of misuse at the start: a binary of its own, since there is one installed tracer.
#![cfg(feature = "axum")]

use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use hopline::axum::TraceLayer;
use hopline::core::{Notice, set_notice_hook};
use hopline_testing::Spans;

static SAID: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

fn printed(kind: &str) -> Vec<String> {
    assert!(Notice::flush(Duration::from_secs(30)));
    let printed = SAID.lock().unwrap();
    let of_kind = printed.iter().filter(|(known, _)| known == kind);
    of_kind.map(|(_, message)| message.clone()).collect()
}

#[tokio::test]
async fn misuse_gives_one_notice_with_the_remedy() {
    set_notice_hook(|notice| {
        let printed = (notice.kind.to_owned(), notice.message.to_owned());
        SAID.lock().unwrap().push(printed);
    });
    // a layer and no tracer
    let app = Router::new()
        .route("/", get(|| async { "ok" }))
        .layer(TraceLayer::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    for _ in 0..3 {
        assert_eq!(reqwest::get(&url).await.unwrap().status(), 200);
    }
    let advice = printed("no-tracer");
    assert_eq!(advice.len(), 1);
    assert!(
        advice[0].contains("hopline::init") && advice[0].contains(".tracer("),
        "{advice:?}"
    );

    // the fix works, also for a layer that was built before
    let spans = Spans::new();
    let build = || {
        hopline::builder("orders")
            .without_exporter()
            .sink(spans.sink())
    };
    let telemetry = build().init().unwrap();
    assert_eq!(reqwest::get(&url).await.unwrap().status(), 200);
    spans.wait_for(1, Duration::from_secs(5));
    assert_eq!(
        printed("init"),
        ["spans of orders go to a sink of the application; plan: * 100%"]
    );

    // twice
    let error = build().init().unwrap_err();
    assert!(error.is_already_installed());
    let text = error.to_string();
    assert!(
        text.contains("started twice") && text.contains("build()"),
        "{text}"
    );

    // no collector to check
    #[cfg(feature = "otlp")]
    {
        let error = telemetry.check().await.unwrap_err().to_string();
        assert!(error.contains("OTEL_TRACES_EXPORTER"), "{error}");
    }
    telemetry.try_shutdown().await.unwrap();
    assert_eq!(printed("no-tracer").len(), 1);
}
