//! Full load for a long time: memory must stay flat, and counts must add up.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use hopline_core::{Clock, SpanContext, Tracer};

use crate::sinks::Encoding;
use crate::trace::{Values, child, root};
use crate::{Result, resident};

/// The most growth of resident memory after the first minute.
const GROWTH: u64 = 2 << 20;
const PLAN: &str = "* 1%; keep errors";

/// Runs as many threads as there are processors for so long, and prints what is resident each second.
///
/// A request is a root with five children, one in ten fails, and one in eight has a child that ends after its
/// root. What is kept is encoded as OTLP on another thread.
///
/// # Errors
///
/// If memory grew, or a span was neither kept, nor discarded, nor counted as lost.
#[expect(clippy::print_stdout, reason = "a person watches it")]
pub fn run(time: Duration) -> Result<()> {
    let sink = Encoding::start();
    let tracer = Tracer::builder()
        .service("soak")
        .plan(PLAN.parse()?)
        .clock(Clock::default())
        .sink(sink.clone())
        .build();
    let stop = AtomicBool::new(false);
    let (tally, memory) = thread::scope(|scope| -> Result<_> {
        // ends when `stop` is set, which it is on every way out of this closure
        let worker = || scope.spawn(|| work(&tracer, &stop));
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..processors).map(|_| worker()).collect();
        let memory = watch(time, |second, bytes| {
            let spans = tracer.stats().handed_over;
            println!(
                "{second:>5} s  {:>8} kB resident  {spans:>12} spans kept",
                bytes >> 10
            );
        });
        stop.store(true, Relaxed);
        let mut tally = Tally::default();
        for worker in workers {
            // a worker that panicked has reported it, and its counts are lost
            tally.add(&worker.join().map_err(|_| "a worker panicked")?);
        }
        Ok((tally, memory?))
    })?;
    tracer.shutdown(Duration::from_secs(30))?;

    let stats = tracer.stats();
    println!("{tally:#?}\n{stats:#?}");
    let (encoded, refused) = (sink.encoded(), sink.refused());
    println!("encoded {encoded}, refused by the full queue {refused}");
    let counted = stats.handed_over + stats.discarded + stats.lost_spans;
    let sums = [
        (
            "started = handed over + discarded + lost",
            tally.started,
            counted,
        ),
        ("handed over", tally.kept, stats.handed_over),
        ("discarded", tally.discarded, stats.discarded),
        ("lost", tally.lost, stats.lost_spans),
        ("encoded + refused", tally.kept, encoded + refused),
    ];
    let mut failed = Vec::new();
    for (what, left, right) in sums {
        println!("{} {what}: {left} and {right}", mark(left == right));
        failed.extend((left != right).then_some(what));
    }
    let growth = memory.growth();
    let flat = growth < GROWTH;
    println!(
        "{} memory is flat: {} kB more than after {} s",
        mark(flat),
        growth >> 10,
        memory.settled_after
    );
    failed.extend((!flat).then_some("memory is flat"));
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("does not hold: {}", failed.join("; ")).into())
    }
}

/// The counts of one thread.
#[derive(Debug, Default)]
struct Tally {
    started: u64,
    kept: u64,
    discarded: u64,
    lost: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.started += other.started;
        self.kept += other.kept;
        self.discarded += other.discarded;
        self.lost += other.lost;
    }
}

fn work(tracer: &Tracer, stop: &AtomicBool) -> Tally {
    let values = Values::unknown();
    let mut tally = Tally::default();
    let mut number = 0_u64;
    while !stop.load(Relaxed) {
        for _ in 0..64 {
            number += 1;
            request(tracer, &values, number, &mut tally);
        }
    }
    tally
}

fn request(tracer: &Tracer, values: &Values, number: u64, tally: &mut Tally) {
    let fails = number.is_multiple_of(10);
    let mut root = root(tracer);
    let sampled = root
        .span_context()
        .as_ref()
        .is_some_and(SpanContext::is_sampled);
    let (mut started, mut recorded) = (1, u64::from(root.is_recording()));
    let late = root.in_scope(|| {
        let mut begin = || {
            let span = child(values);
            started += 1;
            recorded += u64::from(span.is_recording());
            span
        };
        for index in 0..5 {
            let span = begin();
            if fails && index == 3 {
                span.fail("timeout");
            }
        }
        number.is_multiple_of(8).then(begin)
    });
    root.end();
    drop(late);

    if recorded == 0 {
        // a trace for which there was no memory: its root is lost, and no child of it was ever one
        started = 1;
    }
    tally.started += started;
    tally.lost += started - recorded;
    if sampled || fails {
        tally.kept += recorded;
    } else {
        tally.discarded += recorded;
    }
}

/// Resident bytes, second by second.
struct Memory {
    seconds: Vec<u64>,
    settled_after: usize,
}

impl Memory {
    /// From the end of the first minute, or of the first half of a shorter run, to the most there was after it.
    fn growth(&self) -> u64 {
        let after = self.seconds.get(self.settled_after..).unwrap_or_default();
        let start = after.first().copied().unwrap_or(0);
        let most = after.iter().copied().max().unwrap_or(u64::MAX);
        most - start
    }
}

fn watch(time: Duration, mut say: impl FnMut(u64, u64)) -> Result<Memory> {
    let (begun, seconds) = (Instant::now(), time.as_secs().max(2));
    let mut memory = Memory {
        seconds: Vec::new(),
        settled_after: (seconds / 2).min(60) as usize,
    };
    for second in 1..=seconds {
        let until = Duration::from_secs(second).saturating_sub(begun.elapsed());
        thread::sleep(until);
        let bytes = resident::bytes()?;
        say(second, bytes);
        memory.seconds.push(bytes);
    }
    Ok(memory)
}

/// The text of a check.
fn mark(holds: bool) -> &'static str {
    if holds { "ok    " } else { "FAILED" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_grows_after_it_has_settled_counts() {
        let memory = |seconds: &[u64], settled_after| Memory {
            seconds: seconds.to_vec(),
            settled_after,
        };
        assert_eq!(memory(&[1, 5, 7, 7, 6], 2).growth(), 0);
        assert_eq!(memory(&[1, 5, 7, 9, 6], 2).growth(), 2);
        // nothing was seen after it: no proof of anything
        assert!(memory(&[1], 2).growth() > GROWTH);
    }
}
