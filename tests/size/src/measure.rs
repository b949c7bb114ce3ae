//! Bytes of a span: two services record requests, calls and statements, and their batches are encoded.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use hopline::axum::TraceLayer;
use hopline::prelude::*;
use hopline::reqwest::ClientWithMiddleware;
use hopline::sqlx::Pool;
use hopline_core::export::Batching;
use hopline_core::{Batch, Sink, Tracer};
use hopline_otlp::{encode_protobuf, resource_from_variables};
use parking_lot::Mutex;
use sqlx::Sqlite;
use sqlx::sqlite::SqlitePoolOptions;
use tokio::net::TcpListener;

use crate::Result;

/// Requests that are recorded: four spans each in one service, and two in the other.
const REQUESTS: u32 = 256;

/// Bytes of a span, on average.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// The spans that were recorded.
    pub spans: usize,
    /// In an OTLP request (protobuf).
    pub plain: f64,
    /// The same with gzip, as the exporter packs it.
    pub gzip: f64,
    /// In the queue of the exporter.
    pub memory: f64,
}

/// Records real spans and encodes them in batches of 512, as the exporter does.
///
/// The spans are those of a service with an HTTP route, two statements and a call of another service, which has a route and
/// a statement: two SERVER spans, one CLIENT span of HTTP and three of a database.
///
/// # Errors
///
/// A port or the database cannot be opened, or a request fails.
pub async fn measure() -> Result<Measured> {
    let (orders, inventory) = (Batches::default(), Batches::default());
    let tracers = [tracer("orders", &orders), tracer("inventory", &inventory)];
    let stock = Router::new()
        .route("/stock/{item}", get(stock))
        .layer(TraceLayer::new().tracer(tracers[1].clone()))
        .with_state(database().await?);
    let state = Orders {
        database: database().await?,
        http: hopline::reqwest::ClientBuilder::new().build()?,
        inventory: serve(stock).await?,
    };
    let app = Router::new()
        .route("/orders/{id}/stock", get(order))
        .layer(TraceLayer::new().tracer(tracers[0].clone()))
        .with_state(state);
    let url = serve(app).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    for id in 0..REQUESTS {
        let answer = client
            .get(format!("{url}/orders/{}/stock", 10_000 + id))
            .send()
            .await?;
        answer.error_for_status()?.text().await?;
    }
    for tracer in tracers {
        tracer.shutdown(Duration::from_secs(10))?;
    }

    let (mut spans, mut plain, mut gzip, mut memory) = (0, 0, 0, 0);
    for batch in orders.take().into_iter().chain(inventory.take()) {
        spans += batch.len();
        memory += batch.bytes();
        let request = encode_protobuf(&[batch]);
        plain += request.len();
        gzip += packed(&request)?.len();
    }
    let each = |bytes: usize| bytes as f64 / spans as f64;
    Ok(Measured {
        spans,
        plain: each(plain),
        gzip: each(gzip),
        memory: each(memory),
    })
}

/// With the level of hopline's exporter.
fn packed(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(plain)?;
    packed.finish()
}

/// Keeps full batches, as an exporter receives them.
#[derive(Clone, Debug, Default)]
struct Batches(Arc<Mutex<Vec<Arc<Batch>>>>);

impl Batches {
    fn take(&self) -> Vec<Arc<Batch>> {
        std::mem::take(&mut self.0.lock())
    }
}

impl Sink for Batches {
    fn accept(&self, batch: &Arc<Batch>) {
        self.0.lock().push(Arc::clone(batch));
    }

    fn batching(&self) -> Batching {
        Batching::Full
    }
}

/// A tracer with the resource of a service in a cluster, the same on each machine.
fn tracer(service: &str, batches: &Batches) -> Tracer {
    let attributes = "service.version=1.4.2,deployment.environment.name=production,k8s.pod.name=orders-7d9f8b6c5-x2x7p,host.name=node-17";
    let variable = |name: &str| (name == "OTEL_RESOURCE_ATTRIBUTES").then(|| attributes.to_owned());
    Tracer::builder()
        .resource(resource_from_variables(service, &variable))
        .sink(batches.clone())
        .build()
}

/// Serves on a free port of loopback, as long as the runtime runs.
async fn serve(app: Router) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    // ends with the runtime; each request is awaited before
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

#[derive(Clone)]
struct Orders {
    database: Pool<Sqlite>,
    http: ClientWithMiddleware,
    inventory: String,
}

/// One connection, since each has a database of its own in memory.
async fn database() -> Result<Pool<Sqlite>> {
    let options = SqlitePoolOptions::new().max_connections(1);
    Ok(options.connect("sqlite::memory:").await?.traced())
}

async fn order(State(orders): State<Orders>, Path(id): Path<i64>) -> Result<String, StatusCode> {
    let item: String = sqlx::query_scalar("SELECT 'teapot-' || ? AS item")
        .bind(id % 10)
        .fetch_one(&orders.database)
        .await
        .map_err(|_| StatusCode::NOT_FOUND)?;
    sqlx::query("SELECT id, status, note FROM (SELECT ? AS id, 'open' AS status, 'none' AS note)")
        .bind(id)
        .fetch_all(&orders.database)
        .await
        .map_err(|_| StatusCode::NOT_FOUND)?;
    let call = orders
        .http
        .get(format!("{}/stock/{item}", orders.inventory))
        .send();
    let answer = call.await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    answer.text().await.map_err(|_| StatusCode::BAD_GATEWAY)
}

async fn stock(
    State(database): State<Pool<Sqlite>>,
    Path(item): Path<String>,
) -> Result<String, StatusCode> {
    let count: i64 = sqlx::query_scalar("SELECT length(?) AS quantity")
        .bind(item)
        .fetch_one(&database)
        .await
        .map_err(|_| StatusCode::NOT_FOUND)?;
    Ok(count.to_string())
}
