//! SIGTERM while a request is served: a binary of its own, since a signal reaches the whole process.
#![cfg(all(unix, feature = "otlp", feature = "axum"))]

use std::process::Command;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use hopline::axum::TraceLayer;
use hopline::otlp::Exporter;
use tokio::sync::Notify;

use hopline_test_support::LONG;
use hopline_test_support::otlp::{Receiver, record};

#[test]
fn a_request_in_progress_at_sigterm_is_answered_and_its_span_exported() {
    let receiver = Receiver::start([]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(serve_until_signalled(&receiver));
    assert_eq!(receiver.await_spans(1), ["GET /slow"]);
}

async fn serve_until_signalled(receiver: &Receiver) {
    let exporter = Exporter::builder()
        .endpoint(receiver.url())
        .build()
        .unwrap();
    let telemetry = hopline::builder("orders")
        .exporter(exporter.clone())
        .shutdown_timeout(LONG)
        .build()
        .unwrap();
    let tracer = telemetry.tracer().unwrap().clone();
    let (began, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begin, wait) = (Arc::clone(&began), Arc::clone(&go_on));
    let handler = async move || {
        begin.notify_one();
        wait.notified().await;
        "done"
    };
    let app = Router::new()
        .route("/slow", get(handler))
        .layer(TraceLayer::new().tracer(tracer.clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/slow", listener.local_addr().unwrap());
    let (stopping, stopped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let printed = Arc::clone(&stopping);
    let signal = async move {
        hopline::shutdown_signal().await;
        printed.notify_one();
    };
    let over = Arc::clone(&stopped);
    tokio::spawn(async move {
        axum::serve(listener, app)
            .with_graceful_shutdown(signal)
            .await
            .unwrap();
        over.notify_one();
    });
    let request = tokio::spawn(async move { reqwest::get(url).await.unwrap().text().await });
    began.notified().await;
    let me = std::process::id().to_string();
    Command::new("sh")
        .args(["-c", r#"kill -s TERM "$1""#, "sh", &me])
        .status()
        .unwrap();
    stopping.notified().await;
    go_on.notify_one();
    assert_eq!(request.await.unwrap().unwrap(), "done");
    stopped.notified().await;
    telemetry.try_shutdown().await.unwrap();
    assert_eq!((exporter.stats().sent, exporter.stats().lost()), (1, 0));
    record(&tracer, "late");
    assert_eq!(tracer.stats().after_shutdown, 1);
}
