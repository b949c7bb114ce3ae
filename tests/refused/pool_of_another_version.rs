//! A pool of another version of sqlx, or of no version at all.
//! error: `Pool` has no `.traced()`: it is no type, or of no version, that hopline wraps
//! error: hopline-sqlx wraps the `Pool` and `PoolOptions` of sqlx 0.9; `cargo tree -d -i sqlx-core` shows whether another version is in the tree as well

use hopline::sqlx::PoolExt;

struct Pool;

fn main() {
    Pool.traced();
}
