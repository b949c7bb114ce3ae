//! `hopline assert`: assertions on the traces of a file.

use hopline_analysis::{TreeOptions, traces};
use hopline_core::text::shown;

use crate::args::AssertOptions;
use crate::assertion::Outcome;
use crate::draw::{self, Mark};
use crate::{Result, input};

/// Characters of a reason.
const REASON: usize = 500;

/// False if an assertion does not hold.
pub(crate) fn run(options: &AssertOptions) -> Result<bool> {
    let spans = input::decoded(&options.file)?.spans;
    let traces = traces(&spans);
    let mut all_hold = true;
    for assertion in &options.assertions {
        match assertion.check(&traces) {
            Outcome::Holds(count) => {
                draw::line(Mark::Good, &format!("ok    {assertion} ({count} spans)"))?
            }
            Outcome::NoSubject => {
                all_hold = false;
                draw::line(Mark::Bad, &format!("fail  {assertion}"))?;
                draw::line(
                    Mark::Plain,
                    &format!("      no span matches, in {} traces", traces.len()),
                )?;
            }
            Outcome::Fails(at, reason) => {
                all_hold = false;
                draw::line(Mark::Bad, &format!("fail  {assertion}"))?;
                draw::line(Mark::Plain, &format!("      {}", shown(reason, REASON)))?;
                for line in traces[at].tree(&TreeOptions::default()).lines() {
                    draw::line(Mark::Plain, &format!("      {line}"))?;
                }
            }
        }
    }
    Ok(all_hold)
}
