//! The program of the guide's first page, on a free port.

#![expect(
    clippy::print_stdout,
    reason = "it prints its address, as the page does"
)]

include!(concat!(env!("OUT_DIR"), "/hello.rs"));
