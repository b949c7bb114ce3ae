//! Options of the layer. [`Builder`](crate::Builder) sets them; layer and events read them.

use hopline_core::Tracer;
use tracing_subscriber::filter::LevelFilter;

/// Data that the layer records besides names and fields, and the spans that may start a trace.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) tracer: Option<Tracer>,
    pub(crate) roots: LevelFilter,
    pub(crate) events: bool,
    pub(crate) errors_fail: bool,
    pub(crate) location: bool,
    pub(crate) threads: bool,
    pub(crate) timings: bool,
    pub(crate) target: bool,
    pub(crate) level: bool,
}

impl Options {
    /// True if parts of a span's metadata are recorded.
    pub(crate) fn describe(&self) -> bool {
        self.location | self.threads | self.target | self.level
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tracer: None,
            roots: LevelFilter::OFF,
            events: true,
            errors_fail: true,
            location: false,
            threads: false,
            timings: false,
            target: false,
            level: false,
        }
    }
}
