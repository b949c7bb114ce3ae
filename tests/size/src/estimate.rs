//! From traces and bytes to queues and collectors.

use std::fmt;

use crate::args::Input;
use crate::measure::Measured;
use crate::traffic::Traffic;

/// Bytes of a span in a collector, as a multiple of its bytes in a request: decoded, and with what the runtime needs.
pub const DECODED: f64 = 3.0;
/// Seconds that the second tier holds a trace: `decision_wait` of `deploy/collector/sample.yaml`.
pub const DECISION_WAIT: f64 = 15.0;
/// Memory of an instance that queues and traces may take: 75 % of a limit of 2 GiB.
pub const INSTANCE: f64 = 1.5 * GIB;
/// Spans in the queue of an exporter: the default of `OTEL_BSP_MAX_QUEUE_SIZE`.
pub const QUEUE: f64 = 2048.0;
/// The fewest instances of a tier, so that one can be replaced.
const FEWEST: f64 = 2.0;

const MIB: f64 = 1024.0 * 1024.0;
const GIB: f64 = 1024.0 * MIB;

/// The cost of a plan.
#[derive(Clone, Debug)]
pub struct Estimate {
    input: Input,
    measured: Measured,
    /// Traces a second that are sampled, and kept for their end only, in all.
    pub traffic: Traffic,
    /// Spans a second, in all.
    pub spans: f64,
    /// Bytes a second on the wire, with gzip.
    pub gzip: f64,
    /// Bytes a second on the wire, without.
    pub plain: f64,
    /// Seconds until the queue of the busiest exporter is full, if the collectors are away.
    pub queue_lasts: f64,
    /// Bytes of that queue when it is full.
    pub queue: f64,
    /// The first tier.
    pub route: Tier,
    /// The second tier.
    pub sample: Tier,
}

/// The instances of a tier.
#[derive(Clone, Copy, Debug)]
pub struct Tier {
    /// Their number.
    pub instances: f64,
    /// Bytes of queues and traces in each, at the end of the outage.
    pub memory: f64,
}

impl Estimate {
    /// Multiplies; `traffic` is of one process at which traces begin.
    pub fn new(input: &Input, measured: Measured, traffic: Traffic) -> Self {
        let processes = f64::from(input.processes);
        let traffic = Traffic {
            sampled: traffic.sampled * processes,
            kept: traffic.kept * processes,
        };
        let spans = (traffic.sampled + traffic.kept) * input.spans;
        let plain = spans * measured.plain;
        // the processes of one service share its spans
        let of_one = spans / f64::from(input.services) / processes;
        let tier = |seconds: f64| {
            let memory = plain * DECODED * seconds;
            let by_work = spans / input.per_instance;
            let instances = by_work.max(memory / INSTANCE).max(FEWEST).ceil();
            Tier {
                instances,
                memory: memory / instances,
            }
        };
        Self {
            spans,
            plain,
            gzip: spans * measured.gzip,
            queue_lasts: QUEUE / of_one,
            queue: QUEUE * measured.memory,
            route: tier(input.outage),
            sample: tier(input.outage + DECISION_WAIT),
            input: input.clone(),
            measured,
            traffic,
        }
    }

    /// The traces that the second tier holds, in all: at least `num_traces` of all instances.
    pub fn traces_held(&self) -> f64 {
        (self.traffic.sampled + self.traffic.kept) * DECISION_WAIT
    }

    /// Bytes of a day, before the store compresses them.
    pub fn day(&self) -> f64 {
        self.plain * 86_400.0
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            input,
            measured,
            traffic,
            route,
            sample,
            ..
        } = self;
        writeln!(f, "plan            {}", input.plan)?;
        writeln!(
            f,
            "requests        {} a second at {} processes; {} spans in {} services; {} % fail, {} % take 2 s",
            count(input.requests),
            input.processes,
            input.spans,
            input.services,
            input.errors * 100.0,
            input.slow * 100.0
        )?;
        let part = (traffic.sampled + traffic.kept) / input.requests * 100.0;
        writeln!(
            f,
            "traces          {} a second: {} sampled, {} kept for their end ({part:.1} % of requests)",
            count(traffic.sampled + traffic.kept),
            count(traffic.sampled),
            count(traffic.kept)
        )?;
        writeln!(f, "spans           {} a second", count(self.spans))?;
        writeln!(
            f,
            "on the wire     {}/s with gzip, {}/s without",
            bytes(self.gzip),
            bytes(self.plain)
        )?;
        writeln!(
            f,
            "a day           {} before the store compresses it",
            bytes(self.day())
        )?;
        writeln!(
            f,
            "in a process    {} when the queue of {QUEUE} spans is full, after {} without a collector; then failed and slow traces are dropped last",
            bytes(self.queue),
            time(self.queue_lasts)
        )?;
        writeln!(
            f,
            "first tier      {} instances, {} each after {} s without the second",
            route.instances,
            bytes(route.memory),
            input.outage
        )?;
        writeln!(
            f,
            "second tier     {} instances, {} each after {} s without the store; num_traces: {} in each",
            sample.instances,
            bytes(sample.memory),
            input.outage,
            count((self.traces_held() * 1.5 / sample.instances).ceil())
        )?;
        writeln!(f, "\nAssumptions")?;
        writeln!(
            f,
            "  A span is {:.0} bytes in a request, {:.0} with gzip, {:.0} in the exporter's queue: measured on {} spans of HTTP and SQL.",
            measured.plain, measured.gzip, measured.memory, measured.spans
        )?;
        writeln!(
            f,
            "  A trace that is kept for its end has all its spans: services announce it (`announce_kept`, `keep_with`)."
        )?;
        writeln!(
            f,
            "  The plan was run on requests that no rule names; other services follow its decision."
        )?;
        writeln!(
            f,
            "  A collector with one core takes {} spans a second (--per-instance): measure yours.",
            count(input.per_instance)
        )?;
        writeln!(
            f,
            "  A collector needs {DECODED} times the bytes of a request for its spans, and {} at most for them.",
            bytes(INSTANCE)
        )?;
        write!(
            f,
            "  The second tier holds a trace for {DECISION_WAIT} s. Each tier has two instances at least."
        )
    }
}

/// A number with commas.
pub(crate) fn count(number: f64) -> String {
    if number < 100.0 {
        return format!("{}", (number * 10.0).round() / 10.0);
    }
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes with a unit, to two or three digits.
pub(crate) fn bytes(bytes: f64) -> String {
    let (number, unit) = match bytes {
        _ if bytes < 1e3 => (bytes, "B"),
        _ if bytes < 1e6 => (bytes / 1e3, "kB"),
        _ if bytes < 1e9 => (bytes / 1e6, "MB"),
        _ if bytes < 1e12 => (bytes / 1e9, "GB"),
        _ => (bytes / 1e12, "TB"),
    };
    match number < 10.0 {
        true => format!("{number:.1} {unit}"),
        false => format!("{number:.0} {unit}"),
    }
}

/// Seconds in the unit that fits.
pub(crate) fn time(seconds: f64) -> String {
    match seconds {
        _ if !seconds.is_finite() => "never".to_owned(),
        _ if seconds < 120.0 => format!("{seconds:.0} s"),
        _ if seconds < 7_200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.0} h", seconds / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURED: Measured = Measured {
        spans: 1,
        plain: 400.0,
        gzip: 40.0,
        memory: 500.0,
    };

    fn estimate(requests: f64, traffic: Traffic) -> Estimate {
        let mut input = Input::new(requests, 10.0, "* 100%".parse().unwrap());
        input.processes = 4;
        Estimate::new(&input, MEASURED, traffic)
    }

    #[test]
    fn each_number_follows_from_the_traces() {
        let estimate = estimate(
            4_000.0,
            Traffic {
                sampled: 900.0,
                kept: 100.0,
            },
        );
        assert_eq!(estimate.spans, 40_000.0);
        assert_eq!((estimate.plain, estimate.gzip), (16e6, 1.6e6));
        // 40,000 spans in five services of four processes
        assert_eq!(estimate.queue_lasts, 2048.0 / 2000.0);
        assert_eq!(estimate.queue, 1_024_000.0);
        // by work: four; the memory of 75 s, 3.6 GB, needs three
        assert_eq!(
            (estimate.route.instances, estimate.sample.instances),
            (4.0, 4.0)
        );
        assert_eq!(estimate.sample.memory, 900e6);
        assert_eq!(estimate.traces_held(), 60_000.0);
    }

    #[test]
    fn a_tier_has_two_instances_at_least() {
        let estimate = estimate(
            4.0,
            Traffic {
                sampled: 0.0,
                kept: 0.0,
            },
        );
        assert_eq!(
            (estimate.route.instances, estimate.sample.instances),
            (2.0, 2.0)
        );
        assert!(
            estimate.to_string().contains("after never without"),
            "{estimate}"
        );
    }

    #[test]
    fn numbers_have_units() {
        assert_eq!(count(1_234_567.0), "1,234,567");
        assert_eq!(count(12.34), "12.3");
        assert_eq!(
            [bytes(900.0), bytes(1_500.0), bytes(25e6), bytes(3.2e12)],
            ["900 B", "1.5 kB", "25 MB", "3.2 TB"]
        );
        assert_eq!(
            [time(50.0), time(600.0), time(72_000.0)],
            ["50 s", "10 min", "20 h"]
        );
    }
}
