//! Burn rates of this process: how fast its requests use up the budget of an objective.
//! `Metrics::record` counts each request here; each collection reads the rates, and `Metrics::slo_states` gives them to the
//! application. Prometheus computes the rates of all instances from the recording rules.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use hopline_core::export::ValueRef;
use hopline_core::metrics::{Instrument, Observer};
use hopline_core::{Attr, attr, semconv};
use parking_lot::Mutex;

use crate::slo::objective::{Slo, Span};
use crate::view::View;

/// The instrument that objectives are about.
pub(crate) const REQUESTS: &str = "http.server.request.duration";

/// Alerts, by the SRE workbook's table 5-8: both windows of a row have to burn at its rate.
pub(crate) const ALERTS: [Alert; 3] = [
    Alert::new("page", 14.4, 3_600, 300),
    Alert::new("page", 6.0, 21_600, 1_800),
    Alert::new("ticket", 1.0, 259_200, 21_600),
];

/// Windows of [`ALERTS`], each once, ascending.
pub(crate) const WINDOWS: [Duration; 5] = [
    Duration::from_secs(300),
    Duration::from_secs(1_800),
    Duration::from_secs(3_600),
    Duration::from_secs(21_600),
    Duration::from_secs(259_200),
];

static BURN_RATE: Instrument = Instrument::gauge("hopline.slo.burn_rate", "").description(
    "Budget used by this process's requests in the window, relative to the budget of that time.",
);
static OBJECTIVE: Instrument = Instrument::gauge("hopline.slo.objective", "")
    .description("The part of the requests that has to be good.");
static ALERTING: Instrument = Instrument::gauge("hopline.slo.alerting", "")
    .description("1 if this process alone would raise an alert of that severity.");

/// One row of the table of alerts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alert {
    /// `page` or `ticket`.
    pub(crate) severity: &'static str,
    /// Burn rate above which both windows have to be.
    pub(crate) rate: f64,
    pub(crate) long: Duration,
    pub(crate) short: Duration,
}

impl Alert {
    const fn new(severity: &'static str, rate: f64, long: u64, short: u64) -> Self {
        Self {
            severity,
            rate,
            long: Duration::from_secs(long),
            short: Duration::from_secs(short),
        }
    }
}

/// An objective with what this process knows of it; from [`Metrics::slo_states`](crate::Metrics::slo_states).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SloState {
    /// The objective.
    pub slo: Slo,
    /// Good requests since the start of the process.
    pub good: u64,
    /// All its requests since the start of the process.
    pub total: u64,
    /// Burn rates by window, ascending: 5 min, 30 min, 1 h, 6 h, 3 d.
    pub burns: Vec<Burn>,
    /// The most severe alert that this process alone would raise: `page` or `ticket`.
    pub alert: Option<&'static str>,
}

/// The budget that was used within a window, relative to the budget of that time: at 1.0 it is used up at the
/// end of the objective's window.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Burn {
    /// The window. One that is longer than the process has run covers its run.
    pub window: Duration,
    /// The rate. 0 without a request.
    pub rate: f64,
}

/// The objectives of a process.
#[derive(Debug)]
pub(crate) struct Slos(Vec<Tracked>);

/// One objective with its counts.
#[derive(Debug)]
struct Tracked {
    slo: Slo,
    /// Good requests since the start.
    good: AtomicU64,
    /// All requests since the start.
    total: AtomicU64,
    start: Instant,
    /// The minute of the last sample. Written under the lock of `samples` and read without: a measurement that reads
    /// an old one takes the lock in vain.
    minute: AtomicU64,
    /// Totals at the begin of minutes, oldest first: at most one a minute for three days. Locked once a minute.
    samples: Mutex<VecDeque<Sample>>,
}

/// Totals at the begin of a minute, counted from the start of the process.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    minute: u64,
    good: u64,
    total: u64,
}

/// Minutes of the longest window, and one at each end.
const MOST_SAMPLES: usize = 3 * 24 * 60 + 2;

impl Slos {
    /// Tracks these objectives from now on.
    pub(crate) fn new(slos: Vec<Slo>) -> Self {
        let start = Instant::now();
        let tracked = slos.into_iter().map(|slo| Tracked {
            slo,
            good: AtomicU64::new(0),
            total: AtomicU64::new(0),
            start,
            minute: AtomicU64::new(0),
            samples: Mutex::new(VecDeque::from([Sample::default()])),
        });
        Self(tracked.collect())
    }

    /// Gives the duration of requests a bucket at each limit, which rules need.
    pub(crate) fn add_buckets(&self, views: &mut Vec<View>) {
        let limits: Vec<f64> = self
            .0
            .iter()
            .filter_map(|slo| Some(slo.slo.limit?.as_secs_f64()))
            .collect();
        if limits.is_empty() {
            return;
        }
        let at = views.iter().rposition(|view| *view.instrument == *REQUESTS);
        let view = at.map_or_else(|| View::new(REQUESTS), |at| views.remove(at));
        views.push(limits.into_iter().fold(view, View::bucket));
    }

    /// Counts a request for its objectives.
    #[inline]
    pub(crate) fn record(&self, instrument: &Instrument, seconds: f64, attributes: &[Attr<'_>]) {
        if !self.0.is_empty() && instrument.name() == REQUESTS {
            self.0
                .iter()
                .for_each(|slo| slo.record(seconds, attributes));
        }
    }

    /// State of each objective, in the order in which they were added.
    pub(crate) fn states(&self) -> Vec<SloState> {
        self.0.iter().map(Tracked::state).collect()
    }

    /// Reports objectives, burn rates and alerts as gauges.
    pub(crate) fn observe(&self, observer: &mut Observer<'_>) {
        for state in self.states() {
            let name = state.slo.name();
            observer.value(&OBJECTIVE, state.slo.objective(), &[attr("slo", &name)]);
            for burn in &state.burns {
                let window = Span(burn.window).to_string();
                observer.value(
                    &BURN_RATE,
                    burn.rate,
                    &[attr("slo", &name), attr("window", &window)],
                );
            }
            for severity in ["page", "ticket"] {
                let alerting = f64::from(state.alert == Some(severity));
                observer.value(
                    &ALERTING,
                    alerting,
                    &[attr("slo", &name), attr("severity", severity)],
                );
            }
        }
    }
}

impl Tracked {
    /// Counts a request if method and route are the objective's. A request with `error.type` is bad.
    fn record(&self, seconds: f64, attributes: &[Attr<'_>]) {
        let text = |key| {
            let found = attributes.iter().find(|attr| attr.key() == key);
            match found.and_then(Attr::scalar) {
                Some(ValueRef::Str(text)) => Some(text),
                _ => None,
            }
        };
        let is = |wanted: &Option<Box<str>>, key| {
            wanted
                .as_deref()
                .is_none_or(|wanted| text(key) == Some(wanted))
        };
        if !is(&self.slo.method, semconv::HTTP_REQUEST_METHOD)
            || !is(&self.slo.route, semconv::HTTP_ROUTE)
        {
            return;
        }
        self.sample(self.start.elapsed().as_secs() / 60);
        let within = self
            .slo
            .limit
            .is_none_or(|limit| seconds <= limit.as_secs_f64());
        if within && text(semconv::ERROR_TYPE).is_none() {
            self.good.fetch_add(1, Relaxed);
        }
        self.total.fetch_add(1, Relaxed);
    }

    /// Keeps the totals at the begin of this minute.
    fn sample(&self, minute: u64) {
        if self.minute.load(Relaxed) >= minute {
            return;
        }
        let mut samples = self.samples.lock();
        if self.minute.swap(minute, Relaxed) < minute {
            if samples.len() >= MOST_SAMPLES {
                samples.pop_front();
            }
            samples.push_back(Sample {
                minute,
                good: self.good.load(Relaxed),
                total: self.total.load(Relaxed),
            });
        }
    }

    /// Computes the burn rate of each window: the part of bad requests since the sample before it, relative to the budget.
    fn state(&self) -> SloState {
        let minute = self.start.elapsed().as_secs() / 60;
        self.sample(minute);
        let (good, total) = (self.good.load(Relaxed), self.total.load(Relaxed));
        let burns: Vec<Burn> = {
            let samples = self.samples.lock();
            let burn = |window: Duration| {
                let since = minute.saturating_sub(window.as_secs() / 60);
                let before = samples.iter().rev().find(|sample| sample.minute <= since);
                let before = before.or(samples.front()).copied().unwrap_or_default();
                let requests = total.saturating_sub(before.total);
                let bad = requests.saturating_sub(good.saturating_sub(before.good));
                let part = if requests == 0 {
                    0.0
                } else {
                    bad as f64 / requests as f64
                };
                Burn {
                    window,
                    rate: part / self.slo.budget(),
                }
            };
            WINDOWS.map(burn).into()
        };
        let rate = |window| {
            burns
                .iter()
                .find(|burn| burn.window == window)
                .map_or(0.0, |burn| burn.rate)
        };
        let raised = ALERTS
            .iter()
            .find(|alert| rate(alert.long) > alert.rate && rate(alert.short) > alert.rate);
        SloState {
            slo: self.slo.clone(),
            good,
            total,
            alert: raised.map(|alert| alert.severity),
            burns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static DURATION: Instrument = Instrument::histogram(REQUESTS, "s");

    fn tracked() -> Slos {
        let slo = "SLO POST /checkout 99% < 500ms over 30d".parse();
        Slos::new(vec![slo.unwrap_or_else(|error| panic!("{error}"))])
    }

    fn request<'a>(method: &'a str, error: Option<&'a str>) -> [Attr<'a>; 3] {
        [
            attr(semconv::HTTP_REQUEST_METHOD, method),
            attr(semconv::HTTP_ROUTE, "/checkout"),
            attr(semconv::ERROR_TYPE, error),
        ]
    }

    #[test]
    fn slow_and_failed_requests_burn_the_budget() {
        let slos = tracked();
        for _ in 0..97 {
            slos.record(&DURATION, 0.5, &request("POST", None));
        }
        slos.record(&DURATION, 0.501, &request("POST", None));
        slos.record(&DURATION, 0.1, &request("POST", Some("500")));
        slos.record(&DURATION, 0.1, &request("POST", Some("timeout")));
        slos.record(&DURATION, 9.0, &request("GET", None));
        let state = slos.states().remove(0);
        assert_eq!((state.good, state.total), (97, 100));
        for burn in &state.burns {
            assert!((burn.rate - 3.0).abs() < 1e-9, "{burn:?}");
        }
        assert_eq!(state.alert, Some("ticket"));
    }

    #[test]
    fn windows_forget_what_was_before_them() {
        let slos = tracked();
        let slo = &slos.0[0];
        for _ in 0..10 {
            slo.record(9.0, &request("POST", None));
        }
        slo.sample(400);
        let minutes: Vec<u64> = slo
            .samples
            .lock()
            .iter()
            .map(|sample| sample.minute)
            .collect();
        assert_eq!(minutes, [0, 400]);
        let before = slo.samples.lock()[1];
        assert_eq!((before.good, before.total), (0, 10));
    }
}
