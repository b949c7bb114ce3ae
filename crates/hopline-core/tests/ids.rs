//! Ids of new traces and spans, as many as a busy fleet draws: no two alike, and no byte more likely than another.
//!
//! A million each in a debug build, ten in a release build: `cargo test --release -p hopline-core --test ids`.

use std::thread;

use hopline_core::{Incoming, SpanBuilder, Tracer};

const THREADS: usize = 8;
const IDS: usize = if cfg!(debug_assertions) {
    1_000_000
} else {
    10_000_000
};

/// The ids of one thread, sorted, and the count of each byte at each of the right-most places.
struct Drawn {
    traces: Vec<u128>,
    spans: Vec<u64>,
    trace_bytes: [[u32; 256]; 7],
    span_bytes: [[u32; 256]; 8],
}

#[test]
fn ids_of_eight_threads_do_not_repeat_and_are_uniform() {
    // not recorded, so the ids are all that is made
    let tracer = Tracer::builder().plan("* 0%".parse().unwrap()).build();
    let drawn: Vec<Drawn> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| draw(&tracer, IDS / THREADS)))
            .collect();
        let join = threads.into_iter().map(|thread| thread.join().unwrap());
        join.collect()
    });
    assert_uniform("trace", drawn.iter().map(|drawn| &drawn.trace_bytes));
    assert_uniform("span", drawn.iter().map(|drawn| &drawn.span_bytes));
    let (traces, spans): (Vec<_>, Vec<_>) = drawn
        .into_iter()
        .map(|drawn| (drawn.traces, drawn.spans))
        .unzip();
    thread::scope(|scope| {
        scope.spawn(|| assert_distinct("trace", traces));
        scope.spawn(|| assert_distinct("span", spans));
    });
}

fn draw(tracer: &Tracer, count: usize) -> Drawn {
    let mut drawn = Drawn {
        traces: Vec::with_capacity(count),
        spans: Vec::with_capacity(count),
        trace_bytes: [[0; 256]; 7],
        span_bytes: [[0; 256]; 8],
    };
    for _ in 0..count {
        let root = SpanBuilder::new("root")
            .tracer(tracer)
            .parent(Incoming::default())
            .start();
        let context = root.span_context().unwrap();
        let (trace, span) = (context.trace_id().to_u128(), context.span_id().to_u64());
        for (counts, byte) in drawn.trace_bytes.iter_mut().zip(trace.to_le_bytes()) {
            counts[usize::from(byte)] += 1;
        }
        for (counts, byte) in drawn.span_bytes.iter_mut().zip(span.to_le_bytes()) {
            counts[usize::from(byte)] += 1;
        }
        drawn.traces.push(trace);
        drawn.spans.push(span);
    }
    drawn.traces.sort_unstable();
    drawn.spans.sort_unstable();
    drawn
}

/// Of ten million random numbers of 64 bits two are alike in one of 370,000 runs.
fn assert_distinct<T: Ord>(what: &str, sorted: Vec<Vec<T>>) {
    let mut all: Vec<T> = sorted.into_iter().flatten().collect();
    assert_eq!(all.len(), IDS);
    // the stable sort finds the sorted runs and only merges them
    all.sort();
    assert!(
        all.windows(2).all(|pair| pair[0] < pair[1]),
        "a {what} id was repeated"
    );
}

/// Pearson's chi-square of 256 equally likely bytes: 255 on average, with a standard deviation of 22.6.
///
/// Random bytes lie outside of these bounds less than once in a billion times; a counter, a bit that is stuck or a
/// byte that is never zero lie far outside.
fn assert_uniform<'a, const PLACES: usize>(
    what: &str,
    threads: impl Iterator<Item = &'a [[u32; 256]; PLACES]> + Clone,
) {
    let expected = IDS as f64 / 256.0;
    for place in 0..PLACES {
        let count = |byte: usize| {
            threads
                .clone()
                .map(|t| f64::from(t[place][byte]))
                .sum::<f64>()
        };
        let squares = (0..256).map(|byte| (count(byte) - expected).powi(2));
        let chi_square = squares.sum::<f64>() / expected;
        assert!(
            (140.0..410.0).contains(&chi_square),
            "byte {place} from the right of the {what} ids: {chi_square}"
        );
    }
}
