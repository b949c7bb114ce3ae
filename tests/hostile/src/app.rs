//! The service's routes, the same with tracing and without.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use hopline::axum::TraceLayer;
use hopline::core::Name;
use hopline::prelude::*;
use hopline::{Context, attr, span};
use reqwest_middleware::ClientWithMiddleware;
use sqlx::{AssertSqlSafe, Executor, Sqlite, SqlitePool};

use crate::Result;
use crate::attack::SECRET;
use crate::guests::{LAST, Unprintable};
use crate::queue::Queue;

#[derive(Clone)]
pub(crate) struct App {
    http: ClientWithMiddleware,
    inner: SocketAddr,
    database: Database,
    queue: Queue,
}

#[derive(Clone)]
enum Database {
    Plain(SqlitePool),
    Traced(hopline::sqlx::SqlitePool),
}

impl App {
    pub(crate) async fn new(traced: bool, inner: SocketAddr, queue: Queue) -> Result<Self> {
        // one connection: a database in memory is that of its connection
        let pool = sqlx::pool::PoolOptions::new().max_connections(1);
        let pool = pool.connect("sqlite::memory:").await?;
        let plain = reqwest::Client::builder().no_proxy();
        let http = if traced {
            hopline::reqwest::ClientBuilder::new()
                .configure(|client| client.no_proxy())
                .build()?
        } else {
            reqwest_middleware::ClientBuilder::new(plain.build()?).build()
        };
        let database = if traced {
            Database::Traced(pool.traced())
        } else {
            Database::Plain(pool)
        };
        Ok(Self {
            http,
            inner,
            database,
            queue,
        })
    }

    async fn ask(&self, path: &str) -> Result<String, StatusCode> {
        let inner = self.inner;
        let call = self.http.get(format!("http://user:{SECRET}@{inner}{path}"));
        let answer = call.send().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
        answer.text().await.map_err(|_| StatusCode::BAD_GATEWAY)
    }
}

/// The routes that untrusted callers can reach.
pub(crate) fn edge(app: App, traced: bool) -> Router {
    let router = Router::new()
        .route("/orders/{id}", get(order))
        .route("/orders", post(place))
        .route("/messages", post(forge))
        .route("/upload", post(upload))
        .route("/password/reset/{token}", get(|| async { "reset" }))
        .route("/fail", get(fail))
        .route("/panic", get(panic))
        .route("/deep", get(deep))
        .route("/stream", get(stream))
        .route("/thread", get(thread))
        .route("/health", get(health))
        .fallback(any(overloaded));
    let names = [header::AUTHORIZATION, header::COOKIE];
    let more = ["x-otp", "sec-websocket-protocol", "x-api-key"].map(HeaderName::from_static);
    let layer = TraceLayer::public()
        .filter(|_, uri| uri.path() != "/health")
        .request_headers(names.into_iter().chain(more))
        .on_request(|span, request| {
            span.set("shop.preview", request.headers.contains_key("x-preview"));
            assert!(!request.headers.contains_key("x-bug"), "a hook's bug");
        });
    layered(router, layer, traced).with_state(app)
}

/// The routes that only the edge calls.
pub(crate) fn inner(app: App, traced: bool) -> Router {
    let router = Router::new()
        .route("/stock/{id}", get(stock))
        .fallback(|| async { StatusCode::NOT_FOUND });
    layered(router, TraceLayer::new(), traced).with_state(app)
}

fn layered(router: Router<App>, layer: TraceLayer, traced: bool) -> Router<App> {
    if traced { router.layer(layer) } else { router }
}

async fn order(State(app): State<App>, Path(id): Path<u32>) -> Result<String, StatusCode> {
    app.ask(&format!("/stock/{id}?token={SECRET}")).await
}

async fn stock(State(app): State<App>, Path(id): Path<u32>) -> Result<String, StatusCode> {
    let found = match &app.database {
        Database::Plain(pool) => look_up(pool, id).await,
        Database::Traced(pool) => look_up(pool, id).await,
    };
    found.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

async fn look_up<'e>(
    database: impl Executor<'e, Database = Sqlite>,
    id: u32,
) -> sqlx::Result<String> {
    let text = format!("SELECT ? || ' of ' || length('{SECRET}')");
    let query = sqlx::query_scalar(AssertSqlSafe(text)).bind(i64::from(id));
    query.fetch_one(database).await
}

async fn place(State(app): State<App>, body: Bytes) -> StatusCode {
    match app.queue.publish(&body).await {
        Ok(()) => StatusCode::CREATED,
        Err(_) => StatusCode::BAD_GATEWAY,
    }
}

async fn forge(State(app): State<App>) -> StatusCode {
    match app.queue.forge().await {
        Ok(()) => StatusCode::CREATED,
        Err(_) => StatusCode::BAD_GATEWAY,
    }
}

async fn upload(body: Bytes) -> String {
    body.len().to_string()
}

async fn fail() -> StatusCode {
    Context::current().record_error(&Unprintable);
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn panic() -> StatusCode {
    tokio::task::yield_now().await;
    panic!("a handler's bug")
}

/// More spans, events and text than a trace may hold.
async fn deep(headers: HeaderMap) -> &'static str {
    let long = "k".repeat(10_000);
    let open: Vec<_> = (0..300)
        .map(|at| {
            let child = span(Name::dynamic(if at % 2 == 0 { &long } else { "" }));
            child.set(Name::dynamic(&long), long.as_str());
            child.set("", at);
            for _ in 0..10 {
                child.event("step", || [attr("headers", headers.len())]);
            }
            child
        })
        .collect();
    (0..2500).for_each(|_| span("leaf").end());
    drop(open);
    "deep"
}

/// A body in parts; clients leave in its midst.
async fn stream() -> Response {
    let parts = futures_util::stream::unfold(0, |at| async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        (at < 50).then(|| {
            (
                Ok::<_, std::io::Error>(Bytes::from_static(b"data: 1\n\n")),
                at + 1,
            )
        })
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    (kind, Body::from_stream(parts)).into_response()
}

async fn thread() -> &'static str {
    let thread = std::thread::spawn(|| LAST.with(|_| {}));
    // its end is awaited on a thread that may block
    let ended = tokio::task::spawn_blocking(|| thread.join()).await;
    if ended.is_ok_and(|ended| ended.is_ok()) {
        "ended"
    } else {
        "broken"
    }
}

/// A proxy that copies its request's headers.
async fn health(State(app): State<App>, request: Request) -> Result<String, StatusCode> {
    let call = app.http.get(format!("http://{}/stock/1", app.inner));
    let mut headers = request.headers().clone();
    headers.remove(header::HOST);
    let answer = call.headers(headers).send().await;
    let answer = answer.map_err(|_| StatusCode::BAD_GATEWAY)?;
    answer.text().await.map_err(|_| StatusCode::BAD_GATEWAY)
}

/// Load shedding in front of a gRPC service, which answers calls of any method.
async fn overloaded(headers: HeaderMap) -> Response {
    let is_grpc = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if !is_grpc {
        return StatusCode::NOT_FOUND.into_response();
    }
    let kind = (header::CONTENT_TYPE, "application/grpc");
    let status = (HeaderName::from_static("grpc-status"), "8");
    ([kind, status], "").into_response()
}
