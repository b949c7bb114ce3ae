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
        let (runtime, pool) = pool();
        let tracer = Fate::Kept.tracer(&first);
        Work::new(move |times| {
            runtime.block_on(async {
                for _ in 0..times {
                    query(&pool).in_span(root(&tracer)).await;
                }
            });
        })
    };
    let mut cases = vec![Case::new(BARE, bare).times(256)];
    for (who, clock) in clocks() {
        let ours = move |_: &_| {
            let (runtime, pool) = pool();
            let (tracer, pool) = (Fate::Kept.tracer(&clock), pool.traced());
            Work::new(move |times| {
                runtime.block_on(async {
                    for _ in 0..times {
                        query(&pool).in_span(root(&tracer)).await;
                    }
                });
            })
        };
        cases.push(Case::new(name(GROUP, who), ours).over(BARE).times(256));
    }
    cases.push(Case::new(OTEL_BARE, |_| theirs(false)).times(256));
    cases.push(
        Case::new(name(GROUP, "sqlx-otel"), |_| theirs(true))
            .over(OTEL_BARE)
            .times(256),
    );
    cases
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

fn theirs(traced: bool) -> Work {
    let provider = provider(true);
    let tracer = provider.tracer("bench");
    let (runtime, raw) = pool();
    let pool = sqlx_otel::PoolBuilder::from(raw.clone()).build();
    let work = Work::new(move |times| {
        runtime.block_on(async {
            for _ in 0..times {
                let span = tracer.start_with_context("root", &Context::new());
                let root = Context::new().with_span(span);
                if traced {
                    query(&pool).with_context(root).await;
                } else {
                    query(&raw).with_context(root).await;
                }
            }
        });
    });
    flushed(work, provider)
}
