//! Spans from sqlx's own events, on pools that are not traced.

mod support;

use hopline_core::export::SpanData;
use hopline_core::{FutureExt, Incoming, Name, SpanBuilder, SpanKind};
use hopline_sqlx::database::{Dialect, Endpoint};
use hopline_sqlx::{EventSpans, PoolExt, QueryText};
use hopline_testing::tracer;
use sqlx::{Executor, MySqlPool, PgPool};
use support::{integer, mysql_url, postgres_url};
use tracing_subscriber::prelude::*;

fn in_request<T>(
    tracer: &hopline_core::Tracer,
    work: impl Future<Output = T>,
) -> impl Future<Output = T> {
    let name: Name<'_> = "request".into();
    let root = SpanBuilder::new(name)
        .tracer(tracer)
        .parent(Incoming::default())
        .start();
    work.in_span(root)
}

fn events(system: &'static str, dialect: Dialect) -> EventSpans {
    EventSpans::new(Endpoint::new(system, dialect).namespace("test"))
}

fn text_of(span: &SpanData) -> &str {
    span.text("db.query.text").unwrap_or_default()
}

#[tokio::test]
async fn a_plain_pool_gives_spans_without_values() {
    let (tracer, spans) = tracer("svc");
    let pool = PgPool::connect(&postgres_url()).await.unwrap();
    let layer = events("postgresql", Dialect::Postgres).layer();
    let subscriber = tracing_subscriber::registry().with(layer);
    let _scope = tracing::subscriber::set_default(subscriber);
    pool.execute("SELECT 'outside of any request'")
        .await
        .unwrap();

    in_request(&tracer, async {
        sqlx::query("SELECT 'hunter2', a FROM generate_series(1, 3) AS numbers (a) WHERE a <> $1")
            .bind(9)
            .fetch_all(&pool)
            .await
            .unwrap();
        let mut tx = pool.begin().await.unwrap();
        tx.execute("CREATE TEMP TABLE event_rows (a int)")
            .await
            .unwrap();
        tx.execute("INSERT INTO event_rows VALUES (4711), (4712)")
            .await
            .unwrap();
        tx.rollback().await.unwrap();
        // a failed statement looks like any other
        pool.execute("SELECT 'hunter2' FROM nowhere")
            .await
            .unwrap_err();
    })
    .await;
    let request = spans.one("request").span_id;
    let seen = spans.named("db.query");
    assert_eq!(
        seen.iter().map(text_of).collect::<Vec<_>>(),
        [
            "SELECT ?, a FROM generate_series(?, ?) AS numbers (a) WHERE a <> $1",
            "CREATE TEMP TABLE event_rows (a int)",
            "INSERT INTO event_rows VALUES (?)",
            "ROLLBACK",
            "SELECT ? FROM nowhere",
        ]
    );
    for span in &seen {
        assert_eq!((span.kind, span.parent), (SpanKind::Client, Some(request)));
        assert!(span.duration_nanos() > 0 && !span.is_error());
        assert_eq!(
            (span.text("db.system.name"), span.text("db.namespace")),
            (Some("postgresql"), Some("test"))
        );
    }
    assert_eq!(
        seen[0].text("db.query.summary"),
        Some("SELECT generate_series")
    );
    let rows: Vec<_> = seen
        .iter()
        .map(|span| {
            (
                integer(span, "db.response.returned_rows"),
                integer(span, "hopline.db.affected_rows"),
            )
        })
        .collect();
    assert_eq!((rows[0], rows[2]), ((Some(3), None), (None, Some(2))));
}

#[tokio::test]
async fn mysql_events_become_spans_without_text_if_omitted() {
    let (tracer, spans) = tracer("svc");
    let pool = MySqlPool::connect(&mysql_url()).await.unwrap();
    let events = events("mysql", Dialect::MySql).tracer(tracer.clone());
    let layer = events.query_text(QueryText::Omitted).layer();
    let _scope = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    in_request(&tracer, pool.execute("SELECT \"hunter2\""))
        .await
        .unwrap();
    let span = spans.one("db.query");
    assert_eq!(
        (span.text("db.query.text"), span.text("db.query.summary")),
        (None, Some("SELECT"))
    );
}

/// With the layer and a traced pool in one process, a statement has one span.
#[tokio::test]
async fn a_traced_pool_has_no_second_span() {
    let (tracer, spans) = tracer("svc");
    let warm = PgPool::connect(&postgres_url()).await.unwrap();
    let layer = events("postgresql", Dialect::Postgres).layer();
    let _scope = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    for pool in [
        warm.traced(),
        hopline_sqlx::PgPool::connect(&postgres_url())
            .await
            .unwrap(),
    ] {
        in_request(&tracer, async { pool.execute("SELECT 1").await.unwrap() }).await;
        assert_eq!(spans.named("db.query").len(), 1);
        spans.take();
    }
}
