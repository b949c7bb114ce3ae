//! A client of another version of reqwest, or of no version at all.
//! error: `Client` has no `.traced()`: it is no type, or of no version, that hopline wraps
//! error: hopline-reqwest wraps the `Client` of reqwest 0.13; `cargo tree -d` shows whether another version is in the tree as well

use hopline::reqwest::ClientExt;

struct Client;

fn main() {
    Client.traced();
}
