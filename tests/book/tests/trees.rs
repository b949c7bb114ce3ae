//! Trees that pages show without code that asserts them: each is compared with what the edge records.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use hopline::axum::TraceLayer;
use hopline::core::Incoming;
use hopline::lapin::{Delivery, Outcome, RunOptions};
use hopline::prelude::*;
use hopline::reqwest::{ClientBuilder, UrlTemplate};
use hopline::sqlx::SqlitePool;
use hopline::{Span, SpanBuilder, Tracer, span};
use hopline_test_support::pages::read;
use hopline_testing::{assert_tree, tracer};
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tower::ServiceExt as _;

/// The trees of a page: blocks of text that begin with this line.
fn trees(page: &str, first_line: &str) -> Vec<String> {
    let page = read(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../docs")
            .join(page),
    );
    let blocks = page.split("```").skip(1).step_by(2);
    let trees: Vec<String> = blocks
        .filter_map(|block| block.strip_prefix("text\n"))
        .filter(|tree| tree.lines().next() == Some(first_line))
        .map(str::to_owned)
        .collect();
    assert_ne!(trees, [""; 0], "no tree with {first_line}");
    trees
}

fn root(tracer: &Tracer, name: &'static str) -> Span {
    SpanBuilder::new(name)
        .tracer(tracer)
        .parent(Incoming::default())
        .start()
}

#[tokio::test]
async fn the_tree_of_an_axum_request() {
    let (tracer, spans) = tracer("orders");
    let order = async || span("order.price").end();
    let app = Router::new()
        .route("/orders/{id}", get(order))
        .layer(TraceLayer::new().tracer(tracer));
    let request = Request::get("/orders/7").body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    axum::body::to_bytes(response.into_body(), 1024)
        .await
        .unwrap();
    assert_tree(
        &spans.all(),
        &trees("guide/axum.md", "GET /orders/{id} ▸ orders  200")[0],
    );
}

#[tokio::test]
async fn the_trees_of_calls_and_of_their_retries() {
    let attempts = AtomicU32::new(0);
    let answers = Box::leak(Box::new(attempts));
    let stock = async || match answers.fetch_add(1, Ordering::Relaxed) {
        0 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/stock/7", listener.local_addr().unwrap());
    let inventory = Router::new().route("/stock/{item}", get(stock));
    tokio::spawn(async move { axum::serve(listener, inventory).await });

    let (tracer, spans) = tracer("orders");
    let policy = ExponentialBackoff::builder()
        .retry_bounds(Duration::ZERO, Duration::from_millis(1))
        .build_with_max_retries(2);
    let client = ClientBuilder::new()
        .configure(|client| client.no_proxy())
        .with(RetryTransientMiddleware::new_with_policy(policy))
        .build()
        .unwrap();
    let request = root(&tracer, "GET /orders/{id}");
    client.get(&url).send().in_span(request).await.unwrap();
    let all = spans.take();
    let second = all
        .iter()
        .filter(|span| span.attribute("http.request.resend_count").is_some());
    assert_eq!(second.count(), 1);
    assert_tree(
        &all,
        &trees("guide/reqwest.md", "GET /orders/{id} ▸ orders")[0],
    );

    let request = root(&tracer, "GET /orders/{id}");
    let call = client
        .get(&url)
        .with_extension(UrlTemplate("/stock/{item}"));
    call.send().in_span(request).await.unwrap();
    let shown = &trees("guide/reqwest.md", "GET /orders/{id} ▸ orders  200")[0];
    // the page has the server's status as well
    assert_tree(
        &spans.all(),
        &shown.replacen("▸ orders  200", "▸ orders", 1),
    );
}

#[tokio::test]
async fn the_tree_of_a_transaction() {
    let (tracer, spans) = tracer("orders");
    let db = SqlitePool::connect("sqlite::memory:").await.unwrap();
    let create = "CREATE TABLE orders (id); CREATE TABLE lines (order_id, item)";
    let work = async {
        let mut tx = db.begin().await?;
        sqlx::query("INSERT INTO orders VALUES (7)")
            .execute(&mut *tx)
            .await?;
        for item in ["cup", "teapot"] {
            let insert = sqlx::query("INSERT INTO lines (order_id, item) VALUES (7, $1)");
            insert.bind(item).execute(&mut *tx).await?;
        }
        tx.commit().await
    };
    sqlx::raw_sql(create).execute(db.raw()).await.unwrap();
    work.in_span(root(&tracer, "POST /orders")).await.unwrap();
    let shown = &trees("guide/sqlx.md", "POST /orders ▸ orders")[0];
    assert_tree(&spans.all(), &shown.replace("postgresql", "sqlite"));
}

#[tokio::test]
async fn the_tree_of_the_pool_after_sqlx_otel() {
    let (tracer, spans) = tracer("orders");
    let db = SqlitePool::connect("sqlite::memory:").await.unwrap();
    sqlx::raw_sql("CREATE TABLE orders (item)")
        .execute(db.raw())
        .await
        .unwrap();
    let work = async {
        let mut tx = db.begin().await?;
        let insert = sqlx::query("INSERT INTO orders (item) VALUES ($1)");
        insert.bind("cup").execute(&mut *tx).await?;
        tx.commit().await?;
        sqlx::query("SELECT 1")
            .execute(db.summary("SELECT orders"))
            .await
    };
    work.in_span(root(&tracer, "POST /orders")).await.unwrap();
    let shown = &trees("migration/sqlx-otel.md", "POST /orders ▸ orders")[0];
    assert_tree(&spans.all(), shown);
}

#[tokio::test]
async fn the_trees_of_messages() {
    let broker = hopline_testing::amqp::Broker::start().unwrap();
    let (tracer, spans) = tracer("shop");
    let channel = hopline_book::channel(&broker.url(), tracer).await.unwrap();
    for queue in ["mails", "mails.failed"] {
        let (options, arguments) = (QueueDeclareOptions::default(), FieldTable::default());
        channel
            .queue_declare(queue.into(), options, arguments)
            .await
            .unwrap();
    }
    let shown = trees("guide/lapin.md", "publish.message  mails ▸ shop");
    for (to, count, tree) in [
        ("ann@example.org", 3, &shown[0]),
        ("no address", 6, &shown[1]),
    ] {
        channel.publish("", "mails", to.as_bytes()).await.unwrap();
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let mails = channel
            .basic_consume("mails".into(), "".into(), options, arguments)
            .await
            .unwrap();
        let options = RunOptions::default()
            .on_error(Outcome::Requeue)
            .max_retries(1)
            .dead_letter("", "mails.failed");
        let ended = async { drop(spans.wait(count).await) };
        mails.run(send, options, ended).await.unwrap();
        assert_tree(&spans.take(), tree);
    }
}

async fn send(mail: Delivery) -> Result<(), String> {
    let is_address = mail.body().contains(&b'@');
    let smtp = async move {
        is_address
            .then_some(())
            .ok_or_else(|| "no address".to_owned())
    };
    smtp.in_span(span("smtp.send")).await
}
