//! Allocations of tracing beside sqlx's: none for an unrecorded statement, the box of the stream for a recorded one.

mod support;

use hopline_core::{SamplingPlan, Tracer};
use hopline_metrics::Metrics;
use hopline_sqlx::PoolExt;
use sqlx::Executor;
use sqlx::postgres::PgPoolOptions;

const STATEMENT: &str = "SELECT id, name FROM (VALUES (1, 'hunter2'), (2, 'x')) AS people (id, name) WHERE id IN (1, 2, 3)";

const BOUND: &str = "SELECT id FROM (VALUES (1), (2)) AS people (id) WHERE id = $1";

/// The allocations of a call on this thread, once all buffers are warm: the minimum of several runs.
macro_rules! allocations {
    ($runtime:expr, $call:expr) => {{
        let counts = (0..30).map(|_| {
            allocation_counter::measure(|| {
                $runtime.block_on(async { $call.await.map(drop).unwrap() })
            })
            .count_total
        });
        counts.min().unwrap()
    }};
}

#[test]
fn tracing_adds_at_most_the_box_of_the_stream() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let raw = runtime.block_on(async {
        // tasks that the pool spawns would be counted at random
        let options = PgPoolOptions::new()
            .max_connections(2)
            .test_before_acquire(false);
        options.connect(&support::postgres_url()).await.unwrap()
    });
    let _context = runtime.enter();
    let never = Tracer::builder()
        .plan(SamplingPlan::new().others(0.0))
        .build();
    let always = Tracer::builder().build();
    let unrecorded = raw.clone().traced().tracer(never);
    let recorded = raw.clone().traced().tracer(always);
    let metered = ["* 0%", "* 100%"].map(|plan| {
        let meter = Metrics::builder().build();
        let tracer = Tracer::builder().plan(plan.parse().unwrap()).meter(meter);
        raw.clone().traced().tracer(tracer.build())
    });

    let by_pool = [
        allocations!(runtime, (&raw).execute(STATEMENT)),
        allocations!(runtime, unrecorded.execute(STATEMENT)),
        allocations!(runtime, recorded.execute(STATEMENT)),
    ];
    let mut connections = runtime.block_on(async {
        let one = raw.acquire().await.unwrap();
        (one, unrecorded.acquire().await.unwrap())
    });
    let plain = allocations!(runtime, (&mut *connections.0).execute(STATEMENT));
    let plain_row = allocations!(runtime, (&mut *connections.0).fetch_optional(STATEMENT));
    let same = allocations!(runtime, connections.1.execute(STATEMENT));
    let same_row = allocations!(runtime, connections.1.fetch_optional(STATEMENT));
    let bound = || sqlx::query(BOUND).bind(1_i32);
    let plain_bound = allocations!(runtime, bound().execute(&mut *connections.0));
    let same_bound = allocations!(runtime, bound().execute(&mut connections.1));
    drop(connections);
    let mut connection = runtime.block_on(recorded.acquire()).unwrap();
    let more = allocations!(runtime, connection.execute(STATEMENT));
    let more_row = allocations!(runtime, connection.fetch_optional(STATEMENT));
    let more_bound = allocations!(runtime, bound().execute(&mut connection));
    drop(connection);
    for pool in &metered {
        let by_pool = allocations!(runtime, pool.execute(STATEMENT));
        assert!(by_pool <= allocations!(runtime, (&raw).execute(STATEMENT)));
        let mut connection = runtime.block_on(pool.acquire()).unwrap();
        let measured = [
            allocations!(runtime, connection.execute(STATEMENT)),
            allocations!(runtime, connection.fetch_optional(STATEMENT)),
            allocations!(runtime, bound().execute(&mut connection)),
        ];
        // the box of the stream, as of a recorded statement
        assert_eq!(measured, [plain + 1, plain_row + 1, plain_bound + 1]);
    }
    let all = format!(
        "pool {by_pool:?}, connection {plain} {same} {more}, one row {plain_row} {same_row} {more_row}, \
         bound {plain_bound} {same_bound} {more_bound}"
    );
    assert_eq!(
        (same, same_row, same_bound),
        (plain, plain_row, plain_bound),
        "{all}"
    );
    assert_eq!(
        (more, more_row, more_bound),
        (plain + 1, plain_row + 1, plain_bound + 1),
        "{all}"
    );
    assert!(
        by_pool[1] <= by_pool[0] && by_pool[2] <= by_pool[0],
        "{all}"
    );
}
