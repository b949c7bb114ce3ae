//! Instruments: the name, unit, kind and buckets of a measurement. Edges and applications declare them as statics.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use parking_lot::Mutex;

/// A measured quantity: its name, unit, kind and, for a histogram, its bucket bounds.
///
/// Declare it as a `static`: its number is looked up once for each value of this type.
///
/// # Examples
///
/// ```
/// use hopline_core::metrics::{Instrument, InstrumentKind};
///
/// static CARTS: Instrument = Instrument::counter("shop.carts", "{cart}").description("Carts that were opened.");
/// assert_eq!((CARTS.name(), CARTS.kind()), ("shop.carts", InstrumentKind::Counter));
/// assert_eq!(CARTS.number(), Instrument::counter("shop.carts", "{cart}").number());
/// ```
#[derive(Debug)]
pub struct Instrument {
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    kind: InstrumentKind,
    buckets: &'static [f64],
    /// From 1; 0 before the first use. Every thread writes the same value, so no ordering is needed.
    number: AtomicU32,
}

/// The aggregation of the values of an instrument.
#[expect(
    clippy::exhaustive_enums,
    reason = "an aggregation handles each kind, and OpenTelemetry has no other synchronous one"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InstrumentKind {
    /// A sum of increments that are not negative.
    Counter,
    /// A sum of increments that may be negative, such as open requests.
    UpDownCounter,
    /// The last value.
    Gauge,
    /// A distribution over buckets.
    Histogram,
}

/// Bounds in seconds that the semantic conventions advise for the duration of requests.
const SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Names with their kinds; the place of one is its number less one. Locked once for each `Instrument`, and bounded
/// by the instruments that the program declares.
static NUMBERS: Mutex<Vec<(&'static str, InstrumentKind)>> = Mutex::new(Vec::new());

impl Instrument {
    /// A counter of this name, in a unit of [UCUM](https://ucum.org) such as `{request}` or `By`.
    pub const fn counter(name: &'static str, unit: &'static str) -> Self {
        Self::new(name, unit, InstrumentKind::Counter)
    }

    /// A sum that may fall, such as the number of open requests.
    pub const fn up_down_counter(name: &'static str, unit: &'static str) -> Self {
        Self::new(name, unit, InstrumentKind::UpDownCounter)
    }

    /// A value that is replaced, such as a temperature or a limit.
    pub const fn gauge(name: &'static str, unit: &'static str) -> Self {
        Self::new(name, unit, InstrumentKind::Gauge)
    }

    /// A distribution. Its bounds default to 5 ms … 10 s, which suit durations in seconds.
    pub const fn histogram(name: &'static str, unit: &'static str) -> Self {
        Self::new(name, unit, InstrumentKind::Histogram)
    }

    const fn new(name: &'static str, unit: &'static str, kind: InstrumentKind) -> Self {
        Self {
            name,
            unit,
            description: "",
            kind,
            buckets: SECONDS,
            number: AtomicU32::new(0),
        }
    }

    /// Sets the help text.
    #[must_use]
    pub const fn description(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// Sets the upper bounds of a histogram's buckets, in ascending order. The last bucket has no bound.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::metrics::Instrument;
    ///
    /// static SIZES: Instrument = Instrument::histogram("shop.upload.size", "By").buckets(&[1e3, 1e6]);
    /// assert_eq!(SIZES.bounds().len(), 2);
    /// ```
    #[must_use]
    pub const fn buckets(mut self, bounds: &'static [f64]) -> Self {
        self.buckets = bounds;
        self
    }

    /// The name, with dots: `http.server.request.duration`.
    #[inline]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The unit.
    pub const fn unit(&self) -> &'static str {
        self.unit
    }

    /// The help text; empty by default.
    pub const fn help(&self) -> &'static str {
        self.description
    }

    /// The kind.
    #[inline]
    pub const fn kind(&self) -> InstrumentKind {
        self.kind
    }

    /// The upper bounds of its buckets.
    pub const fn bounds(&self) -> &'static [f64] {
        self.buckets
    }

    /// A small number, from 1 on, of this name and kind in this process: an index for implementations of aggregation.
    #[inline]
    pub fn number(&self) -> u32 {
        match self.number.load(Relaxed) {
            0 => self.look_up(),
            number => number,
        }
    }

    #[cold]
    fn look_up(&self) -> u32 {
        let mut numbers = NUMBERS.lock();
        let same = |known: &(&str, InstrumentKind)| *known == (self.name, self.kind);
        let at = numbers.iter().position(same).unwrap_or_else(|| {
            numbers.push((self.name, self.kind));
            numbers.len() - 1
        });
        let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
        self.number.store(number, Relaxed);
        number
    }
}
