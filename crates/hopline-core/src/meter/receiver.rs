//! The meter: receives the measurements of edges and applications. `hopline-metrics` implements it.

use crate::attribute::value::Attr;
use crate::meter::instrument::Instrument;
use crate::meter::observer::Observe;
use crate::propagation::id::{SpanId, TraceId};

/// Receives measurements.
///
/// [`TracerBuilder::meter`](crate::TracerBuilder::meter) sets one. `hopline-metrics` has an implementation with bounded
/// aggregation; implement it to pass measurements to another library.
///
/// [`record`](Meter::record) is called on the thread that serves a request, once for each request: it must not
/// block. A panic in it is contained and counted in [`Stats::panics`](crate::Stats).
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use hopline_core::metrics::{Exemplar, Instrument, Meter};
/// use hopline_core::{Attr, Tracer};
///
/// #[derive(Default)]
/// struct Count(AtomicU64);
///
/// impl Meter for &'static Count {
///     fn record(&self, _: &Instrument, _: f64, _: &[Attr<'_>], _: Option<Exemplar>) {
///         self.0.fetch_add(1, Ordering::Relaxed);
///     }
/// }
///
/// static COUNT: Count = Count(AtomicU64::new(0));
/// static CARTS: Instrument = Instrument::counter("shop.carts", "{cart}");
///
/// let tracer = Tracer::builder().meter(&COUNT).build();
/// tracer.measure(&CARTS, 1.0, &[]);
/// assert_eq!(COUNT.0.load(Ordering::Relaxed), 1);
/// ```
pub trait Meter: Send + Sync + 'static {
    /// Takes one measurement.
    ///
    /// `exemplar` is present if the trace in which it was made is certain to be kept.
    fn record(
        &self,
        instrument: &Instrument,
        value: f64,
        attributes: &[Attr<'_>],
        exemplar: Option<Exemplar>,
    );

    /// Takes a closure that is to be called at each collection, until it returns false.
    ///
    /// Defaults to dropping it: a meter without collections has no use for it. An implementation bounds the number of
    /// closures, contains their panics, and drops one that returned false.
    fn observe(&self, observe: Observe) {
        drop(observe);
    }
}

/// The span in which a measurement was made, of a trace that is certain to be kept.
#[expect(
    clippy::exhaustive_structs,
    reason = "OpenMetrics and OTLP identify an exemplar's span by these two"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exemplar {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
}
