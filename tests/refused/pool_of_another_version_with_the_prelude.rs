//! The same where the prelude brings several traits with a `.traced()`: the compiler prints the names of what they are for.
//! error: `Pool` doesn't implement
//! error: `Pool: PoolOfSqlx09`

use hopline::prelude::*;

struct Pool;

fn main() {
    Pool.traced();
}
