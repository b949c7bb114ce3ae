//! Who records spans.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Once, OnceLock};

use crate::notice::line::notify;

/// A library that records spans, and its version: OpenTelemetry's instrumentation scope.
///
/// A crate that starts spans keeps one in a `static` and gives it to
/// [`SpanBuilder::scope`](crate::SpanBuilder::scope), so that whoever receives its spans can tell who made them. Spans
/// without one, as those of [`span`](crate::span()), are of the scope `hopline`, in this crate's version.
///
/// # Limits
///
/// A process tells 255 scopes apart, those of the same name and version being one. Spans of later ones are of the
/// scope `hopline`, and that is said once.
///
/// # Examples
///
/// ```
/// use hopline_core::{InstrumentationScope, SpanBuilder};
///
/// static SCOPE: InstrumentationScope = InstrumentationScope::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
///
/// fn lookup() {
///     let _span = SpanBuilder::new("cache.lookup").scope(&SCOPE).start();
/// }
/// ```
#[derive(Debug)]
pub struct InstrumentationScope {
    name: &'static str,
    version: &'static str,
    /// Its place among the known ones, counted from 1; zero before it is known.
    number: AtomicU16,
}

/// Of spans that are of no other.
static HOPLINE: InstrumentationScope =
    InstrumentationScope::new("hopline", env!("CARGO_PKG_VERSION"));

/// So many fit into a record's byte, of which zero is `hopline`.
const MOST: usize = u8::MAX as usize;

/// What a scope is for which there was no place; as a byte it is zero.
const TOO_MANY: u16 = 1 << 8;

// Written once for each scope and read without a lock; scopes are statics, so there are a handful.
static KNOWN: [OnceLock<&InstrumentationScope>; MOST] = [const { OnceLock::new() }; MOST];

impl InstrumentationScope {
    /// A library of this name and version.
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        Self {
            name,
            version,
            number: AtomicU16::new(0),
        }
    }

    /// The library's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The library's version.
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// What a record says of it.
    #[inline]
    pub(crate) fn number(&'static self) -> u8 {
        match self.number.load(Ordering::Acquire) {
            0 => self.register(),
            number => number as u8,
        }
    }

    /// The scope of this number.
    #[inline]
    pub(crate) fn of_number(number: u8) -> &'static Self {
        let place = usize::from(number).checked_sub(1);
        let known = place.and_then(|place| KNOWN.get(place)?.get());
        known.copied().unwrap_or(&HOPLINE)
    }

    #[cold]
    fn register(&'static self) -> u8 {
        let place = KNOWN
            .iter()
            .position(|place| place.get_or_init(|| self).is(self));
        let number = place.map_or(TOO_MANY, |place| place as u16 + 1);
        self.number.store(number, Ordering::Release);
        if place.is_none() {
            self.say_too_many();
        }
        number as u8
    }

    fn is(&self, other: &Self) -> bool {
        (self.name, self.version) == (other.name, other.version)
    }

    fn say_too_many(&self) {
        static SAID: Once = Once::new();
        SAID.call_once(|| {
            notify("scopes", || {
                format!(
                    "there are more than {MOST} scopes: spans of {} {} and of later ones are told to be of hopline",
                    self.name, self.version
                )
            });
        });
    }
}
