//! A pool of a database whose feature is off: here that of `Any`.
//! error: hopline does not trace the database `sqlx::Any`
//! error: enable its feature: `sqlx-postgres`, `sqlx-mysql`, `sqlx-sqlite` or `sqlx-any` of hopline

use hopline::sqlx::{Acquire, Pool};

fn acquire(pool: &Pool<sqlx::Any>) {
    drop(Acquire::acquire(pool));
}

fn main() {
    drop(acquire);
}
