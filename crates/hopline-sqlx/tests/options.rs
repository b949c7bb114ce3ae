//! Settings of a pool, and further methods of pools and connections.

#[macro_use]
mod support;

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use hopline_core::{
    Clock, FutureExt, Incoming, SamplingPlan, SpanBuilder, Tracer, semconv::SpanNames,
    time::ManualClock,
};
use hopline_sqlx::{PoolExt, TracedDatabase};
use hopline_testing::tracer;
use sqlx::{Arguments, Executor};
use support::{boolean, integer, last, mysql_url, open, postgres_url, safe};

on_every_engine! {
    async fn the_application_sets_attributes_of_a_call(pool, users, spans) {
        let all = sqlx::query(sql("SELECT id FROM users", &users)).fetch_all(pool.operation("SELECT").collection("people")).await.unwrap();
        assert!(all.is_empty());
        let span = last(&spans);
        assert_eq!((span.text("db.operation.name"), span.text("db.collection.name")), (Some("SELECT"), Some("people")));
        assert_eq!(span.text("db.query.summary"), Some(format!("SELECT {users}").as_str()));

        let named = pool.clone().span_names(SpanNames::Conventions);
        let mut tx = named.begin().await.unwrap();
        let none: Option<(i64,)> = sqlx::query_as(sql("SELECT id FROM users", &users)).fetch_optional(tx.summary("find person")).await.unwrap();
        assert!(none.is_none());
        sqlx::query(sql("SELECT id FROM users", &users)).execute(&mut *tx).await.unwrap();
        tx.rollback().await.unwrap();
        let names: Vec<String> = spans.take().into_iter().map(|span| span.name).collect();
        assert_eq!(names, ["BEGIN", "find person", format!("SELECT {users}").as_str(), "ROLLBACK"]);

        let mut connection = pool.acquire().await.unwrap();
        connection.collection("people").prepare(sqlx::SqlSafeStr::into_sql_str(sql("SELECT id FROM users", &users))).await.unwrap();
        assert_eq!(last(&spans).text("db.collection.name"), Some("people"));
    }

    async fn a_custom_begin_records_its_text(pool, users, spans) {
        let mut tx = pool.begin_with(BEGIN).await.unwrap();
        sqlx::query(sql("INSERT INTO users (id) VALUES (1)", &users)).execute(&mut *tx).await.unwrap();
        assert!(tx.is_in_transaction());
        tx.commit().await.unwrap();
        let mut connection = pool.acquire().await.unwrap();
        let mut tx = connection.begin_with(BEGIN).await.unwrap();
        assert!(tx.begin_with(BEGIN).await.is_err(), "a custom savepoint is not supported");
        tx.rollback().await.unwrap();
        let begins = spans.named("db.begin");
        assert_eq!(begins.iter().map(|span| (span.text("db.query.text"), span.is_error())).collect::<Vec<_>>(), [(Some(BEGIN), false), (Some(BEGIN), false), (Some(BEGIN), true)]);
        assert!(begins[0].attribute("hopline.db.pool_wait_ms").is_some());
        assert_eq!(begins[2].text("error.type"), Some("begin"));
    }

    async fn idle_connections_are_acquired_without_waiting(pool, users, spans) {
        // a spawned task returns it
        while pool.num_idle() == 0 {
            tokio::task::yield_now().await;
        }
        let tx = pool.try_begin().await.unwrap().unwrap();
        assert!(pool.try_begin().await.unwrap().is_none() && pool.try_acquire().is_none());
        assert!(pool.try_begin_with(BEGIN).await.unwrap().is_none());
        tx.rollback().await.unwrap();
        while pool.num_idle() == 0 {
            tokio::task::yield_now().await;
        }
        let mut connection = pool.try_acquire().unwrap();
        sqlx::query(sql("SELECT id FROM users", &users)).execute(&mut connection).await.unwrap();
        let names: Vec<String> = spans.take().into_iter().map(|span| span.name).collect();
        assert_eq!(names, ["db.begin", "db.rollback", "db.query"]);
        assert_eq!(pool.size(), 1);
    }

    async fn connection_spans_are_a_setting(pool, users, spans) {
        pool.acquire().await.unwrap().ping().await.unwrap();
        assert!(spans.take().is_empty(), "off by default");
        let with_spans = pool.clone().connection_spans();
        let mut connection = with_spans.acquire().await.unwrap();
        connection.ping().await.unwrap();
        drop(connection);
        let mut own = with_spans.open_connection().await.unwrap();
        own.execute("SELECT 1").await.unwrap();
        let names: Vec<String> = spans.take().into_iter().map(|span| span.name).collect();
        assert_eq!(names, ["db.acquire", "db.ping", "db.connect", "db.query"]);
        assert!(users.starts_with('t'));
    }

    async fn a_wait_beyond_the_threshold_is_a_span(pool, users, spans) {
        let tracer = Tracer::builder().sink(spans.sink()).build();
        let pool = pool.tracer(tracer.clone());
        let (any, long) = (pool.clone().wait_spans(Duration::ZERO), pool.wait_spans(Duration::from_secs(3600)));
        for (pool, spans_of_waits) in [(any, 1), (long, 0)] {
            let held = pool.raw().acquire().await.unwrap();
            let query = sqlx::query(sql("SELECT id FROM users", &users));
            let root = SpanBuilder::new("request").tracer(&tracer).parent(Incoming::default()).start();
            let mut query = std::pin::pin!(async { query.execute(&pool).await.unwrap() }.in_span(root));
            assert!(poll_fn(|cx| Poll::Ready(query.as_mut().poll(cx).is_pending())).await, "it waits");
            drop(held);
            query.await;
            let query = &spans.named("db.query")[0];
            let millis = query.attribute("hopline.db.pool_wait_ms").unwrap().as_f64().unwrap();
            assert!(millis > 0.0 && millis * 1e6 <= query.duration_nanos() as f64);
            assert_eq!(spans.named("db.acquire").len(), spans_of_waits);
            if spans_of_waits > 0 {
                let wait = spans.one("db.acquire").child_of("db.query").attribute("db.system.name", SYSTEM).succeeded();
                assert!(wait.duration_nanos() > 0);
            }
            spans.take();
        }
    }

    async fn the_time_before_the_first_poll_is_no_wait(pool, users, spans) {
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
        let tracer = Tracer::builder().clock(Clock::Manual(clock.clone())).sink(spans.sink()).build();
        let pool = pool.tracer(tracer.clone()).wait_spans(Duration::from_millis(1));
        let rows = pool.fetch_optional(sql("SELECT id FROM users", &users));
        clock.advance(Duration::from_secs(1));
        assert!(rows.await.unwrap().is_none());
        let query = last(&spans);
        assert_eq!((query.duration_nanos(), query.attribute("hopline.db.pool_wait_ms")), (1_000_000_000, Some(&0.0.into())));

        // followed by a wait, whose span lies within the call's
        let held = pool.raw().acquire().await.unwrap();
        let mut rows = pool.fetch_optional(sql("SELECT id FROM users", &users));
        clock.advance(Duration::from_secs(1));
        assert!(poll_fn(|cx| Poll::Ready(rows.as_mut().poll(cx).is_pending())).await, "it waits");
        clock.advance(Duration::from_secs(2));
        drop(held);
        assert!(rows.await.unwrap().is_none());
        let times = |name| spans.named(name).iter().map(|span| (span.start_unix_nanos / 1_000_000, span.end_unix_nanos / 1_000_000)).collect::<Vec<_>>();
        assert_eq!((times("db.query"), times("db.acquire")), (vec![(1_000, 4_000)], vec![(2_000, 4_000)]));
        spans.one("db.query").attribute("hopline.db.pool_wait_ms", 2_000.0);
    }

    async fn only_with_parent_records_inside_a_trace(pool, users, spans) {
        let pool = pool.only_with_parent();
        sqlx::query(sql("SELECT id FROM users", &users)).execute(&pool).await.unwrap();
        let mut tx = pool.begin().await.unwrap();
        sqlx::query(sql("SELECT id FROM users", &users)).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        assert!(spans.take().is_empty());

        let tracer = Tracer::builder().sink(spans.sink()).build();
        let root = SpanBuilder::new("request").tracer(&tracer).parent(Incoming::default()).start();
        async { sqlx::query(sql("SELECT id FROM users", &users)).execute(&pool).await.unwrap() }.in_span(root).await;
        assert_eq!(spans.take().len(), 2);
    }

    async fn commented_statements_are_excluded_from_caches(pool, users, spans) {
        let pool = pool.trace_comments();
        let mut connection = pool.acquire().await.unwrap();
        let cached = connection.cached_statements_size();
        let query = || sqlx::query(sql("SELECT id FROM users WHERE id = $1; ", &users)).bind(1_i64);
        query().fetch_all(&mut connection).await.unwrap();
        // Postgres's driver needs the statement in its cache
        let kept = usize::from(SYSTEM == "postgresql");
        assert_eq!(connection.cached_statements_size(), cached + kept);
        let cached = cached + kept;
        // a statement with a comment of its own is unchanged, and cached
        let commented = || sqlx::query(sql("SELECT id /* by hand */ FROM users WHERE id = $1", &users)).bind(1_i64);
        commented().fetch_all(&mut connection).await.unwrap();
        if SYSTEM != "sqlite" {
            assert_eq!(connection.cached_statements_size(), cached + 1);
        }
        drop(connection);
        assert!(spans.take().iter().all(|span| !format!("{:?}", span.attributes).contains("traceparent")));

        let unsampled = Tracer::builder().plan(SamplingPlan::new().others(0.0)).sink(spans.sink()).build();
        sqlx::query(sql("SELECT id FROM users", &users)).execute(&pool.tracer(unsampled)).await.unwrap();
    }

    async fn a_detached_connection_stays_traced(pool, users, spans) {
        if SYSTEM == "sqlite" {
            // a database in memory would end with its connection
            sqlx::query(sql("SELECT id FROM users", &users)).execute(&pool).await.unwrap();
        } else {
            let mut connection = pool.acquire().await.unwrap().detach();
            sqlx::query(sql("SELECT id FROM users", &users)).execute(&mut connection).await.unwrap();
            let mut tx = connection.begin().await.unwrap();
            sqlx::query(sql("SELECT id FROM users", &users)).execute(&mut *tx).await.unwrap();
            tx.rollback().await.unwrap();
            assert_eq!(pool.size(), 0);
        }
        assert!(!spans.named("db.query").is_empty());
    }

    async fn statements_with_separate_arguments_run(pool, users, spans) {
        // as by sea-query: text and values are separate, at run time
        let insert = sql("INSERT INTO users (id, name) VALUES ($1, $2)", &users);
        let arguments = arguments(pool.raw(), (7, "hunter2"));
        sqlx::query_with(insert, arguments).execute(&pool).await.unwrap();
        let span = last(&spans);
        assert_eq!(integer(&span, "hopline.db.affected_rows"), Some(1));
        assert_eq!(span.text("db.query.text"), Some(format!("INSERT INTO {users} (id, name) VALUES (?)").as_str()));
    }

    async fn a_text_of_several_statements_is_a_batch(pool, users, spans) {
        sqlx::raw_sql(sql("INSERT INTO users (id) VALUES (1); INSERT INTO users (id) VALUES (2), (3)", &users)).execute(&pool).await.unwrap();
        let span = last(&spans);
        assert_eq!((integer(&span, "db.operation.batch.size"), integer(&span, "hopline.db.affected_rows")), (Some(2), Some(3)));
        sqlx::raw_sql(sql("INSERT INTO users (id) VALUES (4);", &users)).execute(&pool).await.unwrap();
        assert_eq!(integer(&last(&spans), "db.operation.batch.size"), None);
    }
}

/// The product, name and address of the database on a span.
fn place_of(span: &hopline_core::export::SpanData) -> (Option<&str>, Option<&str>, Option<&str>) {
    (
        span.text("db.system.name"),
        span.text("db.namespace"),
        span.text("server.address"),
    )
}

fn arguments<'a, DB>(_of: &sqlx::Pool<DB>, (id, name): (i64, &'a str)) -> DB::Arguments
where
    DB: sqlx::Database,
    i64: sqlx::Encode<'a, DB> + sqlx::Type<DB>,
    &'a str: sqlx::Encode<'a, DB> + sqlx::Type<DB>,
{
    let mut arguments = DB::Arguments::default();
    arguments.add(id).unwrap();
    arguments.add(name).unwrap();
    arguments
}

/// Reads the comment from the server's list of running statements.
#[tokio::test]
async fn the_servers_receive_the_comment() {
    let root = SpanBuilder::new("request");
    let (tracer, spans) = tracer("svc");
    let postgres = open::<sqlx::Postgres>(&postgres_url())
        .await
        .traced()
        .tracer(tracer.clone())
        .trace_comments();
    let mysql = open::<sqlx::MySql>(&mysql_url())
        .await
        .traced()
        .tracer(tracer.clone())
        .trace_comments();
    let root = root.tracer(&tracer).parent(Incoming::default()).start();
    let seen = async {
        let by_postgres: String =
            sqlx::query_scalar("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()")
                .fetch_one(&postgres)
                .await
                .unwrap();
        let by_mysql: String = sqlx::query_scalar(
            "SELECT info FROM information_schema.processlist WHERE id = connection_id()",
        )
        .fetch_one(&mysql)
        .await
        .unwrap();
        [by_postgres, by_mysql]
    };
    let seen = seen.in_span(root).await;
    for (statement, span) in seen.iter().zip(spans.named("db.query")) {
        let expected = format!(
            " /*traceparent='00-{}-{}-01'*/",
            span.trace_id, span.span_id
        );
        assert!(statement.ends_with(&expected), "{statement}");
    }
}

#[tokio::test]
async fn any_records_the_product_of_its_url() {
    for (url, system) in [
        (postgres_url(), "postgresql"),
        (mysql_url(), "mysql"),
        (mysql_url().replace("mysql://", "mariadb://"), "mariadb"),
    ] {
        let (tracer, spans) = tracer("svc");
        let pool = open::<sqlx::Any>(&url).await.traced().tracer(tracer);
        pool.execute("SELECT 1").await.unwrap();
        let span = last(&spans);
        assert_eq!(
            place_of(&span),
            (Some(system), Some("test"), Some("127.0.0.1"))
        );
        assert!(integer(&span, "server.port").is_some());
        let error = pool
            .execute("SELECT nothing FROM nowhere")
            .await
            .unwrap_err();
        let code = last(&spans).text("error.type").unwrap().to_owned();
        assert_eq!(
            code,
            if system == "postgresql" {
                "42P01"
            } else {
                "1146"
            }
        );
        assert!(error.as_database_error().is_some());
    }
}

/// MySQL's driver does not distinguish MariaDB, so the application sets the product.
#[tokio::test]
async fn the_product_is_a_setting() {
    let (tracer, spans) = tracer("svc");
    let pool = open::<sqlx::MySql>(&mysql_url())
        .await
        .traced()
        .tracer(tracer)
        .system("mariadb");
    pool.execute("SELECT 1").await.unwrap();
    assert_eq!(last(&spans).text("db.system.name"), Some("mariadb"));
}

#[tokio::test]
async fn the_endpoint_is_that_of_the_connect_options() {
    let (tracer, spans) = tracer("svc");
    let pool = open::<sqlx::Postgres>(&postgres_url())
        .await
        .traced()
        .tracer(tracer.clone());
    pool.execute("SELECT 1").await.unwrap();
    let span = last(&spans);
    assert_eq!(
        place_of(&span),
        (Some("postgresql"), Some("test"), Some("127.0.0.1"))
    );
    assert!(integer(&span, "server.port").is_some());

    let pool = open::<sqlx::Sqlite>("sqlite::memory:")
        .await
        .traced()
        .tracer(tracer.clone());
    pool.execute("SELECT 1").await.unwrap();
    let span = last(&spans);
    assert_eq!(place_of(&span), (Some("sqlite"), Some(":memory:"), None));

    let file = std::env::temp_dir().join(support::table());
    let pool = open::<sqlx::Sqlite>(&format!("sqlite:{}?mode=rwc", file.display()))
        .await
        .traced()
        .tracer(tracer);
    pool.execute("SELECT 1").await.unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(
        last(&spans).text("db.namespace"),
        file.file_name().unwrap().to_str()
    );
    let printed = format!("{pool:?}");
    assert!(
        !printed.contains("/tmp") && !printed.contains("test:test"),
        "{printed}"
    );
}

#[tokio::test]
async fn a_stored_procedure_is_named() {
    let (tracer, spans) = tracer("svc");
    let pool = open::<sqlx::Postgres>(&postgres_url())
        .await
        .traced()
        .tracer(tracer);
    let procedure = support::table();
    pool.raw()
        .execute(safe(&format!(
            "CREATE PROCEDURE {procedure}(a int) LANGUAGE sql AS ''"
        )))
        .await
        .unwrap();
    sqlx::query(safe(&format!("CALL {procedure}($1)")))
        .bind(1)
        .execute(&pool)
        .await
        .unwrap();
    pool.raw()
        .execute(safe(&format!("DROP PROCEDURE {procedure}")))
        .await
        .unwrap();
    let span = last(&spans);
    assert_eq!(
        (
            span.text("db.stored_procedure.name"),
            boolean(&span, "hopline.db.completed")
        ),
        (Some(procedure.as_str()), None)
    );
}

/// A function over any database, with one bound.
async fn by_database<DB: TracedDatabase>(pool: &hopline_sqlx::Pool<DB>) -> u64 {
    let mut tx = pool.begin().await.unwrap();
    let done = (&mut tx).execute("SELECT 1").await.unwrap();
    tx.rollback().await.unwrap();
    DB::rows_affected(&done)
}

#[tokio::test]
async fn code_is_generic_over_databases_with_one_bound() {
    by_database(&open::<sqlx::Postgres>(&postgres_url()).await.traced()).await;
    by_database(&open::<sqlx::MySql>(&mysql_url()).await.traced()).await;
    by_database(&open::<sqlx::Sqlite>("sqlite::memory:").await.traced()).await;
    by_database(&open::<sqlx::Any>("sqlite::memory:").await.traced()).await;
}
