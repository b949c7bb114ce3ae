//! Values that are read at each collection: the size of a pool, a total that another library keeps.

use std::fmt;

use crate::attribute::value::Attr;
use crate::meter::instrument::Instrument;

/// Reports the present values of one object at each collection; returns false once the object is gone.
///
/// Passed to [`Meter::observe`](crate::metrics::Meter::observe).
pub type Observe = Box<dyn FnMut(&mut Observer<'_>) -> bool + Send>;

/// Receives the values of one collection.
///
/// # Examples
///
/// ```
/// use hopline_core::Attr;
/// use hopline_core::metrics::{Instrument, Observer};
///
/// static FREE: Instrument = Instrument::gauge("shop.lockers.free", "{locker}");
///
/// let mut values = Vec::new();
/// let mut take = |instrument: &Instrument, value: f64, _: &[Attr<'_>]| values.push((instrument.name(), value));
/// Observer::new(&mut take).value(&FREE, 12.0, &[]);
/// assert_eq!(values, [("shop.lockers.free", 12.0)]);
/// ```
pub struct Observer<'a> {
    take: &'a mut dyn FnMut(&Instrument, f64, &[Attr<'_>]),
}

impl<'a> Observer<'a> {
    /// An observer that passes each value to `take`. For implementations of [`Meter`](crate::metrics::Meter).
    pub fn new(take: &'a mut dyn FnMut(&Instrument, f64, &[Attr<'_>])) -> Self {
        Self { take }
    }

    /// Reports the present value of an instrument: of a counter its total, of a gauge its value.
    ///
    /// A histogram cannot be observed.
    pub fn value(&mut self, instrument: &Instrument, value: f64, attributes: &[Attr<'_>]) {
        (self.take)(instrument, value, attributes);
    }
}

impl fmt::Debug for Observer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").finish_non_exhaustive()
    }
}
