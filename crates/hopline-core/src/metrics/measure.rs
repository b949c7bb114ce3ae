//! Measurements of applications, reported to the meter of the current tracer.

use crate::attribute::value::Attr;
use crate::engine::metered::any;
use crate::meter::instrument::Instrument;
use crate::meter::receiver::Exemplar;
use crate::span::context::Context;
use crate::span::tracer::Tracer;

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

/// The current span as an exemplar, if its trace is certain to be kept; for bridges from other metrics libraries.
#[inline]
pub fn exemplar() -> Option<Exemplar> {
    any().then(|| Context::current().exemplar())?
}

#[cold]
fn record_there(instrument: &Instrument, value: f64, attributes: &[Attr<'_>]) {
    let context = Context::current();
    if let Some(tracer) = Tracer::metered_in(&context).filter(|_| !context.is_muted()) {
        tracer.report(instrument, value, attributes, context.exemplar());
    }
}
