//! A pool of another version of sqlx, or another type.
//! error: `Pool` has no `.traced()`: hopline does not wrap this type, or this version of it
//! error: hopline-sqlx wraps the `Pool` and `PoolOptions` of sqlx 0.9; `cargo tree -d -i sqlx-core` shows whether the tree contains another version

use hopline::sqlx::PoolExt;

struct Pool;

fn main() {
    Pool.traced();
}
