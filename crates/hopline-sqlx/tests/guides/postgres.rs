//! Postgres beyond queries (LISTEN, COPY, advisory locks, types), and migrations.

use futures_util::{StreamExt, TryStreamExt};
use hopline_sqlx::postgres::PgListener;
use hopline_sqlx::{PgPool, PoolExt};
use hopline_testing::tracer;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgAdvisoryLock, PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, SqlSafeStr, Type};

use crate::support::{boolean, integer, postgres_url, safe, table};
use crate::{gone, people};

#[tokio::test]
async fn notifications() {
    let (tracer, spans) = tracer("svc");
    let pool = PgPool::connect(&postgres_url())
        .await
        .unwrap()
        .tracer(tracer);
    let (one, two) = (table(), table());
    let mut listener = PgListener::connect_with(&pool).await.unwrap();
    listener.listen_all([&*one, &*two]).await.unwrap();
    let notify = safe(&format!(
        "SELECT pg_notify(chan, payload) FROM (VALUES ('{one}', 'SECRET'), ('{two}', '2')) v(chan, payload)"
    ));
    sqlx::query(notify).execute(&pool).await.unwrap();
    assert_eq!(listener.recv().await.unwrap().payload(), "SECRET");
    assert_eq!(listener.try_recv().await.unwrap().unwrap().channel(), two);
    assert!(listener.next_buffered().is_none());
    listener.unlisten(&one).await.unwrap();
    listener.unlisten_all().await.unwrap();
    listener.listen(&one).await.unwrap();
    pool.execute(safe(&format!("NOTIFY {one}, '3'")))
        .await
        .unwrap();
    listener.ignore_pool_close_event(true);
    listener.eager_reconnect(false);
    let mut all = listener.into_stream();
    assert_eq!(all.next().await.unwrap().unwrap().payload(), "3");
    let seen: Vec<String> = spans
        .take()
        .iter()
        .map(|span| span.text("db.query.text").unwrap().to_owned())
        .collect();
    assert_eq!(seen[0], format!("LISTEN \"{one}\"; LISTEN \"{two}\""));
    assert_eq!(
        seen[2..4],
        [format!("UNLISTEN \"{one}\""), "UNLISTEN *".to_owned()]
    );
    assert!(
        seen.len() == 6 && !seen.concat().contains("SECRET"),
        "{seen:?}"
    );

    let mut alone = PgListener::connect(&postgres_url()).await.unwrap();
    alone.listen(&one).await.unwrap();
    alone.raw_mut().execute("SELECT 1").await.unwrap();
}

#[tokio::test]
async fn copies() {
    let (pool, spans, people) = people().await;
    let into = format!("COPY {people} (id, name) FROM STDIN");
    let mut copy = pool.copy_in_raw(&into).await.unwrap();
    assert!(copy.is_textual() && copy.column_is_textual(0) && copy.num_columns() == 2);
    copy.send(&b"3\tSECRET\n"[..])
        .await
        .unwrap()
        .send(&b"4\tDi\n"[..])
        .await
        .unwrap();
    assert_eq!(copy.finish().await.unwrap(), 2);
    let span = spans.named("db.query").remove(0);
    let shown = (
        span.text("db.query.summary"),
        integer(&span, "hopline.db.affected_rows"),
    );
    assert_eq!(shown, (Some(format!("COPY {people}").as_str()), Some(2)));
    assert!(
        !format!("{span:?}").contains("SECRET")
            && span.attribute("db.response.returned_rows").is_none()
    );
    spans.take();

    // on a connection, in a transaction, from a reader
    let mut tx = pool.begin().await.unwrap();
    let mut copy = tx.copy_in_raw(&into).await.unwrap();
    copy.read_from(&b"5\tEd\n"[..]).await.unwrap();
    assert_eq!(copy.finish().await.unwrap(), 1);
    let copy = tx.copy_in_raw(&into).await.unwrap();
    copy.abort("not these").await.unwrap();
    tx.rollback().await.unwrap();
    drop(
        pool.acquire()
            .await
            .unwrap()
            .copy_in_raw(&into)
            .await
            .unwrap(),
    );
    let mut connection = pool.acquire().await.unwrap();
    let mut wrong = connection.copy_in_raw(&into).await.unwrap();
    wrong.send(&b"no number\tx\n"[..]).await.unwrap();
    wrong.finish().await.unwrap_err();
    connection
        .copy_in_raw("COPY nowhere FROM STDIN")
        .await
        .unwrap_err();
    let seen = spans.named("db.query");
    let ends: Vec<_> = seen
        .iter()
        .map(|span| {
            (
                boolean(span, "hopline.db.completed"),
                span.text("error.type"),
            )
        })
        .collect();
    let (whole, part) = (None, Some(false));
    assert_eq!(
        ends,
        [
            (whole, None),
            (part, None),
            (part, None),
            (whole, Some("22P02")),
            (whole, Some("42P01"))
        ]
    );
    spans.take();

    let out = format!("COPY (SELECT id FROM {people} ORDER BY id) TO STDOUT");
    let chunks: Vec<_> = pool
        .copy_out_raw(&out)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(chunks.concat(), b"1\n2\n3\n4\n");
    connection
        .copy_out_raw(&out)
        .await
        .unwrap()
        .next()
        .await
        .unwrap()
        .unwrap();
    let seen = spans.named("db.query");
    assert_eq!(boolean(&seen[0], "hopline.db.completed"), None);
    assert_eq!(boolean(&seen[1], "hopline.db.completed"), Some(false));
    assert!(
        seen[0]
            .text("db.query.text")
            .unwrap()
            .starts_with("COPY (SELECT id FROM")
    );
    gone(&pool, &people).await;
}

fn migration(version: i64, sql: &'static str) -> Migration {
    Migration::new(
        version,
        "m".into(),
        MigrationType::Simple,
        sql.into_sql_str(),
        false,
    )
}

#[tokio::test]
async fn migrations() {
    let (tracer, spans) = tracer("svc");
    let pool = sqlx::sqlite::SqlitePoolOptions::new()
        .max_connections(1)
        .traced();
    let pool = pool
        .connect("sqlite::memory:")
        .await
        .unwrap()
        .tracer(tracer);
    let first = "CREATE TABLE users (id INTEGER); INSERT INTO users VALUES (4711)";
    let all = vec![
        migration(1, first),
        migration(2, "ALTER TABLE users ADD name TEXT"),
    ];
    pool.migrate_to(&Migrator::with_migrations(all.clone()), 1)
        .await
        .unwrap();
    assert_eq!(spans.named("db.migrate").len(), 1);
    let migrator = Migrator::with_migrations(all.clone());
    pool.migrate(&migrator).await.unwrap();
    pool.migrate(&migrator).await.unwrap();
    pool.acquire()
        .await
        .unwrap()
        .migrate(&migrator)
        .await
        .unwrap();
    let seen = spans.named("db.migrate");
    let versions: Vec<_> = seen
        .iter()
        .map(|span| integer(span, "hopline.db.migration"))
        .collect();
    assert_eq!(versions, [Some(1), Some(2)], "once each");
    assert_eq!(
        seen[0].text("db.query.text"),
        Some("CREATE TABLE users (id INTEGER); INSERT INTO users VALUES (?)")
    );
    spans.take();

    let broken = [
        all,
        vec![migration(3, "CREATE TABLE users (again INTEGER)")],
    ]
    .concat();
    let error = pool
        .migrate(&Migrator::with_migrations(broken))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("migration 3"), "{error}");
    let span = spans.one("db.migrate");
    assert_eq!(
        (
            span.text("error.type"),
            integer(&span, "hopline.db.migration")
        ),
        (Some("1"), Some(3))
    );
    let edited = vec![migration(1, "CREATE TABLE other (id INTEGER)")];
    pool.migrate(&Migrator::with_migrations(edited))
        .await
        .unwrap_err();
    assert!(pool.execute("SELECT name FROM users").await.is_ok());
}

#[tokio::test]
async fn advisory_locks() {
    let pool = PgPool::connect(&postgres_url()).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    let lock = PgAdvisoryLock::new(table());
    let guard = lock.acquire(connection.raw_mut()).await.unwrap();
    let mut other = pool.acquire().await.unwrap();
    assert!(lock.try_acquire(other.raw_mut()).await.unwrap().is_right());
    guard.release_now().await.unwrap();
}

#[derive(Clone, Copy, Debug, PartialEq, Type)]
#[sqlx(type_name = "guide_mood", rename_all = "lowercase")]
enum Mood {
    Happy,
    Sad,
}

#[derive(Debug, PartialEq, Type)]
#[sqlx(type_name = "guide_item")]
struct Item {
    name: String,
    mood: Mood,
}

/// A connection whose first use of each type is in a statement with a trace comment, inside a transaction.
#[tokio::test]
async fn types_of_the_application() {
    let (tracer, spans) = tracer("svc");
    let schema = table();
    let options: PgConnectOptions = postgres_url().parse().unwrap();
    let options = options.options([("search_path", format!("{schema},public"))]);
    let one = PgPoolOptions::new()
        .max_connections(1)
        .traced()
        .connect_with(options.clone())
        .await
        .unwrap();
    let create = format!(
        "CREATE EXTENSION IF NOT EXISTS citext SCHEMA public;
         CREATE SCHEMA {schema}; SET search_path = {schema}, public;
         CREATE TYPE guide_mood AS ENUM ('happy', 'sad');
         CREATE TYPE guide_item AS (name TEXT, mood guide_mood);
         CREATE DOMAIN guide_code AS TEXT CHECK (length(VALUE) = 2);
         CREATE TABLE things (id BIGINT, mood guide_mood, item guide_item, moods guide_mood[], code guide_code, email citext)"
    );
    one.raw().execute(safe(&create)).await.unwrap();
    let root = hopline_core::SpanBuilder::new("request")
        .tracer(&tracer)
        .parent(hopline_core::Incoming::default())
        .start();
    let work = async {
        for commented in [true, false] {
            let pool = PgPoolOptions::new()
                .max_connections(1)
                .traced()
                .connect_with(options.clone())
                .await
                .unwrap();
            let pool = if commented {
                pool.trace_comments()
            } else {
                pool
            };
            let mut tx = pool.begin().await.unwrap();
            // columns whose types the driver looks up while it prepares
            for column in ["email", "code", "moods", "item", "mood"] {
                let read = safe(&format!("SELECT {column} FROM things WHERE id = $1"));
                sqlx::query(read)
                    .bind(1_i64)
                    .fetch_all(&mut *tx)
                    .await
                    .unwrap();
            }
            sqlx::query("INSERT INTO things VALUES ($1, $2, $3, $4, $5)")
                .bind(1_i64)
                .bind(Mood::Happy)
                .bind(Item {
                    name: "a".to_owned(),
                    mood: Mood::Sad,
                })
                .bind(vec![Mood::Sad, Mood::Happy])
                .bind("ab")
                .execute(&mut *tx)
                .await
                .unwrap();
            let found: (Mood, Item, Vec<Mood>, String) =
                sqlx::query_as("SELECT mood, item, moods, code::text FROM things WHERE mood = $1")
                    .bind(Mood::Happy)
                    .fetch_one(&mut *tx)
                    .await
                    .unwrap();
            assert_eq!(
                (found.0, found.1.mood, found.2.len(), found.3.as_str()),
                (Mood::Happy, Mood::Sad, 2, "ab")
            );
            // a further statement with the type
            sqlx::query("SELECT item FROM things WHERE moods @> $1")
                .bind(vec![Mood::Sad])
                .fetch_all(&mut *tx)
                .await
                .unwrap();
            tx.rollback().await.unwrap();
        }
    };
    hopline_core::FutureExt::in_span(work, root).await;
    assert!(spans.take().iter().all(|span| !span.is_error()));
    one.raw()
        .execute(safe(&format!("DROP SCHEMA {schema} CASCADE")))
        .await
        .unwrap();
}
