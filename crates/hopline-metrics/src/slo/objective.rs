//! An objective: which requests it covers, the part of them that has to be good, and the time over which it counts.

use std::fmt;
use std::time::Duration;

/// A service level objective of requests, made from text such as `SLO POST /checkout 99.9% < 500ms over 30d`.
///
/// A request is good if it has no server error and, where there is a limit, takes no longer than that. The method is
/// optional; the route is written as the router has it (`/orders/{id}`), and `*` covers all routes.
///
/// # Examples
///
/// ```
/// use hopline_metrics::slo::Slo;
///
/// let slo: Slo = "SLO POST /checkout 99.9% < 500ms over 30d".parse()?;
/// assert_eq!(slo.name(), "POST /checkout");
/// assert_eq!(slo.to_string(), "SLO POST /checkout 99.9% < 500ms over 30d");
/// assert!("SLO POST /checkout 100%".parse::<Slo>().is_err(), "it leaves no budget, and has no window");
/// # Ok::<(), hopline_metrics::slo::ParseSloError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slo {
    pub(crate) method: Option<Box<str>>,
    /// None for all routes.
    pub(crate) route: Option<Box<str>>,
    /// In ten thousandths of a percent.
    pub(crate) objective: u32,
    pub(crate) limit: Option<Duration>,
    pub(crate) window: Duration,
}

/// 100 % in the unit of [`Slo::objective`].
pub(crate) const WHOLE: u32 = 1_000_000;

/// Units of durations in milliseconds, ascending.
///
/// Printing takes the largest one that divides the duration, so that `1000ms` prints as `1s`.
pub(crate) const UNITS: [(&str, u128); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

impl Slo {
    /// The requests it covers: `POST /checkout`, `/orders/{id}`, `*`.
    pub fn name(&self) -> String {
        let route = self.route.as_deref().unwrap_or("*");
        match &self.method {
            Some(method) => format!("{method} {route}"),
            None => route.to_owned(),
        }
    }

    /// The part of the requests that has to be good: 0.999 for `99.9%`.
    pub fn objective(&self) -> f64 {
        f64::from(self.objective) / f64::from(WHOLE)
    }

    /// The part of the requests that may be bad: 0.001 for `99.9%`.
    pub fn budget(&self) -> f64 {
        f64::from(WHOLE - self.objective) / f64::from(WHOLE)
    }

    /// The duration up to which a request is good.
    pub fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// The time over which the objective counts.
    pub fn window(&self) -> Duration {
        self.window
    }
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = f64::from(self.objective) / f64::from(WHOLE / 100);
        write!(f, "SLO {} {percent}%", self.name())?;
        if let Some(limit) = self.limit {
            write!(f, " < {}", Span(limit))?;
        }
        write!(f, " over {}", Span(self.window))
    }
}

/// A duration in the largest unit in which it is whole.
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let unit = UNITS
            .iter()
            .rev()
            .find(|(_, unit)| millis >= *unit && millis.is_multiple_of(*unit));
        let (name, unit) = unit.unwrap_or(&("ms", 1));
        write!(f, "{}{name}", millis / unit)
    }
}
