//! Queries of a Postgres on loopback, and what they take in the server.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use hopline_core::{Clock, FutureExt};
use hopline_gate::simulated::total;
use hopline_gate::trace::{Fate, root};
use hopline_gate::{Case, Work};
use hopline_sqlx::PoolExt;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Executor, PgPool, Postgres};
use tokio::runtime::{Builder, Runtime};

use crate::Result;
use crate::databases::{each, each_in_otel};
use crate::late::late;
use crate::names::{HOPLINE, name};
use crate::ours::clocks;

pub(crate) const QUERY: &str = "sqlx, a Postgres query in a sampled trace";
pub(crate) const QUERY_OFF: &str = "sqlx, a Postgres query, not recorded";
pub(crate) const BARE: &str = "sqlx/bare, Postgres";
pub(crate) const BARE_OFF: &str = "sqlx/bare, Postgres, not recorded";
const TIMES: u64 = 128;
/// Processes whose counts are averaged: the allocator's work for a connection's buffers is hundreds of instructions, and
/// differs from process to process.
const PROCESSES: u32 = 5;
/// Queries that the counted server answers: of those it has many, since some of its work is done once in a while.
const ANSWERED: u64 = 1024;
const OTEL_BARE: &str = "sqlx/bare, Postgres, opentelemetry_sdk";
/// Names the server; set by `cargo xtask bench`.
const URL: &str = "HOPLINE_TEST_POSTGRES_URL";
/// Names one that runs under callgrind, and the folder where each of its processes writes what it took.
const COUNTED_URL: &str = "HOPLINE_BENCH_COUNTED_POSTGRES_URL";
const COUNTED_DIR: &str = "HOPLINE_BENCH_COUNTED_POSTGRES_DIR";

/// None where there is no server.
pub(crate) fn cases() -> Vec<Case> {
    if std::env::var_os(URL).is_none() {
        return Vec::new();
    }
    let mut cases = Vec::new();
    for (fate, group, bare) in [
        (Fate::Kept, QUERY, BARE),
        (Fate::NotRecorded, QUERY_OFF, BARE_OFF),
    ] {
        let (_, first) = clocks().swap_remove(0);
        let raw = move |_: &_| {
            let ((runtime, pool), tracer) = (connected(), fate.tracer(&first));
            each(runtime, async move || {
                query(&pool).in_span(root(&tracer)).await
            })
        };
        cases.push(case(bare, raw));
        for (who, clock) in clocks() {
            let ours = move |_: &_| {
                let ((runtime, pool), tracer) = (connected(), fate.tracer(&clock));
                let pool = pool.traced();
                each(runtime, async move || {
                    query(&pool).in_span(root(&tracer)).await
                })
            };
            cases.push(case(&name(group, who), ours).over(bare));
        }
    }
    let otel_bare = |_: &_| {
        let (runtime, pool) = connected();
        each_in_otel(runtime, async move || query(&pool).await)
    };
    let otel = |_: &_| {
        let (runtime, pool) = connected();
        let pool = sqlx_otel::PoolBuilder::from(pool).build();
        each_in_otel(runtime, async move || query(&pool).await)
    };
    cases.push(case(OTEL_BARE, otel_bare));
    cases.push(case(&name(QUERY, "sqlx-otel"), otel).over(OTEL_BARE));
    cases
}

fn case(name: &str, make: impl Fn(&Clock) -> Work + 'static) -> Case {
    Case::new(name, make).times(TIMES).processes(PROCESSES)
}

/// The cost of a bare query besides the instructions of the client.
#[derive(Debug)]
pub(crate) struct Beside {
    /// Instructions of the server process that answers it.
    pub(crate) in_server: f64,
    /// The part of the processor time of both outside the kernel, whose instructions cannot be counted.
    pub(crate) of_programs: f64,
}

/// Nothing where no server counts.
///
/// # Errors
///
/// Returns an error if the server does not answer, or does not report the cost of its process.
pub(crate) fn beside() -> Result<Option<Beside>> {
    let (Ok(url), Some(dir)) = (std::env::var(COUNTED_URL), std::env::var_os(COUNTED_DIR)) else {
        return Ok(None);
    };
    let dir = PathBuf::from(dir);
    // so that the table is there for both; what they differ by is the queries alone
    drop(pool(&url)?);
    let (few, many) = (
        counted(&url, &dir, ANSWERED)?,
        counted(&url, &dir, 2 * ANSWERED)?,
    );
    Ok(Some(Beside {
        in_server: many.saturating_sub(few) as f64 / ANSWERED as f64,
        of_programs: of_programs()?,
    }))
}

/// Part of the processor time of client and server that is spent outside the kernel, over 40,000 queries: the kernel counts
/// in ticks, typically of 10 ms, so fewer would be too coarse.
fn of_programs() -> Result<f64> {
    const MANY: u64 = 40_000;
    let (runtime, pool) = pool(&std::env::var(URL)?)?;
    runtime.block_on(async {
        let asked = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&pool);
        let server: i32 = asked.await?;
        let ticks = || {
            Ok::<_, Box<dyn std::error::Error>>([
                ticks("thread-self")?,
                ticks(&server.to_string())?,
            ])
        };
        let before = ticks()?;
        for _ in 0..MANY {
            query(&pool).await;
        }
        let (mut user, mut all) = (0, 0);
        for (after, before) in ticks()?.into_iter().zip(before) {
            user += after.0 - before.0;
            all += after.0 - before.0 + after.1 - before.1;
        }
        Ok(user as f64 / all as f64)
    })
}

/// Processor time of a thread or process, its own and the kernel's for it.
fn ticks(of: &str) -> Result<(u64, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{of}/stat"))?;
    // the name before it may have spaces
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in /proc")?;
    let mut times = fields.split_whitespace().skip(11);
    let mut time =
        || Ok::<u64, Box<dyn std::error::Error>>(times.next().ok_or("no time in /proc")?.parse()?);
    Ok((time()?, time()?))
}

/// The cost of a separate server process for a number of queries, its start and its end included.
fn counted(url: &str, dir: &Path, times: u64) -> Result<u64> {
    let (runtime, pool) = pool(url)?;
    let process: i32 = runtime.block_on(async {
        for _ in 0..times {
            query(black_box(&pool)).await;
        }
        let asked = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&pool);
        let process = asked.await?;
        pool.close().await;
        Ok::<_, sqlx::Error>(process)
    })?;
    // it writes when it has ended, which is soon
    let file = dir.join(format!("callgrind.out.{process}"));
    let begun = Instant::now();
    loop {
        match total(&file) {
            Ok(sum) => return Ok(sum),
            Err(error) if begun.elapsed() > Duration::from_secs(30) => return Err(error),
            Err(_) => sleep(Duration::from_millis(100)),
        }
    }
}

/// A pool whose answers come late.
fn connected() -> (Runtime, PgPool) {
    let url = std::env::var(URL).unwrap_or_default();
    // fails where the server is gone, which ends a measurement rightly
    late(&url).and_then(|url| pool(&url)).expect("a database")
}

fn pool(url: &str) -> Result<(Runtime, PgPool)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let pool = runtime.block_on(async {
        let pool = PgPoolOptions::new().max_connections(1).connect(url).await?;
        let table =
            "CREATE TABLE IF NOT EXISTS bench_orders (id INT PRIMARY KEY, name TEXT NOT NULL)";
        sqlx::query(table).execute(&pool).await?;
        sqlx::query("INSERT INTO bench_orders VALUES (7, 'line') ON CONFLICT DO NOTHING")
            .execute(&pool)
            .await?;
        Ok::<_, sqlx::Error>(pool)
    })?;
    Ok((runtime, pool))
}

async fn query<'c>(pool: impl Executor<'c, Database = Postgres>) {
    let found: Result<(String,), _> = sqlx::query_as("SELECT name FROM bench_orders WHERE id = $1")
        .bind(7)
        .fetch_one(pool)
        .await;
    assert!(found.is_ok_and(|(name,)| name == "line"));
}

/// The case of hopline's own default clock.
pub(crate) fn ours(group: &str) -> String {
    name(group, HOPLINE)
}
