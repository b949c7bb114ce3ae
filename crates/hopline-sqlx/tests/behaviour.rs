//! Spans of a traced pool, and behaviour that stays as it is. Each test runs on every engine.

#[macro_use]
mod support;

use futures_util::TryStreamExt;
use hopline_core::{
    FutureExt, Incoming, SpanBuilder, SpanKind, Tracer,
    semconv::{OlderNames, SpanNames},
};
use hopline_sqlx::{Connection, QueryText, Transaction};
use sqlx::{Executor, QueryBuilder};
use support::{boolean, integer, last};

on_every_engine! {
    async fn statements_are_client_spans_without_values(pool, users, spans) {
        let insert = sqlx::query(sql("INSERT INTO users (id, name) VALUES ($1, 'hunter2'), ($2, 'b')", &users));
        assert_eq!(insert.bind(1_i64).bind(2_i64).execute(&pool).await.unwrap().rows_affected(), 2);
        let span = last(&spans);
        assert_eq!((span.name.as_str(), span.kind, span.is_error()), ("db.query", SpanKind::Client, false));
        assert_eq!(span.text("db.query.text"), Some(format!("INSERT INTO {users} (id, name) VALUES (?)").as_str()));
        assert_eq!(span.text("db.query.summary"), Some(format!("INSERT {users}").as_str()));
        assert_eq!(integer(&span, "hopline.db.affected_rows"), Some(2));
        assert!(span.attribute("hopline.db.pool_wait_ms").is_some() && span.attribute("hopline.db.completed").is_none());

        let all: Vec<(i64, String)> = sqlx::query_as(sql("SELECT id, name FROM users", &users)).fetch_all(&pool).await.unwrap();
        assert_eq!(all.len(), 2);
        let span = last(&spans);
        assert_eq!((integer(&span, "db.response.returned_rows"), integer(&span, "hopline.db.affected_rows")), (Some(2), None));

        let count: i64 = sqlx::query_scalar(sql("SELECT count(*) FROM users", &users)).fetch_one(&pool).await.unwrap();
        assert_eq!(count, 2);
        assert_eq!(integer(&last(&spans), "db.response.returned_rows"), Some(1));

        let none = sqlx::query(sql("SELECT id FROM users WHERE id = 99", &users)).fetch_optional(&pool).await.unwrap();
        assert!(none.is_none());
        let span = last(&spans);
        assert_eq!((integer(&span, "db.response.returned_rows"), span.is_error()), (Some(0), false));

        let absent = sqlx::query(sql("SELECT id FROM users WHERE id = 99", &users)).fetch_one(&pool).await;
        assert!(matches!(absent, Err(sqlx::Error::RowNotFound)));
        assert!(!last(&spans).is_error(), "no row is no error of the database");
    }

    async fn builders_and_raw_sql_are_recorded(pool, users, spans) {
        let mut builder = QueryBuilder::new(format!("INSERT INTO {users} (id, name) "));
        builder.push_values([(1_i64, "a"), (2, "b"), (3, "c")], |mut row, (id, name)| {
            row.push_bind(id).push_bind(name);
        });
        builder.build().execute(&pool).await.unwrap();
        assert_eq!(last(&spans).text("db.query.text"), Some(format!("INSERT INTO {users} (id, name) VALUES (?)").as_str()));

        let both = sql("UPDATE users SET name = 'x' WHERE id = 1; DELETE FROM users WHERE id > 1", &users);
        let done = sqlx::raw_sql(both).execute(&pool).await.unwrap();
        assert_eq!(done.rows_affected(), 3);
        let span = last(&spans);
        assert_eq!(span.text("db.query.summary"), Some(format!("UPDATE {users} DELETE {users}").as_str()));
        assert_eq!(integer(&span, "hopline.db.affected_rows"), Some(3));

        let statement = pool.prepare(sqlx::SqlSafeStr::into_sql_str(sql("SELECT name FROM users WHERE id = $1", &users))).await.unwrap();
        assert_eq!(last(&spans).name, "db.prepare");
        let name: String = sqlx::Statement::query_scalar(&statement).bind(1_i64).fetch_one(&pool).await.unwrap();
        assert_eq!(name, "x");
        assert_eq!(last(&spans).name, "db.query");
    }

    async fn streams_count_the_rows_that_were_read(pool, users, spans) {
        sqlx::query(sql("INSERT INTO users (id) VALUES (1), (2), (3)", &users)).execute(pool.raw()).await.unwrap();
        let query = || sqlx::query_as::<_, (i64,)>(sql("SELECT id FROM users ORDER BY id", &users));
        let whole: Vec<(i64,)> = query().fetch(&pool).try_collect().await.unwrap();
        assert_eq!(whole.len(), 3);
        assert!(last(&spans).attribute("hopline.db.completed").is_none());

        let mut part = query().fetch(&pool);
        part.try_next().await.unwrap();
        drop(part);
        let span = last(&spans);
        assert_eq!((integer(&span, "db.response.returned_rows"), boolean(&span, "hopline.db.completed")), (Some(1), Some(false)));
        assert!(!span.is_error());
    }

    async fn errors_are_recorded_as_codes_without_messages(pool, users, spans) {
        let insert = || sqlx::query(sql("INSERT INTO users (id, name) VALUES ($1, $2)", &users)).bind(7_i64).bind("hunter2");
        insert().execute(&pool).await.unwrap();
        spans.take();
        let error = insert().execute(&pool).await.unwrap_err();
        assert!(error.as_database_error().is_some_and(|error| error.is_unique_violation()), "the application's error is unchanged");
        let span = last(&spans);
        assert!(span.is_error());
        assert_eq!((span.text("error.type"), span.text("db.response.status_code")), (Some(DUPLICATE), Some(DUPLICATE)));
        assert!(!format!("{span:?}").contains("hunter2"));
    }

    async fn transactions_and_savepoints_are_spans(pool, users, spans) {
        let insert = |id: i64| sqlx::query(sql("INSERT INTO users (id) VALUES ($1)", &users)).bind(id);
        let mut tx = pool.begin().await.unwrap();
        insert(1).execute(&mut *tx).await.unwrap();
        insert(2).execute(&mut tx).await.unwrap();
        let mut nested = tx.begin().await.unwrap();
        insert(3).execute(&mut *nested).await.unwrap();
        nested.rollback().await.unwrap();
        let nested = tx.begin().await.unwrap();
        nested.commit().await.unwrap();
        tx.commit().await.unwrap();
        let mut tx: Transaction<'_, _> = pool.begin().await.unwrap();
        insert(9).execute(&mut *tx).await.unwrap();
        tx.rollback().await.unwrap();
        let names: Vec<String> = spans.take().into_iter().map(|span| span.name).collect();
        let expected = [
            "db.begin", "db.query", "db.query", "db.savepoint", "db.query", "db.rollback_to", "db.savepoint", "db.release", "db.commit",
            "db.begin", "db.query", "db.rollback",
        ];
        assert_eq!(names, expected);
        let ids: Vec<(i64,)> = sqlx::query_as(sql("SELECT id FROM users ORDER BY id", &users)).fetch_all(&pool).await.unwrap();
        assert_eq!(ids, [(1,), (2,)]);
    }

    async fn steps_of_transactions_name_their_operation(pool, users, spans) {
        for names in [SpanNames::Conventions, SpanNames::Hopline] {
            let pool = pool.clone().span_names(names);
            let mut tx = pool.begin().await.unwrap();
            tx.begin().await.unwrap().commit().await.unwrap();
            tx.begin().await.unwrap().rollback().await.unwrap();
            tx.commit().await.unwrap();
            pool.begin_with(BEGIN).await.unwrap().rollback().await.unwrap();
            let operations: Vec<String> = spans.take().iter().map(|span| {
                let operation = span.text("db.operation.name").unwrap().to_owned();
                assert!(names == SpanNames::Hopline || span.name == operation, "{}", span.name);
                operation
            }).collect();
            let expected = [
                "BEGIN", "SAVEPOINT", "RELEASE SAVEPOINT", "SAVEPOINT", "ROLLBACK TO SAVEPOINT", "COMMIT", "BEGIN", "ROLLBACK",
            ];
            assert_eq!(operations, expected);
        }
        assert!(users.starts_with('t'));
    }

    async fn a_dropped_transaction_records_an_event(pool, users, spans) {
        let request = SpanBuilder::new("request").start();
        drop(request);
        let tracer = Tracer::builder().sink(spans.sink()).build();
        let request = SpanBuilder::new("request").tracer(&tracer).parent(Incoming::default()).start();
        async {
            let mut tx = pool.begin().await.unwrap();
            sqlx::query(sql("INSERT INTO users (id) VALUES (1)", &users)).execute(&mut *tx).await.unwrap();
        }
        .in_span(request)
        .await;
        let request = spans.one("request");
        assert_eq!(request.events.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), ["transaction dropped"]);
        let count: i64 = sqlx::query_scalar(sql("SELECT count(*) FROM users", &users)).fetch_one(&pool).await.unwrap();
        assert_eq!(count, 0);
    }

    async fn one_function_takes_connections_and_transactions(pool, users, spans) {
        // a function as in an application's repository
        macro_rules! count { ($connection:expr) => { sqlx::query_scalar::<_, i64>(sql("SELECT count(*) FROM users", &users)).fetch_one($connection).await.unwrap() } }
        let mut connection = pool.acquire().await.unwrap();
        assert_eq!(count!(&mut *connection_of(&mut connection)), 0);
        drop(connection);
        let mut tx = pool.begin().await.unwrap();
        assert_eq!(count!(&mut *connection_of(&mut tx)), 0);
        tx.commit().await.unwrap();
        assert_eq!(spans.named("db.query").len(), 2);
    }

    async fn spans_are_children_of_the_current_span(pool, users, spans) {
        let tracer = Tracer::builder().service("svc").sink(spans.sink()).build();
        let request = SpanBuilder::new("request").tracer(&tracer).parent(Incoming::default()).start();
        let pool = pool.tracer(tracer);
        async {
            let mut tx = pool.begin().await.unwrap();
            sqlx::query(sql("DELETE FROM users", "accounts")).execute(&mut *tx).await.unwrap_err();
        }
        .in_span(request)
        .await;
        assert_eq!(spans.one("db.query").parent, Some(spans.one("request").span_id));
        assert_eq!(spans.one("db.begin").parent, Some(spans.one("request").span_id));
    }

    async fn names_and_text_are_settings(pool, users, spans) {
        let insert = || sqlx::query(sql("INSERT INTO users (id, name) VALUES ($1, 'x')", &users)).bind(1_i64);
        let named = pool.clone().span_names(SpanNames::Conventions).query_text(QueryText::Omitted);
        let mut tx = named.begin().await.unwrap();
        insert().execute(&mut *tx).await.unwrap();
        tx.rollback().await.unwrap();
        let seen = spans.take();
        let names: Vec<&str> = seen.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["BEGIN", format!("INSERT {users}").as_str(), "ROLLBACK"]);
        assert!(seen[1].attribute("db.query.text").is_none());

        let older = OlderNames { database: true, ..OlderNames::NONE };
        insert().execute(&pool.clone().query_text(QueryText::VerbatimIfParameterised).older_names(older)).await.unwrap();
        let span = last(&spans);
        let verbatim = sql("INSERT INTO users (id, name) VALUES ($1, 'x')", &users).0;
        assert_eq!((span.text("db.query.text"), span.text("db.statement")), (Some(verbatim.as_str()), Some(verbatim.as_str())));
        assert_eq!(span.text("db.system"), span.text("db.system.name"));
    }

    async fn a_dropped_call_ends_its_span(pool, users, spans) {
        let held = pool.raw().acquire().await.unwrap();
        let query = sqlx::query(sql("SELECT id FROM users", &users)).execute(&pool);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), query).await.is_err(), "no connection is free");
        let span = last(&spans);
        assert_eq!((boolean(&span, "hopline.db.completed"), span.is_error()), (Some(false), false));
        drop(held);
    }

    async fn unrecorded_statements_run(pool, users, spans) {
        let never = Tracer::builder().plan(hopline_core::SamplingPlan::new().others(0.0)).sink(spans.sink()).build();
        let pool = pool.tracer(never);
        sqlx::query(sql("INSERT INTO users (id) VALUES (1)", &users)).execute(&pool).await.unwrap();
        let mut connection = pool.acquire().await.unwrap();
        let rows = sqlx::query(sql("SELECT id FROM users", &users)).fetch_all(&mut connection).await.unwrap();
        assert_eq!((rows.len(), spans.all().len()), (1, 0));
        drop(connection);
    }
}

fn connection_of<'a, 'c, DB: hopline_sqlx::TracedDatabase>(
    connection: &'a mut Connection<'c, DB>,
) -> &'a mut Connection<'c, DB> {
    connection
}
