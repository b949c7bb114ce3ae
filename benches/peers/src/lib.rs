//! The cost of hopline beside other tracing crates: the same operations, one process for each, in alternation.
//!
//! `cargo xtask bench` runs it; the README of `benches/` explains its columns.

mod bridge;
mod brokers;
mod clients;
mod databases;
mod encoding;
mod fast;
mod grid;
mod late;
mod memory;
mod metrics;
mod names;
mod options;
mod otel;
mod ours;
mod postgres;
mod process;
mod results;
mod sdk;
mod table;
mod targets;
mod threads;
mod time;

use hopline_gate::Case;

pub use memory::resident_per_span;
pub use options::{HELP, Options};
pub use process::{ALLOCATIONS, MEMORY, TIME, measure_all};
pub use results::Results;
pub use table::print as print_table;
pub use targets::print as print_targets;
pub use time::time;

/// The result of the programs of this package; the error is for the person at the terminal.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// All cases, those that are compared beside each other.
pub fn cases() -> Vec<Case> {
    let mut cases = ours::cases();
    cases.extend(otel::cases());
    cases.extend(bridge::cases());
    cases.extend(fast::cases());
    cases.extend(metrics::cases());
    cases.extend(clients::cases());
    cases.extend(databases::cases());
    cases.extend(postgres::cases());
    cases.extend(brokers::cases());
    cases.extend(encoding::cases());
    // the sort is stable: within a group ours comes first
    let groups = names::groups(&cases);
    cases.sort_by_key(|case| {
        groups
            .iter()
            .position(|group| *group == names::group(case.name()))
    });
    cases
}

/// The case of this name.
///
/// # Errors
///
/// If there is none.
pub fn case(name: &str) -> Result<Case> {
    let found = cases().into_iter().find(|case| case.name() == name);
    found.ok_or_else(|| format!("there is no case `{name}`").into())
}
