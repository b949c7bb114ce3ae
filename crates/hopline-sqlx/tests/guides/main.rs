//! Usage patterns of sqlx's README, guides and examples over traced types: each compiles and behaves as with sqlx's types.
//! Patterns of the checked macros are in the crate `hopline-sqlx-macros-test`; programs that must not compile are in
//! `tests/refused`.
//!
//! | pattern | test |
//! |---|---|
//! | pool options, `connect`, `connect_lazy`, hooks of a pool | `pools_are_made_in_every_way` |
//! | a single connection, `connect`, `close`, `ping` | `single_connections` |
//! | `query`, `bind`, `execute`, `fetch`, `fetch_one`, `fetch_optional`, `fetch_all`, `Executor`'s own methods | `queries` |
//! | `FromRow`, `query_as`, `query_scalar`, `map`, `try_map` | `rows_become_types` |
//! | arrays, `ANY($1)`, `UNNEST`, `QueryBuilder` | `many_values_at_once` |
//! | `acquire` and `&mut *connection`, `detach`, `leak`, `close_on_drop`, `return_to_pool` | `connections_of_a_pool` |
//! | `begin`, `commit`, `rollback`, drop, savepoints, the closure form | `transactions` |
//! | functions over `&mut PgConnection`, `impl PgExecutor`, `impl Executor`, `impl Acquire` | `repository_functions` |
//! | structs generic over the database | `generic_repositories` |
//! | an axum extractor that holds a `PoolConnection` | `an_extractor_of_connections` |
//! | prepared statements, `describe`, `persistent(false)` | `statements` |
//! | errors of the database by kind | `errors_by_kind` |
//! | LISTEN and NOTIFY | `notifications` |
//! | COPY in and out | `copies` |
//! | migrations | `migrations` |
//! | advisory locks | `advisory_locks` |
//! | closing, `close_event` | `closing` |
//! | enum, composite, domain and array types of Postgres | `types_of_the_application` |
//! | `Any` | `any_database` |

mod functions;
mod pools;
mod postgres;
mod queries;
#[path = "../support/mod.rs"]
mod support;

use hopline_sqlx::PgPool;
use hopline_testing::{Spans, tracer};
use sqlx::Executor;
use support::{postgres_url, safe, table};

/// A traced pool, its spans, and the name of a table of people.
async fn people() -> (PgPool, Spans, String) {
    let (tracer, spans) = tracer("svc");
    let pool = PgPool::connect(&postgres_url())
        .await
        .unwrap()
        .tracer(tracer);
    let people = table();
    let create = format!(
        "CREATE TABLE {people} (id BIGINT PRIMARY KEY, name TEXT NOT NULL, email TEXT);
         INSERT INTO {people} VALUES (1, 'Ann', 'ann@example.com'), (2, 'Bob', NULL)"
    );
    pool.raw().execute(safe(&create)).await.unwrap();
    (pool, spans, people)
}

async fn gone(pool: &PgPool, people: &str) {
    pool.raw()
        .execute(safe(&format!("DROP TABLE {people}")))
        .await
        .unwrap();
}

fn names(spans: &Spans) -> Vec<String> {
    spans.take().into_iter().map(|span| span.name).collect()
}
