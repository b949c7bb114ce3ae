//! Queries, and conversion of their rows.

use futures_util::TryStreamExt;
use hopline_sqlx::PgPool;
use hopline_testing::tracer;
use sqlx::postgres::PgRow;
use sqlx::{Either, Executor, FromRow, Postgres, QueryBuilder, Row, SqlSafeStr, Statement};

use crate::support::{integer, postgres_url, safe};
use crate::{gone, people};

#[tokio::test]
async fn queries() {
    let (pool, spans, people) = people().await;
    let all = format!("SELECT id, name, email FROM {people} ORDER BY id");
    let mut rows = sqlx::query(safe(&all)).fetch(&pool);
    let mut found = Vec::new();
    while let Some(row) = rows.try_next().await.unwrap() {
        let email: Option<&str> = row.try_get("email").unwrap();
        found.push((row.get::<i64, _>(0), email.map(str::to_owned)));
    }
    drop(rows);
    assert_eq!(found, [(1, Some("ann@example.com".to_owned())), (2, None)]);

    let bob = format!("SELECT name FROM {people} WHERE id = $1");
    let name: String = sqlx::query(safe(&bob))
        .bind(2_i64)
        .fetch_one(&pool)
        .await
        .unwrap()
        .get("name");
    assert_eq!(name, "Bob");
    assert!(
        sqlx::query(safe(&bob))
            .bind(9_i64)
            .fetch_optional(&pool)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        sqlx::query(safe(&all))
            .fetch_all(&pool)
            .await
            .unwrap()
            .len(),
        2
    );
    let changed = sqlx::query(safe(&format!("UPDATE {people} SET email = NULL")))
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(changed.rows_affected(), 2);

    // the executor's own methods
    assert_eq!(pool.fetch_all(safe(&all)).await.unwrap().len(), 2);
    assert!(pool.fetch_optional(safe(&all)).await.unwrap().is_some());
    pool.execute(sqlx::query(safe(&bob)).bind(1_i64))
        .await
        .unwrap();
    let many: Vec<Either<_, PgRow>> = pool
        .fetch_many(safe(&format!("{all}; {all}")))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(many.iter().filter(|step| step.is_right()).count(), 4);
    let (count, raw): (i64, _) = (
        sqlx::query_scalar("SELECT 1::int8")
            .fetch_one(&pool)
            .await
            .unwrap(),
        pool.raw(),
    );
    assert_eq!((count, raw.size()), (1, pool.size()));
    assert_eq!(spans.named("db.query").len(), 10);
    gone(&pool, &people).await;
}

#[derive(Debug, FromRow, PartialEq)]
struct Person {
    id: i64,
    #[sqlx(rename = "name")]
    called: String,
    email: Option<String>,
}

#[tokio::test]
async fn rows_become_types() {
    let (pool, spans, people) = people().await;
    let all = || safe(&format!("SELECT id, name, email FROM {people} ORDER BY id"));
    let by_derive: Vec<Person> = sqlx::query_as(all())
        .fetch(&pool)
        .try_collect()
        .await
        .unwrap();
    assert_eq!((by_derive.len(), by_derive[1].called.as_str()), (2, "Bob"));
    let by_tuple: Vec<(i64, String, Option<String>)> =
        sqlx::query_as(all()).fetch_all(&pool).await.unwrap();
    assert_eq!(by_tuple[0].1, "Ann");
    let mapped: Vec<String> = sqlx::query(all())
        .map(|row: PgRow| row.get("name"))
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(mapped, ["Ann", "Bob"]);
    let tried = sqlx::query(all())
        .try_map(|row: PgRow| row.try_get::<i64, _>("nothing"))
        .fetch_one(&pool)
        .await;
    assert!(matches!(tried, Err(sqlx::Error::ColumnNotFound(_))));
    let count: i64 = sqlx::query_scalar(safe(&format!("SELECT count(*) FROM {people}")))
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!((count, spans.named("db.query").len()), (2, 5));
    gone(&pool, &people).await;
}

#[tokio::test]
async fn many_values_at_once() {
    let (pool, spans, people) = people().await;
    let some = format!("SELECT name FROM {people} WHERE id = ANY($1) ORDER BY id");
    let names: Vec<String> = sqlx::query_scalar(safe(&some))
        .bind(&[1_i64, 2, 3][..])
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(names, ["Ann", "Bob"]);
    let unnest =
        format!("INSERT INTO {people} (id, name) SELECT * FROM UNNEST($1::int8[], $2::text[])");
    let (ids, called) = (vec![3_i64, 4], vec!["Cy".to_owned(), "Di".to_owned()]);
    sqlx::query(safe(&unnest))
        .bind(&ids)
        .bind(&called)
        .execute(&pool)
        .await
        .unwrap();

    let mut builder: QueryBuilder<Postgres> =
        QueryBuilder::new(format!("INSERT INTO {people} (id, name) "));
    builder.push_values(5_i64..8, |mut row, id| {
        row.push_bind(id).push_bind(format!("n{id}"));
    });
    let mut tx = pool.begin().await.unwrap();
    assert_eq!(
        builder
            .build()
            .execute(&mut *tx)
            .await
            .unwrap()
            .rows_affected(),
        3
    );
    tx.commit().await.unwrap();
    let mut builder: QueryBuilder<Postgres> =
        QueryBuilder::new(format!("SELECT id FROM {people} WHERE id IN ("));
    let mut ids = builder.separated(", ");
    for id in 1..=7_i64 {
        ids.push_bind(id);
    }
    ids.push_unseparated(")");
    let found: Vec<(i64,)> = builder.build_query_as().fetch_all(&pool).await.unwrap();
    assert_eq!(found.len(), 7);
    assert_eq!(
        integer(&spans.named("db.query")[2], "hopline.db.affected_rows"),
        Some(3)
    );
    gone(&pool, &people).await;
}

#[tokio::test]
async fn statements() {
    let (tracer, spans) = tracer("svc");
    let pool = PgPool::connect(&postgres_url())
        .await
        .unwrap()
        .tracer(tracer);
    let mut connection = pool.acquire().await.unwrap();
    let statement = connection
        .prepare("SELECT $1::int8 AS a".into_sql_str())
        .await
        .unwrap();
    assert_eq!(
        (
            statement.columns().len(),
            connection.cached_statements_size()
        ),
        (1, 1)
    );
    let one: i64 = statement
        .query_scalar()
        .bind(1_i64)
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(one, 1);
    let row = statement
        .query()
        .bind(2_i64)
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(row.get::<i64, _>("a"), 2);
    connection.clear_cached_statements().await.unwrap();
    sqlx::query("SELECT $1::int4")
        .bind(1)
        .persistent(false)
        .execute(&mut *connection)
        .await
        .unwrap();
    connection.shrink_buffers();
    assert_eq!(connection.cached_statements_size(), 0);
    spans.take();

    // several round trips
    let described = connection
        .describe("SELECT 1 AS a, 'SECRET' AS b".into_sql_str())
        .await
        .unwrap();
    assert_eq!(described.columns().len(), 2);
    pool.describe("SELECT 1 AS a".into_sql_str()).await.unwrap();
    let error = pool
        .describe("SELECT 'SECRET' FROM nowhere".into_sql_str())
        .await;
    assert!(error.is_err());
    let seen = spans.named("db.describe");
    let texts: Vec<_> = seen
        .iter()
        .map(|span| (span.text("db.query.text").unwrap(), span.text("error.type")))
        .collect();
    assert_eq!(
        texts,
        [
            ("SELECT ? AS a, ? AS b", None),
            ("SELECT ? AS a", None),
            ("SELECT ? FROM nowhere", Some("42P01"))
        ]
    );
    assert!(seen[1].attribute("hopline.db.pool_wait_ms").is_some());
}

#[tokio::test]
async fn errors_by_kind() {
    let (pool, _spans, people) = people().await;
    let again = sqlx::query(safe(&format!("INSERT INTO {people} VALUES (1, 'Ann')")))
        .execute(&pool)
        .await;
    let Err(sqlx::Error::Database(error)) = again else {
        panic!("it is there already");
    };
    assert!(error.is_unique_violation() && error.constraint().is_some());
    let missing = sqlx::query(safe(&format!("INSERT INTO {people} (id) VALUES (7)")))
        .execute(&pool)
        .await
        .unwrap_err();
    assert_eq!(
        missing.as_database_error().unwrap().kind(),
        sqlx::error::ErrorKind::NotNullViolation
    );
    gone(&pool, &people).await;
}
