//! Many spans while the filter of another layer, and that of the bridge, are exchanged all the time.

mod support;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use hopline_core::{FutureExt as _, Tracer};
use hopline_testing::Spans;
use tracing::{Instrument as _, debug_span, info, info_span};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::{EnvFilter, fmt, registry, reload};

const REQUESTS: usize = 12_800;

async fn step(depth: u32) {
    tokio::task::yield_now().await;
    hopline_core::span("db.query").end();
    if depth > 0 {
        let next = Box::pin(step(depth - 1)).instrument(debug_span!("hidden", depth));
        next.instrument(info_span!("step", depth)).await;
        info!(depth, "stepped");
    }
}

async fn request(tracer: Tracer, spans: &Spans) {
    let root = support::root(&tracer);
    let trace = root.span_context().unwrap().trace_id();
    step(3).in_span(root).await;
    let finished = spans.take();
    assert_eq!(finished.len(), 8, "{finished:#?}");
    let has = |id| finished.iter().any(|span| span.span_id == id);
    for span in &finished {
        assert_eq!(span.trace_id, trace, "a span of another trace: {span:?}");
        match span.parent {
            None => assert_eq!(span.name, "GET /"),
            Some(parent) => assert!(has(parent), "an orphan: {span:?}"),
        }
    }
    // the steps are a chain, each with a query
    let parents = |name: &str| {
        let named = finished.iter().filter(|span| span.name == name);
        let mut parents: Vec<_> = named.filter_map(|span| span.parent).collect();
        parents.sort_unstable_by_key(ToString::to_string);
        parents.dedup();
        parents.len()
    };
    assert_eq!((parents("step"), parents("db.query")), (3, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_spans_under_a_filter_that_reloads() {
    static DONE: AtomicBool = AtomicBool::new(false);
    let lines = fmt::layer()
        .json()
        .map_event_format(hopline_tracing::with_ids)
        .with_writer(std::io::sink);
    let (filter, handle) = reload::Layer::new(EnvFilter::new("info"));
    let subscriber = registry()
        .with(lines.with_filter(filter))
        .with(hopline_tracing::layer());
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let reloads = std::thread::spawn(move || {
        let mut count = 0_u32;
        while !DONE.load(Relaxed) {
            let filter = ["trace", "off", "info", "warn,reloading=debug"][count as usize % 4];
            handle.reload(EnvFilter::new(filter)).unwrap();
            count += 1;
            std::thread::yield_now();
        }
        count
    });
    let before = resident();
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(async {
                let (tracer, spans) = hopline_testing::tracer("shop");
                for _ in 0..REQUESTS / 4 {
                    request(tracer.clone(), &spans).await;
                }
                assert_eq!(tracer.stats().lost_spans, 0);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    DONE.store(true, Relaxed);
    assert!(reloads.join().unwrap() > 100);
    let grown = resident().saturating_sub(before);
    assert!(
        grown < 32 << 20,
        "{grown} bytes more after {REQUESTS} requests"
    );
}

/// Resident bytes of this process.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
