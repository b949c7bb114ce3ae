//! The checked macros of sqlx over hopline's traced types.
//!
//! `query!` and its kin ask a database about each statement while compiling. What it answered is committed
//! in `.sqlx`, and `.env` here tells the macros to use that, so neither a database nor `DATABASE_URL` is
//! needed to build the tests, and a `DATABASE_URL` meant for something else does not disturb them.
//!
//! After a change of a statement or of `schema.sql`, from this folder:
//!
//! ```text
//! sqlite3 /tmp/orders.db < schema.sql
//! rm .sqlx/*.json; touch tests/macros.rs
//! SQLX_OFFLINE=false DATABASE_URL=sqlite:/tmp/orders.db SQLX_OFFLINE_DIR=$PWD/.sqlx cargo check --tests
//! ```

/// The tables that the statements of the tests are about.
pub const SCHEMA: &str = include_str!("../schema.sql");
