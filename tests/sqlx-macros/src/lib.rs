//! sqlx's checked macros on traced types.
//!
//! `query!` and similar macros check each statement against a database at compile time. The results are committed in
//! `.sqlx`, and `.env` selects them, so building the tests requires neither a database nor `DATABASE_URL`, and ignores a
//! `DATABASE_URL` that is set for another purpose.
//!
//! After a change of a statement or of `schema.sql`, from this folder:
//!
//! ```text
//! sqlite3 /tmp/orders.db < schema.sql
//! rm .sqlx/*.json; touch tests/macros.rs
//! SQLX_OFFLINE=false DATABASE_URL=sqlite:/tmp/orders.db SQLX_OFFLINE_DIR=$PWD/.sqlx cargo check --tests
//! ```

/// The tables of the tests' statements.
pub const SCHEMA: &str = include_str!("../schema.sql");
