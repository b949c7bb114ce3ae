//! Counts from samples in a system of many services under one plan with a budget.
//!
//! Each service is a tracer of its own, all on one clock that only this moves. Traces begin at every service, at very
//! different rates, and call two others, through headers.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hopline_core::time::ManualClock;
use hopline_core::{
    Batch, Clock, IdGenerator, Incoming, Sink, Span, SpanBuilder, SpanKind, Tracer,
};
use parking_lot::Mutex;

use crate::Result;

/// The number of services.
pub const SERVICES: usize = 1_000;
/// The plan of each.
pub const PLAN: &str = "* 100%; budget 5/s";
/// The time that is simulated.
const TIME: Duration = Duration::from_secs(10);
/// Requests begin at these intervals.
const TICK: Duration = Duration::from_millis(10);

/// The counts of all services.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Traces that began.
    pub traces: u64,
    /// Traces that were kept.
    pub kept: u64,
    /// The number of traces, computed from those that were kept.
    pub computed: f64,
    /// The standard error of that.
    pub standard_error: f64,
    /// Services that kept only a part of their traces.
    pub limited: usize,
    /// The mean square of their errors, each in its standard errors: 1 if the errors are what chance gives.
    pub spread: f64,
    /// Spans of kept traces at called services: with a probability, and without.
    pub continued: (u64, u64),
}

/// Runs it, with ids and calls that a seed determines.
///
/// # Errors
///
/// A tracer does not end within its time.
pub fn simulate(seed: u64) -> Result<Outcome> {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let mut random = fastrand::Rng::with_seed(seed);
    let counts: Vec<Counts> = (0..SERVICES).map(|_| Counts::default()).collect();
    let tracers = counts.iter().enumerate().map(|(number, counts)| {
        let builder = Tracer::builder()
            .service(&format!("service-{number}"))
            .plan(PLAN.parse()?)
            .ids(IdGenerator::Seeded(random.u64(..)))
            .clock(Clock::Manual(clock.clone()))
            .sink(counts.clone());
        Ok(builder.build())
    });
    let tracers: Vec<Tracer> = tracers.collect::<Result<_>>()?;
    let mut due: Vec<f64> = (0..SERVICES).map(|_| random.f64()).collect();
    let mut begun = vec![0_u64; SERVICES];
    for tick in 0..TIME.as_millis() / TICK.as_millis() {
        for service in 0..SERVICES {
            // in the middle of the time twice as many requests arrive
            let surge = if (400..600).contains(&tick) { 2.0 } else { 1.0 };
            due[service] += rate(service) * surge * TICK.as_secs_f64();
            while due[service] >= 1.0 {
                due[service] -= 1.0;
                begun[service] += 1;
                request(&tracers, service, &mut random);
            }
        }
        clock.advance(TICK);
    }
    for tracer in &tracers {
        tracer.shutdown(Duration::from_secs(10))?;
    }
    Ok(outcome(&begun, &counts))
}

/// Requests a second of a service: 400 at the busiest, 3 at the last.
fn rate(service: usize) -> f64 {
    400.0 / ((service + 1) as f64).powf(0.7)
}

/// A request at one service, which calls two others.
fn request(tracers: &[Tracer], service: usize, random: &mut fastrand::Rng) {
    let root = start(&tracers[service], Incoming::default());
    for _ in 0..2 {
        let mut headers = HashMap::new();
        root.context_ref().inject(&mut headers);
        let called = &tracers[random.usize(..tracers.len())];
        start(called, Incoming::extract(&headers)).end();
    }
    root.end();
}

fn start(tracer: &Tracer, incoming: Incoming) -> Span {
    SpanBuilder::new("request")
        .kind(SpanKind::Server)
        .tracer(tracer)
        .parent(incoming)
        .start()
}

fn outcome(begun: &[u64], counts: &[Counts]) -> Outcome {
    let mut outcome = Outcome {
        traces: begun.iter().sum(),
        kept: 0,
        computed: 0.0,
        standard_error: 0.0,
        limited: 0,
        spread: 0.0,
        continued: (0, 0),
    };
    let (mut variance, mut squares) = (0.0, 0.0);
    for (begun, counts) in begun.iter().zip(counts) {
        let counts = counts.0.lock();
        outcome.kept += counts.kept;
        outcome.computed += counts.computed;
        outcome.continued.0 += counts.continued.0;
        outcome.continued.1 += counts.continued.1;
        variance += counts.variance;
        if counts.variance > 0.0 {
            outcome.limited += 1;
            squares += (counts.computed - *begun as f64).powi(2) / counts.variance;
        }
    }
    outcome.standard_error = variance.sqrt();
    outcome.spread = squares / outcome.limited as f64;
    outcome
}

/// The sums of one service.
#[derive(Debug, Default)]
struct Sums {
    kept: u64,
    computed: f64,
    variance: f64,
    continued: (u64, u64),
}

/// Counts the local roots that a service exports.
#[derive(Clone, Debug, Default)]
struct Counts(Arc<Mutex<Sums>>);

impl Sink for Counts {
    fn accept(&self, batch: &Arc<Batch>) {
        let mut sums = self.0.lock();
        for span in batch.spans() {
            match (span.parent(), span.adjusted_count()) {
                (None, Some(count)) => {
                    sums.kept += 1;
                    sums.computed += count;
                    // of a sum of inverse probabilities (Horvitz and Thompson)
                    sums.variance += count * (count - 1.0);
                }
                (None, None) => sums.kept += 1,
                (Some(_), Some(_)) => sums.continued.0 += 1,
                (Some(_), None) => sums.continued.1 += 1,
            }
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            traces,
            kept,
            computed,
            standard_error,
            limited,
            spread,
            continued,
        } = self;
        writeln!(
            f,
            "{SERVICES} services, each with the plan `{PLAN}`, for {} s",
            TIME.as_secs()
        )?;
        writeln!(
            f,
            "{traces} traces began, {kept} were kept ({:.1} %)",
            *kept as f64 / *traces as f64 * 100.0
        )?;
        let off = (computed - *traces as f64) / standard_error;
        writeln!(
            f,
            "computed from those: {computed:.0} ± {standard_error:.0}, which is off by {off:.2} standard errors"
        )?;
        writeln!(
            f,
            "{limited} services kept a part of their traces; the mean square of their errors is {spread:.2} standard errors"
        )?;
        write!(
            f,
            "at called services {} spans have a probability, {} have none: their budget left out others, so count at the roots",
            continued.0, continued.1
        )
    }
}
