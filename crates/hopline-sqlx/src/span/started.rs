//! A started statement: the result of the span factory, and the input of
//! [`StatementRecord`](super::StatementRecord).

use hopline_core::Span;

use crate::log::StatementLog;
use crate::span::measurement::Measurement;

/// A statement that is about to run.
pub(crate) struct StartedStatement {
    pub(crate) span: Span,
    /// Runs if there is a meter.
    pub(super) measurement: Measurement,
    /// The statement changes rows. Drivers report a number of affected rows for reads, too.
    pub(crate) writes: bool,
    /// The log event, if it may be written.
    pub(crate) log: Option<Box<StatementLog>>,
}

impl StartedStatement {
    /// Returns true if the statement is recorded, measured or logged.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.span.is_recording() || self.measurement.is_running() || self.log.is_some()
    }
}
