//! `hopline assert`: assertions on the traces of a file.
//! `main` calls it; `assertion` has the language. A pipeline of continuous integration reads the exit status.

use std::collections::BTreeSet;

use hopline_analysis::describe::label;
use hopline_analysis::{Trace, TreeOptions, traces};
use hopline_core::text::shown;

use crate::args::AssertOptions;
use crate::assertion::Outcome;
use crate::draw::{self, Mark};
use crate::{Result, input};

/// Characters of a reason.
///
/// A reason quotes attribute values of the file, which may be long.
const REASON: usize = 500;

/// Prints `ok` or `fail` for each assertion, and after a failure the reason and the tree of the trace.
///
/// An assertion that matches no span fails: else a misspelt name would pass for ever. All assertions are checked, so that one
/// run shows each failure.
///
/// # Errors
///
/// Returns an error if the file cannot be read or standard output cannot be written.
pub(crate) fn run(options: &AssertOptions) -> Result<bool> {
    let spans = input::decoded(&options.file)?.spans;
    let traces = traces(&spans);
    let mut all_hold = true;
    for assertion in &options.assertions {
        match assertion.check(&traces) {
            Outcome::Holds(count) => {
                let spans = if count == 1 { "span" } else { "spans" };
                draw::line(Mark::Good, &format!("ok    {assertion} ({count} {spans})"))?
            }
            Outcome::NoSubject => {
                all_hold = false;
                draw::line(Mark::Bad, &format!("fail  {assertion}"))?;
                let there_are = match roots(&traces) {
                    roots if roots.is_empty() => "the file has no traces".to_owned(),
                    roots => format!("the traces begin with: {}", roots.join(", ")),
                };
                let text = format!("      no span matches; {there_are}");
                draw::line(Mark::Plain, &text)?;
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

/// The roots that there are, for a reader who has misspelt one: up to ten, each once, in alphabetical order.
fn roots(traces: &[Trace<'_>]) -> Vec<String> {
    const SHOWN: usize = 10;
    let roots = traces.iter().flat_map(Trace::roots);
    let names: BTreeSet<String> = roots
        .map(|root| {
            let (name, service) = (label(root), root.service());
            format!("{}@{}", shown(name, REASON), shown(service, REASON))
        })
        .collect();
    names.into_iter().take(SHOWN).collect()
}
