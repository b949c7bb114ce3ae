//! Times one operation for its edge, and reports its duration to the tracer's meter.

use std::time::Duration;

use crate::attribute::value::Attr;
use crate::engine::metered::any;
use crate::meter::instrument::Instrument;
use crate::meter::receiver::Exemplar;
use crate::span::context::Context;
use crate::span::handle::Span;
use crate::span::tracer::Tracer;
use crate::time::tick::Tick;

/// Measures an operation of an edge from its start to its end. Empty, and free, without a meter.
///
/// An edge starts one beside its span, and ends both together with [`stop`](Timer::stop): what is reported is then
/// exactly the duration of the span. Dropping a timer reports nothing.
///
/// # Examples
///
/// ```
/// use hopline_core::metrics::{Instrument, Timer};
/// use hopline_core::{attr, span};
///
/// static LOOKUPS: Instrument = Instrument::histogram("cache.lookup.duration", "s");
///
/// let lookup = span("cache.lookup");
/// let timer = Timer::start(None, &lookup);
/// assert!(!timer.is_running(), "there is no tracer, so no meter");
/// timer.stop(lookup, |report| report.value(&LOOKUPS, report.seconds(), &[attr("cache.hit", true)]));
/// ```
#[derive(Debug, Default)]
#[must_use = "a timer that is dropped reports nothing"]
pub struct Timer(Option<Running>);

#[derive(Debug)]
struct Running {
    tracer: Tracer,
    start: Tick,
}

/// An operation that has ended, for the closure that reports its values. The closure of [`Timer::stop`] reports its values.
#[derive(Debug)]
pub struct Report<'a> {
    tracer: &'a Tracer,
    duration: Duration,
    exemplar: Option<Exemplar>,
}

impl Timer {
    /// A timer that does not run, for operations that must not be measured.
    pub const STOPPED: Self = Self(None);

    /// Starts if there is a meter: that of `tracer`, else that of the span's tracer, else that of the installed one.
    ///
    /// Does not start in a [muted](Context::muted) context, nor in the context of a tracer without a meter.
    #[inline]
    pub fn start(tracer: Option<&Tracer>, span: &Span) -> Self {
        if any() {
            Self::begin(tracer, span.context_ref())
        } else {
            Self::STOPPED
        }
    }

    #[cold]
    fn begin(tracer: Option<&Tracer>, context: &Context) -> Self {
        if context.is_muted() {
            return Self::STOPPED;
        }
        let tracer = tracer.cloned().or_else(|| Tracer::metered_in(context));
        Self(tracer.filter(Tracer::has_meter).map(|tracer| Running {
            start: tracer.shared().clock.now(),
            tracer,
        }))
    }

    /// True if it runs. An edge collects attributes for metrics only then, so that services without a meter pay nothing.
    #[inline]
    pub fn is_running(&self) -> bool {
        self.0.is_some()
    }

    /// The tracer whose meter takes the values; none if it does not run. For values that are known earlier or later than the end
    /// of the span, such as the size of a body.
    #[inline]
    pub fn tracer(&self) -> Option<&Tracer> {
        self.0.as_ref().map(|running| &running.tracer)
    }

    /// Ends the span, and then calls `report` if the timer runs.
    ///
    /// The duration is that of the span if it is recorded, and that of the timer otherwise.
    #[inline]
    pub fn stop(self, span: Span, report: impl FnOnce(&Report<'_>)) {
        self.stop_with(span, || [], report);
    }

    /// Ends the span with its last attributes, and then calls `report` if the timer runs.
    ///
    /// `attrs` runs only if the span is recorded, and `report` regardless of that: metrics count every operation.
    #[inline]
    pub fn stop_with<'v, A: AsRef<[Attr<'v>]>>(
        self,
        span: Span,
        attrs: impl FnOnce() -> A,
        report: impl FnOnce(&Report<'_>),
    ) {
        match self.0 {
            None => span.end_with(attrs),
            Some(running) => running.stop(span, attrs, report),
        }
    }
}

impl Running {
    fn stop<'v, A: AsRef<[Attr<'v>]>>(
        self,
        mut span: Span,
        attrs: impl FnOnce() -> A,
        report: impl FnOnce(&Report<'_>),
    ) {
        span.set_all(attrs);
        let recorded = span.close();
        let timed = || self.start.until(self.tracer.shared().clock.now());
        report(&Report {
            duration: recorded.unwrap_or_else(timed),
            exemplar: span.context_ref().exemplar(),
            tracer: &self.tracer,
        });
    }
}

impl Report<'_> {
    /// The duration of the operation, the same as that of its span.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// The duration in seconds, the unit of durations in the
    /// [semantic conventions](https://opentelemetry.io/docs/specs/semconv/general/metrics/#instrument-units).
    pub fn seconds(&self) -> f64 {
        self.duration.as_secs_f64()
    }

    /// Reports a value of the operation, with the span as exemplar if its trace is certain to be kept.
    pub fn value(&self, instrument: &Instrument, value: f64, attributes: &[Attr<'_>]) {
        self.tracer
            .report(instrument, value, attributes, self.exemplar);
    }
}
