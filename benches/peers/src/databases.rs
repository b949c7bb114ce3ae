//! Queries of an SQLite database in memory.

use hopline_core::FutureExt;
use hopline_gate::trace::{Fate, root};
use hopline_gate::{Case, Work};
use hopline_sqlx::PoolExt;
use opentelemetry_0_32::Context;
use opentelemetry_0_32::trace::{FutureExt as _, TraceContextExt, Tracer, TracerProvider};
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{Executor, Sqlite, SqlitePool};
use tokio::runtime::{Builder, Runtime};

use crate::names::name;
use crate::ours::clocks;
use crate::sdk::older::{flushed, provider};

const GROUP: &str = "sqlx, an SQLite query in a sampled trace";
const BARE: &str = "sqlx/bare, hopline";
const OTEL_BARE: &str = "sqlx/bare, opentelemetry_sdk";

pub(crate) fn cases() -> Vec<Case> {
    let (_, first) = clocks().swap_remove(0);
    let bare = move |_: &_| {
        let ((runtime, pool), tracer) = (pool(), Fate::Kept.tracer(&first));
        each(runtime, async move || {
            query(&pool).in_span(root(&tracer)).await
        })
    };
    let mut cases = vec![Case::new(BARE, bare).times(256)];
    for (who, clock) in clocks() {
        let ours = move |_: &_| {
            let ((runtime, pool), tracer) = (pool(), Fate::Kept.tracer(&clock));
            let pool = pool.traced();
            each(runtime, async move || {
                query(&pool).in_span(root(&tracer)).await
            })
        };
        cases.push(Case::new(name(GROUP, who), ours).over(BARE).times(256));
    }
    let otel_bare = |_: &_| {
        let (runtime, pool) = pool();
        each_in_otel(runtime, async move || query(&pool).await)
    };
    let otel = |_: &_| {
        let (runtime, pool) = pool();
        let pool = sqlx_otel::PoolBuilder::from(pool).build();
        each_in_otel(runtime, async move || query(&pool).await)
    };
    cases.push(Case::new(OTEL_BARE, otel_bare).times(256));
    cases.push(
        Case::new(name(GROUP, "sqlx-otel"), otel)
            .over(OTEL_BARE)
            .times(256),
    );
    cases
}

/// Does this so often as it is asked to.
pub(crate) fn each(runtime: Runtime, query: impl AsyncFn() + 'static) -> Work {
    Work::new(move |times| {
        runtime.block_on(async {
            for _ in 0..times {
                query().await;
            }
        });
    })
}

/// The same, each time in a sampled trace of opentelemetry_sdk.
pub(crate) fn each_in_otel(runtime: Runtime, query: impl AsyncFn() + 'static) -> Work {
    let provider = provider(true);
    let tracer = provider.tracer("bench");
    let in_trace = async move || {
        let span = tracer.start_with_context("root", &Context::new());
        query().with_context(Context::new().with_span(span)).await;
    };
    flushed(each(runtime, in_trace), provider)
}

/// One connection, so that all queries see the same database.
fn pool() -> (Runtime, SqlitePool) {
    let runtime = Builder::new_current_thread().enable_all().build();
    // fails where the operating system gives no more files, which ends a measurement rightly
    let runtime = runtime.expect("a runtime");
    let pool = runtime.block_on(async {
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect("sqlite::memory:")
            .await?;
        sqlx::query("CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
            .execute(&pool)
            .await?;
        sqlx::query("INSERT INTO orders VALUES (7, 'line')")
            .execute(&pool)
            .await?;
        Ok::<_, sqlx::Error>(pool)
    });
    // in memory nothing fails but memory itself, which ends a measurement rightly
    (runtime, pool.expect("a database"))
}

async fn query<'c>(pool: impl Executor<'c, Database = Sqlite>) {
    let found: Result<(String,), _> = sqlx::query_as("SELECT name FROM orders WHERE id = ?")
        .bind(7)
        .fetch_one(pool)
        .await;
    assert!(found.is_ok_and(|(name,)| name == "line"));
}
