//! Tests of instrumented code in parallel, under one subscriber.

use std::sync::Once;

use hopline_core::{FutureExt as _, Incoming, SpanBuilder};
use hopline_testing::assert_tree;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let subscriber = registry().with(hopline_tracing::layer());
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

#[tracing::instrument]
async fn reserve(order: usize) {
    tokio::task::yield_now().await;
    take(order).await;
}

#[tracing::instrument(skip_all)]
async fn take(_order: usize) {
    tokio::task::yield_now().await;
}

/// The body of each of many parallel tests.
fn test(number: usize) {
    install();
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    let (tracer, spans) = hopline_testing::tracer("inventory");
    let root = SpanBuilder::new("POST /reserve");
    let root = root.tracer(&tracer).parent(Incoming::default()).start();
    runtime.block_on(reserve(number).in_span(root));
    assert_tree(
        &spans.all(),
        "
POST /reserve ▸ inventory
└─ reserve
   └─ take
",
    );
    let order = i64::try_from(number).unwrap();
    spans.one("reserve").attribute("order", order);
}

#[test]
fn tests_in_parallel_see_their_own_spans_and_lose_none() {
    std::thread::scope(|threads| {
        for worker in 0..16 {
            threads.spawn(move || (0..50).for_each(|n| test(worker * 50 + n)));
        }
    });
}
