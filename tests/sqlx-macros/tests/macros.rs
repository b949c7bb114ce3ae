//! Every checked macro on a traced pool, connection, transaction and savepoint.

use hopline_core::{FutureExt, Incoming, SpanBuilder, SpanKind, Tracer};
use hopline_sqlx::{Acquire, Connection, PoolExt, SqlitePool};
use hopline_sqlx_macros_test::SCHEMA;
use sqlx::Sqlite;
use sqlx::sqlite::SqlitePoolOptions;

#[derive(Debug, PartialEq)]
struct Order {
    id: i64,
    customer: String,
    note: Option<String>,
}

fn order(id: i64, customer: &str, note: Option<&str>) -> Order {
    Order {
        id,
        customer: customer.to_owned(),
        note: note.map(str::to_owned),
    }
}

/// A pool of one connection, since each connection to `:memory:` has a separate database.
async fn pool(tracer: &Tracer) -> SqlitePool {
    let raw = SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await
        .unwrap();
    sqlx::raw_sql(SCHEMA).execute(&raw).await.unwrap();
    raw.traced().tracer(tracer.clone())
}

/// Runs inside a root span. When it ends, all spans of the trace are recorded.
async fn request<T>(tracer: &Tracer, work: impl Future<Output = T>) -> T {
    let root = SpanBuilder::new("request")
        .tracer(tracer)
        .parent(Incoming::default())
        .start();
    work.in_span(root).await
}

/// A repository function that also takes a pool.
async fn customers(db: impl Acquire<'_, Database = Sqlite>) -> sqlx::Result<i64> {
    let mut conn = db.acquire().await?;
    sqlx::query_scalar!("SELECT count(*) FROM orders")
        .fetch_one(&mut *conn)
        .await
}

/// A repository function that takes a connection or a transaction.
async fn find(conn: &mut Connection<'_, Sqlite>, id: i64) -> sqlx::Result<Option<Order>> {
    sqlx::query_as!(
        Order,
        "SELECT id, customer, note FROM orders WHERE id = ?",
        id
    )
    .fetch_optional(&mut *conn)
    .await
}

#[tokio::test]
async fn over_a_pool() {
    let (tracer, spans) = hopline_testing::tracer("orders");
    let pool = pool(&tracer).await;

    request(&tracer, async {
        let done = sqlx::query!(
            "INSERT INTO orders (customer, note) VALUES (?, 'card 4111111111111111'), (?, NULL)",
            "ada",
            "bob"
        )
        .execute(&pool)
        .await
        .unwrap();
        assert_eq!(done.rows_affected(), 2);

        let rows = sqlx::query!("SELECT id, customer FROM orders ORDER BY id")
            .fetch_all(&pool)
            .await
            .unwrap();
        assert_eq!(
            rows.iter().map(|row| &*row.customer).collect::<Vec<_>>(),
            ["ada", "bob"]
        );
        assert_eq!(rows[0].id, 1);
    })
    .await;

    let queries = spans.named("db.query");
    let [insert, select] = queries.as_slice() else {
        panic!("one span a statement, not:\n{}", spans.tree())
    };
    assert_eq!(insert.kind, SpanKind::Client);
    assert_eq!(insert.text("db.system.name"), Some("sqlite"));
    assert_eq!(insert.text("db.query.summary"), Some("INSERT orders"));
    assert_eq!(
        insert.attribute("hopline.db.affected_rows"),
        Some(&2.into())
    );
    assert_eq!(select.text("db.query.summary"), Some("SELECT orders"));
    assert_eq!(
        select.text("db.query.text"),
        Some("SELECT id, customer FROM orders ORDER BY id")
    );
    assert_eq!(
        select.attribute("db.response.returned_rows"),
        Some(&2.into())
    );
    let request = spans.one("request").root();
    assert!(
        queries
            .iter()
            .all(|query| query.parent == Some(request.span_id))
    );
    assert!(!format!("{:?}", spans.all()).contains("4111"));
}

#[tokio::test]
async fn over_an_annotated_executor() {
    let (tracer, spans) = hopline_testing::tracer("orders");
    let pool = pool(&tracer).await;

    request(&tracer, async {
        let none = sqlx::query!("SELECT id, customer FROM orders ORDER BY id")
            .fetch_all(pool.operation("SELECT").summary("all orders"))
            .await
            .unwrap();
        assert!(none.is_empty());
        let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let count = sqlx::query_scalar!("SELECT count(*) FROM orders")
            .fetch_one(tx.collection("orders"))
            .await
            .unwrap();
        assert_eq!(count, 0);
        tx.commit().await.unwrap();
    })
    .await;

    let queries = spans.named("db.query");
    assert_eq!(
        (
            queries[0].text("db.operation.name"),
            queries[0].text("db.query.summary"),
            queries[1].text("db.collection.name"),
        ),
        (Some("SELECT"), Some("all orders"), Some("orders"))
    );
    spans
        .one("db.begin")
        .attribute("db.query.text", "BEGIN IMMEDIATE");
}

#[tokio::test]
async fn over_a_connection() {
    let (tracer, spans) = hopline_testing::tracer("orders");
    let pool = pool(&tracer).await;

    request(&tracer, async {
        let mut conn = pool.acquire().await.unwrap();
        sqlx::query!("INSERT INTO orders (customer) VALUES (?)", "ada")
            .execute(&mut *conn)
            .await
            .unwrap();
        assert_eq!(
            find(&mut conn, 1).await.unwrap(),
            Some(order(1, "ada", None))
        );
        assert_eq!(find(&mut conn, 2).await.unwrap(), None);
        assert_eq!(customers(&mut conn).await.unwrap(), 1);
        drop(conn);
        assert_eq!(customers(&pool).await.unwrap(), 1);
    })
    .await;

    let summaries = spans.named("db.query");
    let summaries: Vec<_> = summaries
        .iter()
        .map(|span| (span.text("db.query.summary"), span.is_error()))
        .collect();
    assert_eq!(
        summaries,
        [
            (Some("INSERT orders"), false),
            (Some("SELECT orders"), false),
            (Some("SELECT orders"), false),
            (Some("SELECT orders"), false),
            (Some("SELECT orders"), false),
        ]
    );
}

#[tokio::test]
async fn over_a_transaction_and_a_savepoint() {
    let (tracer, spans) = hopline_testing::tracer("orders");
    let pool = pool(&tracer).await;

    request(&tracer, async {
        let mut tx = pool.begin().await.unwrap();
        sqlx::query!(
            "INSERT INTO orders (id, customer, note) VALUES (?, ?, ?)",
            7i64,
            "ada",
            "gift"
        )
        .execute(&mut *tx)
        .await
        .unwrap();

        let mut inner = tx.begin().await.unwrap();
        sqlx::query!("DELETE FROM orders WHERE id = ?", 7i64)
            .execute(&mut inner)
            .await
            .unwrap();
        assert_eq!(find(&mut inner, 7).await.unwrap(), None);
        inner.rollback().await.unwrap();

        assert_eq!(
            find(&mut tx, 7).await.unwrap(),
            Some(order(7, "ada", Some("gift")))
        );
        tx.commit().await.unwrap();
        let count = sqlx::query_scalar!("SELECT count(*) FROM orders")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(count, 1);
    })
    .await;

    let mut made = spans.all();
    made.retain(|span| span.name != "request");
    made.sort_by_key(|span| span.span_id);
    let made: Vec<_> = made
        .iter()
        .map(|span| match span.text("db.query.summary") {
            Some(summary) if span.name == "db.query" => summary,
            _ => span.name.as_str(),
        })
        .collect();
    assert_eq!(
        made,
        [
            "db.begin",
            "INSERT orders",
            "db.savepoint",
            "DELETE orders",
            "SELECT orders",
            "db.rollback_to",
            "SELECT orders",
            "db.commit",
            "SELECT orders",
        ]
    );
}

/// Each file in `.sqlx` belongs to a statement: the macros do not detect files of removed statements.
#[test]
fn the_offline_data_matches_the_statements() {
    let source = include_str!("macros.rs");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let data = std::fs::read_to_string(&path).unwrap();
        let statement = data
            .lines()
            .find_map(|line| {
                line.trim()
                    .strip_prefix("\"query\": \"")?
                    .strip_suffix("\",")
            })
            .unwrap_or_else(|| panic!("no statement in {}", path.display()));
        assert!(
            source.contains(&format!("\"{statement}\"")),
            "{} is of no statement here: {statement}",
            path.display()
        );
        files += 1;
    }
    assert!(files > 0);
}
