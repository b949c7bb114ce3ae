//! The hook for metrics: instruments, and the meter that a tracer reports measurements to.
//!
//! Edges report here when their span ends, whether it is recorded or not. Without a meter that costs one branch.
//! `hopline-metrics` aggregates and exports.

mod instrument;
mod meter;
mod registry;
mod timer;

pub use instrument::{Instrument, InstrumentKind};
pub use meter::{Exemplar, Meter};
pub use timer::{Report, Timer};

pub(crate) use registry::{any, register, registered};

use crate::{Attr, Context};

/// Reports a measurement to the meter of the current context's tracer, or of the installed one without a context.
///
/// Does nothing if that tracer has no meter.
///
/// # Examples
///
/// ```
/// use hopline_core::attr;
/// use hopline_core::metrics::{self, Instrument};
///
/// static CARTS: Instrument = Instrument::counter("shop.carts", "{cart}");
///
/// metrics::record(&CARTS, 1.0, &[attr("shop.tier", "gold")]);
/// ```
#[inline]
pub fn record(instrument: &Instrument, value: f64, attributes: &[Attr<'_>]) {
    if any() {
        record_there(instrument, value, attributes);
    }
}

#[cold]
fn record_there(instrument: &Instrument, value: f64, attributes: &[Attr<'_>]) {
    let context = Context::current();
    if let Some(tracer) = context.metered_tracer().filter(|_| !context.is_muted()) {
        tracer.report(instrument, value, attributes, context.exemplar());
    }
}
