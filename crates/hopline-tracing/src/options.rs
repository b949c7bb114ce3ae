//! Options of the layer. [`Builder`](crate::Builder) sets them; layer and events read them.
//!
//! They are fixed once the layer is built: a change at run time would have to be read for each span.

use hopline_core::Tracer;
use tracing_subscriber::filter::LevelFilter;

/// Data that the layer records besides names and fields, and the spans that may start a trace.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The tracer of roots; `None` for the installed one.
    pub(crate) tracer: Option<Tracer>,
    /// The levels of spans that may start a trace. None may by default: the edges start traces.
    pub(crate) roots: LevelFilter,
    /// Events are recorded on their span.
    pub(crate) events: bool,
    /// An event at ERROR marks its span as failed.
    pub(crate) errors_fail: bool,
    /// File, line and module of the callsite are recorded.
    pub(crate) location: bool,
    /// The name of the thread that created the span is recorded.
    pub(crate) threads: bool,
    /// The time in which the span was entered, and in which it was not, is recorded.
    pub(crate) timings: bool,
    /// The target is recorded.
    pub(crate) target: bool,
    /// The level is recorded.
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
