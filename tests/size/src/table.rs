//! The table of `deploy/SIZING.md`.

use std::fmt::Write as _;

use crate::Result;
use crate::args::Input;
use crate::estimate::{Estimate, bytes, count, time};
use crate::measure::Measured;
use crate::traffic::traffic;

/// Requests a second, and the processes at which they arrive.
const LOADS: [(f64, u32); 4] = [(100.0, 1), (1_000.0, 4), (10_000.0, 20), (100_000.0, 100)];

/// From everything to a budget.
const PLANS: [&str; 3] = [
    "* 100%",
    "* 10%; keep errors; keep slower 1s",
    "* 100%; budget 10/s; keep errors 2/s; keep slower 1s 2/s",
];

/// The rows, for requests of ten spans.
///
/// # Errors
///
/// Never, since the loads are possible; the signature is that of [`traffic`].
pub fn table(measured: Measured) -> Result<String> {
    let mut text = String::from(
        "| requests/s | processes | plan | traces/s | spans/s | wire, gzip | a day, plain | queue full after | first tier | second tier |\n\
         |--:|--:|---|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for (requests, processes) in LOADS {
        for plan in PLANS {
            let mut input = Input::new(requests, 10.0, plan.parse()?);
            input.processes = processes;
            let cost = Estimate::new(&input, measured, traffic(&input.plan, input.load())?);
            writeln!(
                text,
                "| {} | {processes} | `{plan}` | {} | {} | {}/s | {} | {} | {} × {} | {} × {} |",
                count(requests),
                count(cost.traffic.sampled + cost.traffic.kept),
                count(cost.spans),
                bytes(cost.gzip),
                bytes(cost.day()),
                time(cost.queue_lasts),
                cost.route.instances,
                bytes(cost.route.memory),
                cost.sample.instances,
                bytes(cost.sample.memory),
            )?;
        }
    }
    Ok(text)
}
