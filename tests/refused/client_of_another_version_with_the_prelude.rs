//! The same where several traits have a `.traced()`: the compiler then prints the names of what is missing alone.
//! error: `Client` doesn't implement `ClientOfReqwest013`

use hopline::prelude::*;

struct Client;

fn main() {
    Client.traced();
}
