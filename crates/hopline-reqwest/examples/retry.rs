//! reqwest with retries: one span per attempt, each counted, with trace headers of its own.
//!
//! ```sh
//! cargo run -p hopline-reqwest --example retry
//! ```
//!
//! ```text
//! checkout ▸ gateway
//! ├─ GET  503  ✗
//! ├─ GET  503  ✗
//! └─ GET  200
//! http.request.resend_count of the attempts: none, 1, 2
//! ```

#![expect(clippy::print_stdout, reason = "it shows the trace")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use axum::http::StatusCode;
use axum::{Router, routing::get};
use hopline_core::{FutureExt, Incoming, SpanBuilder};
use reqwest_retry::{RetryTransientMiddleware, policies::ExponentialBackoff};

/// Serves on a free port an answer that fails two times.
async fn unreliable() -> std::io::Result<String> {
    let served = Arc::new(AtomicU32::new(0));
    let answer = move || async move {
        match served.fetch_add(1, Relaxed) {
            0 | 1 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::OK,
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/stock/7", listener.local_addr()?);
    let app = Router::new().route("/stock/{id}", get(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // a test's tracer, so that the spans can be shown; services leave it out and call `hopline::init`
    let (tracer, spans) = hopline_testing::tracer("gateway");
    let policy = ExponentialBackoff::builder()
        .retry_bounds(Duration::from_millis(1), Duration::from_millis(10))
        .build_with_max_retries(3);
    // the client's span is inside what is added by `with`
    let client = hopline_reqwest::ClientBuilder::new()
        .with(RetryTransientMiddleware::new_with_policy(policy))
        .build()?;

    let url = unreliable().await?;
    let request = SpanBuilder::new("checkout")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
    let response = client.get(url).send().in_span(request).await?;
    assert_eq!(response.status(), 200);
    response.bytes().await?; // a call's span ends with the body

    print!("{}", spans.tree());
    let counts: Vec<String> = spans
        .named("GET")
        .iter()
        .map(|attempt| {
            attempt
                .attribute("http.request.resend_count")
                .and_then(|count| count.as_i64())
        })
        .map(|count| count.map_or("none".to_owned(), |count| count.to_string()))
        .collect();
    println!(
        "http.request.resend_count of the attempts: {}",
        counts.join(", ")
    );
    Ok(())
}
