//! Metrics of statements, steps and pools, on each engine: counts, attributes, durations and exemplars.

mod support;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::TryStreamExt;
use hopline_core::{Context, FutureExt, Tracer};
use hopline_metrics::Metrics;
use hopline_sqlx::PoolExt;
use hopline_test_support::page::total;
use hopline_testing::{Spans, tracer_with};
use sqlx::pool::PoolOptions;
use support::{mysql_url, postgres_url, safe, table};

const OPENMETRICS: &str = "application/openmetrics-text";

fn operations(page: &str, labels: &[&str]) -> f64 {
    total(page, "db_client_operation_duration_seconds_count", labels)
}

fn metered(plan: &str) -> (Tracer, Spans, Metrics) {
    let metrics = Metrics::builder().build();
    let meter = metrics.clone();
    let (tracer, spans) = tracer_with(|builder| builder.plan(plan.parse().unwrap()).meter(meter));
    (tracer, spans, metrics)
}

/// Runs the bodies with a pool of one connection on each engine. `users` has two rows.
macro_rules! on_each_engine {
    (@engine $module:ident, $database:ty, $url:expr, $system:expr, $duplicate:expr,
        $(async fn $name:ident($raw:ident, $users:ident) $body:block)*) => {
        #[allow(dead_code, reason = "not every body uses all there is")]
        mod $module {
            use super::*;

            const SYSTEM: &str = concat!("db_system_name=\"", $system, "\"");
            const DUPLICATE: &str = concat!("error_type=\"", $duplicate, "\"");
            const CODE: &str = concat!("db_response_status_code=\"", $duplicate, "\"");

            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    let $users = table();
                    let options = PoolOptions::<$database>::new().max_connections(1).acquire_timeout(Duration::from_secs(3));
                    let $raw = options.connect(&$url).await.unwrap();
                    let create = format!("CREATE TABLE {} (id BIGINT PRIMARY KEY)", $users);
                    sqlx::raw_sql(safe(&create)).execute(&$raw).await.unwrap();
                    let insert = format!("INSERT INTO {} VALUES (1), (2)", $users);
                    sqlx::raw_sql(safe(&insert)).execute(&$raw).await.unwrap();
                    $body
                    let drop = format!("DROP TABLE {}", $users);
                    sqlx::raw_sql(safe(&drop)).execute(&$raw).await.unwrap();
                }
            )*
        }
    };
    ($($body:tt)*) => {
        on_each_engine! { @engine on_sqlite, sqlx::Sqlite, "sqlite::memory:", "sqlite", "1555", $($body)* }
        on_each_engine! { @engine on_postgres, sqlx::Postgres, postgres_url(), "postgresql", "23505", $($body)* }
        on_each_engine! { @engine on_mariadb, sqlx::MySql, mysql_url(), "mysql", "1062", $($body)* }
    };
}

on_each_engine! {
    async fn each_statement_is_counted_under_each_plan(raw, users) {
        let collection = format!("db_collection_name=\"{users}\"");
        let select = format!("SELECT id FROM {users}");
        let twice = format!("INSERT INTO {users} VALUES (1)");
        for plan in ["* 100%", "* 1%", "* 0%"] {
            let (tracer, _, metrics) = metered(plan);
            let pool = raw.clone().traced().tracer(tracer);
            for _ in 0..20 {
                sqlx::query(safe(&select)).fetch_all(&pool).await.unwrap();
            }
            for _ in 0..5 {
                sqlx::query(safe(&twice)).execute(&pool).await.unwrap_err();
            }
            // not read to the end
            for _ in 0..3 {
                let mut rows = sqlx::query(safe(&select)).fetch(&pool);
                rows.try_next().await.unwrap();
            }
            // never polled
            drop(sqlx::query(safe(&select)).fetch(&pool));
            let (panics, statement) = (pool.clone(), select.clone());
            let task = tokio::spawn(async move {
                let mut rows = sqlx::query(safe(&statement)).fetch(&panics);
                rows.try_next().await.unwrap();
                panic!("a task of the test");
            });
            assert!(task.await.unwrap_err().is_panic());
            let mut tx = pool.begin().await.unwrap();
            sqlx::query(safe(&select)).fetch_optional(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
            sqlx::query(safe(&select)).fetch_all(pool.operation("LIST").collection("people")).await.unwrap();

            let page = metrics.render();
            let named = |name: &str| format!("db_operation_name=\"{name}\"");
            assert_eq!(operations(&page, &[SYSTEM, &named("SELECT"), &collection]), 26.0, "{plan}\n{page}");
            assert_eq!(operations(&page, &[SYSTEM, &named("INSERT"), &collection, DUPLICATE, CODE]), 5.0, "{page}");
            assert_eq!(operations(&page, &[SYSTEM, &named("BEGIN")]), 1.0, "{page}");
            assert_eq!(operations(&page, &[SYSTEM, &named("COMMIT")]), 1.0, "{page}");
            assert_eq!(operations(&page, &[&named("LIST"), "db_collection_name=\"people\""]), 1.0, "{page}");
            assert_eq!(operations(&page, &[]), 34.0, "{page}");
            // complete results: 21 of two rows, and one of a single row
            let rows = |end| total(&page, &format!("db_client_response_returned_rows_{end}"), &[]);
            assert_eq!((rows("count"), rows("sum")), (22.0, 43.0), "{page}");
            assert!(!page.contains("select id") && !page.contains("SELECT id"), "no text\n{page}");
        }
    }

    async fn the_duration_is_that_of_the_span(raw, users) {
        let (tracer, spans, metrics) = metered("* 100%");
        let pool = raw.clone().traced().tracer(tracer);
        let select = format!("SELECT id FROM {users}");
        sqlx::query(safe(&select)).fetch_all(&pool).await.unwrap();
        pool.begin().await.unwrap().rollback().await.unwrap();
        let seconds = |name: &str| {
            let span = &spans.named(name)[0];
            Duration::from_nanos(span.end_unix_nanos - span.start_unix_nanos).as_secs_f64()
        };
        let page = metrics.page(OPENMETRICS).body;
        for (operation, name) in [("SELECT", "db.query"), ("BEGIN", "db.begin"), ("ROLLBACK", "db.rollback")] {
            let label = format!("db_operation_name=\"{operation}\"");
            let sum = total(&page, "db_client_operation_duration_seconds_sum", &[&label]);
            assert_eq!(sum, seconds(name), "{page}");
        }
        let trace = spans.named("db.query")[0].trace_id.to_string();
        assert!(page.contains(&format!("trace_id=\"{trace}\"")), "{trace}\n{page}");
    }

    async fn an_exemplar_is_of_a_kept_trace(raw, users) {
        let (tracer, _, metrics) = metered("* 0%");
        let pool = raw.clone().traced().tracer(tracer);
        sqlx::query(safe(&format!("SELECT id FROM {users}"))).fetch_all(&pool).await.unwrap();
        let page = metrics.page(OPENMETRICS).body;
        assert_eq!(operations(&page, &[]), 1.0);
        assert!(!page.contains("trace_id"), "{page}");
    }

    async fn a_muted_context_is_not_measured(raw, users) {
        let (tracer, _, metrics) = metered("* 100%");
        let select = format!("SELECT id FROM {users}");
        for pool in [
            raw.clone().traced().tracer(tracer.clone()),
            raw.clone().traced().tracer(tracer.clone()).only_with_parent(),
        ] {
            async {
                sqlx::query(safe(&select)).fetch_all(&pool).await.unwrap();
                pool.begin().await.unwrap().commit().await.unwrap();
            }
            .in_context(Context::muted())
            .await;
        }
        let page = metrics.render();
        assert_eq!(operations(&page, &[]), 0.0, "{page}");
        assert_eq!(total(&page, "db_client_connection_use_time_seconds_count", &[]), 0.0, "{page}");
        let alone = raw.clone().traced().tracer(tracer).only_with_parent();
        sqlx::query(safe(&select)).fetch_all(&alone).await.unwrap();
        assert_eq!(operations(&metrics.render(), &[]), 1.0, "without a parent it is counted, not recorded");
    }

    async fn a_pool_reports_its_connections_waits_and_uses(raw, users) {
        let (tracer, _, metrics) = metered("* 0%");
        let pool = raw.clone().traced().tracer(tracer);
        let connection = |end: &str, labels: &[&str]| {
            total(&metrics.render(), &format!("db_client_connection_{end}"), labels)
        };
        let (idle, used) = ("db_client_connection_state=\"idle\"", "db_client_connection_state=\"used\"");

        let mut held = pool.acquire().await.unwrap();
        assert_eq!(connection("count_current", &[idle]), 0.0);
        assert_eq!(connection("count_current", &[used]), 1.0);
        assert_eq!((connection("max", &[]), connection("idle_min", &[])), (1.0, 0.0));
        assert_eq!(connection("timeouts_total", &[]), 0.0);

        {
            let mut waiting = pin!(pool.acquire());
            poll_fn(|cx| {
                assert!(waiting.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            assert_eq!(connection("pending_requests", &[]), 1.0);
        }
        assert_eq!(connection("pending_requests", &[]), 0.0, "of a cancelled call");
        pool.acquire().await.unwrap_err();
        assert_eq!(connection("timeouts_total", &[]), 1.0);
        assert_eq!(connection("pending_requests", &[]), 0.0);
        assert_eq!(connection("wait_time_seconds_count", &[]), 1.0);
        assert_eq!(connection("use_time_seconds_count", &[]), 0.0);

        sqlx::query(safe(&format!("SELECT id FROM {users}"))).fetch_all(&mut held).await.unwrap();
        held.return_to_pool().await;
        assert_eq!(connection("use_time_seconds_count", &[]), 1.0);
        assert_eq!(connection("count_current", &[idle]), 1.0);
        assert_eq!(connection("count_current", &[used]), 0.0);

        sqlx::query(safe(&format!("SELECT id FROM {users}"))).fetch_all(&pool).await.unwrap();
        pool.begin().await.unwrap().commit().await.unwrap();
        assert_eq!(connection("use_time_seconds_count", &[]), 3.0);
        assert_eq!(connection("wait_time_seconds_count", &[]), 3.0);

        let again = pool.clone();
        drop(pool);
        assert_eq!(connection("max", &[]), 1.0, "a clone keeps it");
        drop(again);
        assert!(!metrics.render().contains("db_client_connection_max"), "it is forgotten");
    }
}

#[tokio::test]
async fn a_pool_that_was_traced_before_the_tracer_was_installed_is_observed() {
    let pool = hopline_sqlx::SqlitePool::connect("sqlite::memory:")
        .await
        .unwrap();
    sqlx::query("SELECT 1").execute(&pool).await.unwrap();
    let (tracer, _, metrics) = metered("* 0%");
    assert!(!metrics.render().contains("db_client_connection"));
    tracer.install().unwrap();
    sqlx::query("SELECT 1").execute(&pool).await.unwrap();
    sqlx::query("SELECT 1")
        .execute(&pool.clone())
        .await
        .unwrap();
    let page = metrics.render();
    let name = "db_client_connection_pool_name=\":memory:\"";
    assert_eq!(
        total(&page, "db_client_connection_max", &[name]),
        10.0,
        "once\n{page}"
    );
    assert_eq!(
        operations(&page, &["db_operation_name=\"SELECT\""]),
        2.0,
        "{page}"
    );
}
