//! An axum service: one span per request, named by its route, with child spans and the error behind a failure.
//!
//! ```sh
//! cargo run -p hopline-axum --example server
//! ```
//!
//! ```text
//! GET /orders/{id} ▸ orders  200
//! └─ cache.lookup
//! GET /orders/{id} ▸ orders  502  ✗ std::io::error::Error
//! └─ cache.lookup
//! ```

#![expect(clippy::print_stdout, reason = "it shows the traces")]

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use hopline_axum::{CausedBy, CurrentSpan, TraceLayer};
use hopline_core::{FutureExt, span};

/// The application's error, which also reaches the request's span.
struct Failed(std::io::Error);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (StatusCode::BAD_GATEWAY, "try later").caused_by(&self.0)
    }
}

async fn order(Path(id): Path<u64>, request: CurrentSpan) -> Result<String, Failed> {
    request.set("order.id", id); // an attribute of the request's span
    let lookup = async { id == 7 };
    match lookup.in_span(span("cache.lookup")).await {
        true => Ok(format!("order {id}")),
        false => Err(Failed(std::io::Error::other("no route to the warehouse"))),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // a test's tracer, so that the spans can be shown; services leave it out and call `hopline::init`
    let (tracer, spans) = hopline_testing::tracer("orders");
    let app = Router::new()
        .route("/orders/{id}", get(order))
        .layer(TraceLayer::public().tracer(tracer));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/orders", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    let client = reqwest::Client::new();
    for id in [7, 8] {
        client
            .get(format!("{url}/{id}"))
            .send()
            .await?
            .bytes()
            .await?;
        spans.wait(2).await;
        print!("{}", spans.tree());
        spans.take();
    }
    Ok(())
}
