//! The bounds of a viewer.
//! The application sets them; the store enforces them at each insertion, and `/api/info` shows them.

use serde::Serialize;

/// Bounds of a viewer's store.
///
/// # Examples
///
/// ```
/// use hopline_view::{View, ViewLimits};
///
/// let view = View::with_limits(ViewLimits::default().bytes(8 << 20).traces(200));
/// assert_eq!(view.counts().traces, 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ViewLimits {
    pub(crate) bytes: usize,
    pub(crate) traces: usize,
    pub(crate) spans_per_trace: usize,
    pub(crate) value_bytes: usize,
    red_minutes: u32,
}

impl ViewLimits {
    /// Bytes of all traces together, shared text counted once. Defaults to 64 MiB.
    #[must_use]
    pub fn bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    /// Number of traces. Defaults to 2,000.
    #[must_use]
    pub fn traces(self, traces: usize) -> Self {
        Self { traces, ..self }
    }

    /// Spans of one trace; those that come later are counted and not kept. Defaults to 50,000.
    #[must_use]
    pub fn spans_per_trace(self, spans: usize) -> Self {
        Self {
            spans_per_trace: spans,
            ..self
        }
    }
}

impl Default for ViewLimits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            traces: 2_000,
            spans_per_trace: 50_000,
            value_bytes: 16 << 10,
            red_minutes: 15,
        }
    }
}
