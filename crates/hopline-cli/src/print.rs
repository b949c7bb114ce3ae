//! `hopline print` and `hopline check`: files as trees, and their self-check.

use hopline_analysis::{Expectations, self_check};

use crate::args::{CheckOptions, PrintOptions};
use crate::draw::{self, Mark};
use crate::{Result, input};

pub(crate) fn run(options: &PrintOptions) -> Result<bool> {
    for spans in input::matching(&options.files, &options.query)? {
        draw::trees(&spans, &options.drawing)?;
    }
    Ok(true)
}

pub(crate) fn check(options: &CheckOptions) -> Result<bool> {
    let mut expected = Expectations::new()
        .max_spans(options.max_spans)
        .max_repeats(options.max_repeats);
    if let Some(count) = options.traces {
        expected = expected.requests(count);
    }
    for key in &options.attributes {
        expected = expected.attribute(key);
    }
    let report = self_check(&input::spans(&options.files)?, &expected);
    for line in report.to_string().lines() {
        draw::line(Mark::Plain, line)?;
    }
    Ok(report.is_ok())
}
