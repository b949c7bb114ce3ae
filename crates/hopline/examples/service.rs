//! A service with all that most services have: incoming requests, a database, calls to another service, metrics.
//!
//! ```sh
//! cargo run -p hopline --features axum,metrics,reqwest,sqlx-sqlite --example service
//! ```
//!
//! ```text
//! trace 58e65182c34b530871ed6de5317cf15a
//! GET /orders/{id} ▸ orders  200            4.8 ms  ████████████████████████  ◀ 10 %
//! ├─ db.query  SELECT orders ▸ sqlite       3.2 ms  █████████████████         ◀ 67 %
//! └─ GET  127.0.0.1:42355/stock/tea  200    1.1 ms                    █████   ◀ 22 %
//!
//! tea: 4 left
//! http_client_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",network_protocol_version="1.1",server_address="127.0.0.1",server_port="42355"} 1
//! http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="/orders/{id}",network_protocol_version="1.1",url_scheme="http"} 1
//! ```
//!
//! It prints traces, since it sets `console`. With `OTEL_EXPORTER_OTLP_ENDPOINT` spans go to a collector, too.

#![expect(clippy::print_stdout, reason = "it shows the metrics")]

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Router, routing::get};
use hopline::{prelude::*, reqwest::ClientWithMiddleware, sqlx::SqlitePool};

type App = (SqlitePool, ClientWithMiddleware, String);

async fn order(
    State((db, http, stock)): State<App>,
    Path(id): Path<i64>,
) -> Result<String, StatusCode> {
    let query = sqlx::query_scalar("SELECT item FROM orders WHERE id = $1").bind(id);
    let item: String = query
        .fetch_one(&db)
        .await
        .map_err(|_| StatusCode::NOT_FOUND)?;
    let call = http.get(format!("{stock}/stock/{item}")).send().await;
    let left = call.map_err(|_| StatusCode::BAD_GATEWAY)?.text().await;
    Ok(format!(
        "{item}: {} left",
        left.map_err(|_| StatusCode::BAD_GATEWAY)?
    ))
}

/// A free port, so that the example runs anywhere.
async fn listener() -> std::io::Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::bind("127.0.0.1:0").await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // services write `hopline::init("orders")?`, and set OTEL_TRACES_EXPORTER=console to see traces
    let telemetry = hopline::builder("orders")
        .without_exporter()
        .sink(hopline::console()?)
        .init()?;
    let db = sqlx::SqlitePool::connect("sqlite::memory:").await?;
    sqlx::raw_sql("CREATE TABLE orders (id, item); INSERT INTO orders VALUES (7, 'tea')")
        .execute(&db)
        .await?;
    let http = hopline::reqwest::ClientBuilder::new().build()?;

    let (stock, url) = (listener().await?, listener().await?);
    let state = (db.traced(), http, format!("http://{}", stock.local_addr()?));
    let app = Router::new()
        .route("/orders/{id}", get(order))
        .layer(hopline::axum::TraceLayer::public()) // one root span per request
        .with_state(state);
    let orders = format!("http://{}/orders/7", url.local_addr()?);
    tokio::spawn(async move { axum::serve(url, app).await });
    // the other service, without telemetry
    let other = Router::new().route("/stock/{item}", get(|| async { "4" }));
    tokio::spawn(async move { axum::serve(stock, other).await });

    let answer = reqwest::get(orders).await?.text().await?;
    let metrics = telemetry.metrics().render(); // `telemetry.metrics().router()` serves them
    telemetry.shutdown().await; // exports finished spans
    println!("{answer}");
    for line in metrics
        .lines()
        .filter(|line| line.contains("request_duration_seconds_count"))
    {
        println!("{line}");
    }
    Ok(())
}
