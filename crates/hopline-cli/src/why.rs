//! `hopline why`: slow traces against typical ones.
//! `main` calls it. `hopline_analysis::why` compares the operations; this file selects the traces and prints the result.

use hopline_analysis::why::by_root;
use hopline_core::text::shown;

use crate::args::WhyOptions;
use crate::draw::{self, Mark};
use crate::{Result, input};

/// Traces of one root operation that make a comparison.
///
/// With fewer, there is nothing typical to compare a slow trace with.
const ENOUGH: usize = 4;

/// Characters of a name.
const NAME: usize = 200;

/// Compares, for each root operation, its slow traces with its typical ones, and prints the operations that make the
/// difference: the first `--count` of each root.
///
/// For a root with too few traces, a line gives their number, and without any trace there is a remark: no output would look
/// like an answer.
///
/// # Errors
///
/// Returns an error if a file cannot be read or standard output cannot be written.
pub(crate) fn run(options: &WhyOptions) -> Result<bool> {
    let spans: Vec<_> = input::matching(&options.files, &options.query)?
        .into_iter()
        .flatten()
        .collect();
    let (compared, few): (Vec<_>, Vec<_>) = by_root(&spans)
        .into_iter()
        .partition(|why| why.traces >= ENOUGH);
    for mut why in compared {
        why.operations.truncate(options.count);
        for line in why.to_string().lines() {
            draw::line(Mark::Plain, line)?;
        }
        draw::line(Mark::Plain, "")?;
    }
    if spans.is_empty() {
        draw::note_line("no trace matches")?;
    }
    for why in few {
        let (service, name) = &why.root;
        let text = format!(
            "{} ▸ {}: {} of the {ENOUGH} traces that a comparison needs",
            shown(name, NAME),
            shown(service, NAME),
            why.traces
        );
        draw::line(Mark::Note, &text)?;
    }
    Ok(true)
}
