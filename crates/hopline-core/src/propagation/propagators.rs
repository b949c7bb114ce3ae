//! Propagators: the headers that this process reads and writes.
//! Set once at the start by the facade; read by `carrier` and by the injection of a context.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use crate::notice::line::notify;

/// The W3C headers that are read and sent: `traceparent` with `tracestate`, and `baggage`. Defaults to both.
///
/// They are set for the process and not for a tracer, because headers are forwarded without a tracer too.
///
/// # Examples
///
/// ```
/// use hopline_core::propagation::Propagators;
///
/// let chosen = Propagators::from_variables(|_| Some("tracecontext".to_owned()));
/// assert!(chosen.trace_context && !chosen.baggage);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a choice for each header, made as a whole"
)]
pub struct Propagators {
    /// True to read and send `traceparent` and `tracestate`.
    pub trace_context: bool,
    /// True to read and send `baggage`.
    pub baggage: bool,
}

const TRACE_CONTEXT: u8 = 1;
const BAGGAGE: u8 = 2;

// Read with each request in and out, written once at the start; it guards nothing, so no ordering is needed.
static CHOSEN: AtomicU8 = AtomicU8::new(TRACE_CONTEXT | BAGGAGE);

impl Propagators {
    /// Reads `OTEL_PROPAGATORS`: a comma-separated list of `tracecontext` and `baggage`, or `none`.
    ///
    /// Other names are reported by a notice and ignored. A list without a known name selects both. `variable` looks a
    /// variable up; an empty value counts as unset.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::propagation::Propagators;
    ///
    /// let none = Propagators::from_variables(|_| Some("none".to_owned()));
    /// assert!(!none.trace_context && !none.baggage);
    /// let unset = Propagators::from_variables(|_| None);
    /// assert!(unset.trace_context && unset.baggage);
    /// ```
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let list = variable("OTEL_PROPAGATORS").unwrap_or_default();
        let mut chosen = Self::NONE;
        let (mut none, mut unknown) = (false, Vec::new());
        for name in list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            match name.to_ascii_lowercase().as_str() {
                "tracecontext" => chosen.trace_context = true,
                "baggage" => chosen.baggage = true,
                "none" => none = true,
                _ => unknown.push(name),
            }
        }
        if !unknown.is_empty() {
            let unknown = unknown.join(", ");
            notify("propagators", || {
                format!(
                    "OTEL_PROPAGATORS names {unknown}, which is ignored; use tracecontext, baggage or none"
                )
            });
        }
        if chosen == Self::NONE && !none {
            return Self::ALL;
        }
        chosen
    }

    /// Applies it to this process: contexts extracted and injected from now on use these headers only.
    ///
    /// The facade calls it once at the start. A later call takes effect at once, also for open requests.
    ///
    /// # Examples
    ///
    /// ```standalone_crate
    /// use std::collections::HashMap;
    /// use hopline_core::Incoming;
    /// use hopline_core::propagation::Propagators;
    ///
    /// Propagators { trace_context: true, baggage: false }.install();
    /// let headers = HashMap::from([("baggage".to_owned(), "tenant_id=acme".to_owned())]);
    /// assert!(Incoming::extract(&headers).baggage.is_empty());
    /// ```
    pub fn install(self) {
        let bit = |on: bool, bit| if on { bit } else { 0 };
        CHOSEN.store(
            bit(self.trace_context, TRACE_CONTEXT) | bit(self.baggage, BAGGAGE),
            Relaxed,
        );
    }

    /// The propagators of the process.
    #[inline]
    pub(crate) fn chosen() -> Self {
        let bits = CHOSEN.load(Relaxed);
        Self {
            trace_context: bits & TRACE_CONTEXT != 0,
            baggage: bits & BAGGAGE != 0,
        }
    }

    const ALL: Self = Self {
        trace_context: true,
        baggage: true,
    };
    const NONE: Self = Self {
        trace_context: false,
        baggage: false,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read_as_documented() {
        let read = |list: &str| {
            let Propagators {
                trace_context,
                baggage,
            } = Propagators::from_variables(|_| Some(list.to_owned()));
            (trace_context, baggage)
        };
        for (list, expected) in [
            ("", (true, true)),
            ("baggage, tracecontext,baggage", (true, true)),
            ("TraceContext", (true, false)),
            ("NONE", (false, false)),
            ("tracecontext", (true, false)),
            ("baggage,b3", (false, true)),
            ("b3", (true, true)),
            ("none", (false, false)),
            ("TraceContext", (true, false)),
        ] {
            assert_eq!(read(list), expected, "{list:?}");
        }
    }
}
