//! Instrumentation scopes: the libraries that record spans.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Once, OnceLock};

use crate::notice::line::notify;

/// A library that records spans, and its version: OpenTelemetry's instrumentation scope.
///
/// A crate that starts spans has one in a `static`, and passes it to [`SpanBuilder::scope`](crate::SpanBuilder::scope), so
/// that receivers know the library. Spans without one, such as those of [`span`](crate::span()), have the scope `hopline`
/// in the version of this crate.
///
/// # Limits
///
/// A process has up to 255 scopes; equal name and version are one scope. Spans of scopes beyond these are reported as
/// `hopline`; a notice is given once.
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
/// lookup();
/// assert_eq!(SCOPE.name(), env!("CARGO_PKG_NAME"));
/// ```
#[derive(Debug)]
pub struct InstrumentationScope {
    name: &'static str,
    version: &'static str,
    /// Its place among the registered scopes, from 1; 0 before it is registered.
    number: AtomicU16,
}

/// The scope of spans without another.
static HOPLINE: InstrumentationScope =
    InstrumentationScope::new("hopline", env!("CARGO_PKG_VERSION"));

/// The most scopes: a record has one byte for them, in which 0 is `hopline`.
const MOST: usize = u8::MAX as usize;

/// The number of a scope without a place; as a byte it is 0.
const TOO_MANY: u16 = 1 << 8;

// Written once for each scope and read without a lock; scopes are statics, so there are a handful.
static KNOWN: [OnceLock<&InstrumentationScope>; MOST] = [const { OnceLock::new() }; MOST];

impl InstrumentationScope {
    /// The scope of a library with this name and version, usually `env!("CARGO_PKG_NAME")` and `env!("CARGO_PKG_VERSION")`.
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

    /// Its number in records; registers it at its first use.
    #[inline]
    pub(crate) fn number(&'static self) -> u8 {
        match self.number.load(Ordering::Acquire) {
            0 => self.register(),
            number => number as u8,
        }
    }

    /// The scope of this number.
    #[inline]
    pub(crate) fn from_number(number: u8) -> &'static Self {
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
            self.report_too_many();
        }
        number as u8
    }

    fn is(&self, other: &Self) -> bool {
        (self.name, self.version) == (other.name, other.version)
    }

    fn report_too_many(&self) {
        static REPORTED: Once = Once::new();
        REPORTED.call_once(|| {
            notify("scopes", || {
                format!(
                    "more than {MOST} instrumentation scopes: spans of {} {} and of later scopes are reported under the scope \
                     hopline; give each library one scope",
                    self.name, self.version
                )
            });
        });
    }
}
