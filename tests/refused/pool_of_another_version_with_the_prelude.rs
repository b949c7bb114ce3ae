//! The same with several traits with a `.traced()` in scope, by the prelude: the compiler prints the name of the bound.
//! error: `Pool` doesn't implement
//! error: `Pool: PoolOfSqlx09`

use hopline::prelude::*;

struct Pool;

fn main() {
    Pool.traced();
}
