//! Stories that cross crates, played by the checkout system: on SQLite and the in-process broker, and on
//! Postgres and RabbitMQ.

use checkout::System;
use checkout::drive::{CARD, checkout_tree};
use checkout::system::Settings;
use hopline::SamplingPlan;
use hopline::core::export::SpanData;
use hopline_testing::assert_tree;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::Mutex;

fn server(variable: &str) -> Option<String> {
    let missing =
        format!("{variable} is not set: run `cargo xtask services` and export what it prints");
    Some(std::env::var(variable).expect(&missing))
}

fn local() -> Settings {
    Settings::default()
}

/// Held by the test that runs on the real servers: their queue is shared, and a worker takes any message.
static REAL_SERVERS: Mutex<()> = Mutex::const_new(());

fn real() -> Settings {
    let (database, broker) = (
        server("HOPLINE_TEST_POSTGRES_URL"),
        server("HOPLINE_TEST_AMQP_URL"),
    );
    Settings {
        database,
        broker,
        ..Settings::default()
    }
}

/// A client of the gateway.
struct Client {
    http: reqwest::Client,
    gateway: String,
    orders: String,
}

impl Client {
    fn of(system: &System) -> Self {
        let urls = system.urls();
        Self {
            http: reqwest::Client::new(),
            gateway: urls.gateway.clone(),
            orders: urls.orders.clone(),
        }
    }

    async fn checkout(&self, mut order: Value) -> (StatusCode, Option<i64>) {
        order["card"] = json!(CARD);
        order["lines"] = json!([{ "product": "teapot", "quantity": 1 }]);
        let request = self
            .http
            .post(format!("{}/checkout", self.gateway))
            .header("x-tenant-id", "acme");
        let answer = request
            .bearer_auth("s3cr3t-bearer-token")
            .json(&order)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        (
            status,
            answer
                .json::<Value>()
                .await
                .ok()
                .and_then(|order| order["id"].as_i64()),
        )
    }

    async fn products(&self) {
        let request = self
            .http
            .get(format!("{}/products", self.gateway))
            .header("x-tenant-id", "acme");
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    }

    /// Until the worker has finished the order.
    async fn done(&self, id: i64) {
        let url = format!("{}/orders/{id}/state", self.orders);
        let asked = async {
            while self
                .http
                .get(&url)
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap()
                != "done"
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), asked)
            .await
            .expect("the order was not finished");
    }
}

/// Stops the system, so that all has ended, and gives its spans.
async fn spans_of(system: System) -> Vec<SpanData> {
    let collected = system.collected().clone();
    system.stop().await.unwrap();
    collected.take()
}

/// The database's name is all that may differ.
fn on(database: &str, tree: &str) -> String {
    tree.replace("DATABASE", database)
}

/// Three services, a database and a queue: one trace, whole.
async fn a_checkout_is_one_trace(settings: Settings, database: &str) {
    let system = System::start(settings).await.unwrap();
    let client = Client::of(&system);
    let (status, id) = client.checkout(json!({})).await;
    assert_eq!(status, StatusCode::CREATED);
    client.done(id.unwrap()).await;
    let spans = spans_of(system).await;
    assert_tree(&spans, &checkout_tree(database));
    for span in &spans {
        assert_eq!(span.text("tenant_id"), Some("acme"), "{}", span.name);
    }
    let all = format!("{spans:?}");
    for secret in [CARD, "hunter2", "s3cr3t"] {
        assert!(!all.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_checkout_is_one_trace_locally() {
    a_checkout_is_one_trace(local(), "sqlite").await;
}

#[tokio::test]
async fn a_checkout_is_one_trace_on_real_servers() {
    let _alone = REAL_SERVERS.lock().await;
    a_checkout_is_one_trace(real(), "postgresql").await;
}

const FAILED: &str = "
POST /checkout ▸ gateway  503  ✗
├─ auth.verify
└─ POST  503  ✗
   └─ POST /orders ▸ orders  503  ✗
      │  · downstream_error peer.service=payments http.response.status_code=503
      ├─ db.begin ▸ DATABASE
      ├─ db.query  INSERT checkout_orders ▸ DATABASE
      ├─ db.query  INSERT checkout_lines ▸ DATABASE
      ├─ db.query  INSERT checkout_notes ▸ DATABASE
      ├─ db.commit ▸ DATABASE
      ├─ POST  204
      │  └─ POST /reserve ▸ inventory  204
      │     └─ db.query  UPDATE checkout_stock ▸ DATABASE
      ├─ POST  503  ✗
      │  └─ POST /charge ▸ payments  503  ✗ card_network_unavailable: the card network does not answer
      │     └─ card.authorise
      └─ db.query  UPDATE checkout_orders ▸ DATABASE
";

/// A failing payment shows on every hop that it failed, and only there.
async fn a_failure_shows_on_its_way(settings: Settings, database: &str) {
    let system = System::start(settings).await.unwrap();
    let (status, _) = Client::of(&system)
        .checkout(json!({ "payment": "fail" }))
        .await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_tree(&spans_of(system).await, &on(database, FAILED));
}

#[tokio::test]
async fn a_failure_shows_on_its_way_locally() {
    a_failure_shows_on_its_way(local(), "sqlite").await;
}

#[tokio::test]
async fn a_failure_shows_on_its_way_on_real_servers() {
    let _alone = REAL_SERVERS.lock().await;
    a_failure_shows_on_its_way(real(), "postgresql").await;
}

/// A message that needs two attempts: both are children of one publish span.
async fn a_retry_is_a_second_process_span(settings: Settings) {
    let system = System::start(settings).await.unwrap();
    let client = Client::of(&system);
    let (_, id) = client.checkout(json!({ "worker": "fail_once" })).await;
    client.done(id.unwrap()).await;
    let spans = spans_of(system).await;
    let publish = spans
        .iter()
        .find(|span| span.name == "publish.message")
        .unwrap();
    let attempts: Vec<&SpanData> = spans
        .iter()
        .filter(|span| span.name == "process.message")
        .collect();
    assert_eq!(attempts.len(), 2);
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.parent == Some(publish.span_id)
                && attempt.trace_id == publish.trace_id)
    );
    let (failed, fine): (Vec<_>, Vec<_>) =
        attempts.into_iter().partition(|attempt| attempt.is_error());
    assert_eq!(failed[0].text("hopline.messaging.outcome"), Some("requeue"));
    assert_eq!(
        (
            fine[0].text("hopline.messaging.outcome"),
            fine[0].attribute("retry_count")
        ),
        (Some("ack"), Some(&1.into()))
    );
}

#[tokio::test]
async fn a_retry_is_a_second_process_span_locally() {
    a_retry_is_a_second_process_span(local()).await;
}

#[tokio::test]
async fn a_retry_is_a_second_process_span_on_real_servers() {
    let _alone = REAL_SERVERS.lock().await;
    a_retry_is_a_second_process_span(real()).await;
}

/// One route at 10 %, another at 100 %, and no error lost.
async fn sampling_is_by_route_and_keeps_all_errors(settings: Settings) {
    const READS: usize = 400;
    let plan: SamplingPlan = "GET /products 10%; POST /checkout 100%; * 0%; keep errors"
        .parse()
        .unwrap();
    let system = System::start(Settings {
        plan: Some(plan),
        ..settings
    })
    .await
    .unwrap();
    let client = Client::of(&system);
    for _ in 0..READS {
        client.products().await;
    }
    for _ in 0..5 {
        let (_, id) = client.checkout(json!({})).await;
        client.done(id.unwrap()).await;
    }
    for _ in 0..5 {
        client.checkout(json!({ "payment": "fail" })).await;
    }
    let spans = spans_of(system).await;
    let roots = |name: &str| {
        spans
            .iter()
            .filter(|span| span.parent.is_none() && span.name == name)
            .count()
    };
    // 40 are expected; 4 sigma are 24
    assert!(
        (16..=64).contains(&roots("GET /products")),
        "{}",
        roots("GET /products")
    );
    assert_eq!(roots("POST /checkout"), 10);
    assert_eq!(
        spans
            .iter()
            .filter(|span| span.is_error() && span.name == "POST /charge")
            .count(),
        5
    );
    let reads = spans
        .iter()
        .filter(|span| span.name == "db.query" && span.service() == "inventory");
    let reads = reads
        .filter(|span| span.text("db.query.summary") == Some("SELECT checkout_stock"))
        .count();
    assert_eq!(
        reads,
        roots("GET /products"),
        "a trace is kept on all hops or on none"
    );
}

#[tokio::test]
async fn sampling_is_by_route_and_keeps_all_errors_locally() {
    sampling_is_by_route_and_keeps_all_errors(local()).await;
}

#[tokio::test]
async fn sampling_is_by_route_and_keeps_all_errors_on_real_servers() {
    let _alone = REAL_SERVERS.lock().await;
    sampling_is_by_route_and_keeps_all_errors(real()).await;
}

/// No service samples, and every hop of the failing request is kept, and none of the others.
async fn unsampled_errors_are_kept(settings: Settings) {
    let plan: SamplingPlan = "* 0%; keep errors".parse().unwrap();
    let system = System::start(Settings {
        plan: Some(plan),
        ..settings
    })
    .await
    .unwrap();
    let client = Client::of(&system);
    client.products().await;
    for _ in 0..3 {
        client.checkout(json!({ "payment": "fail" })).await;
    }
    let (_, id) = client.checkout(json!({})).await;
    client.done(id.unwrap()).await;
    let spans = spans_of(system).await;
    let kept = |service: &str| {
        spans
            .iter()
            .filter(|span| span.service() == service && span.text("hopline.kept") == Some("error"))
            .count()
    };
    assert_eq!(
        (kept("gateway"), kept("orders"), kept("payments")),
        (3, 3, 3)
    );
    assert_eq!(
        (kept("inventory"), kept("worker")),
        (0, 0),
        "these did not fail"
    );
    assert!(spans.iter().all(|span| !span.flags.is_sampled()));
}

#[tokio::test]
async fn unsampled_errors_are_kept_locally() {
    unsampled_errors_are_kept(local()).await;
}

#[tokio::test]
async fn unsampled_errors_are_kept_on_real_servers() {
    let _alone = REAL_SERVERS.lock().await;
    unsampled_errors_are_kept(real()).await;
}
