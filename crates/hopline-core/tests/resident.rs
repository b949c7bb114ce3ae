//! Resident memory under hostile requests, as the kernel counts it.
#![cfg(target_os = "linux")]

use std::process::Command;
use std::sync::{Arc, Mutex};

use hopline_core::{
    Baggage, Batch, Incoming, Limits, Sink, Span, SpanBuilder, SpanContext, SpanId, TraceFlags,
    TraceId, Tracer, attr, export::Batching, propagation::TraceState,
};
use hopline_test_support::sinks::EachTrace;

const MIB: usize = 1 << 20;

/// Names the child process's part in the environment.
const PART: &str = "HOPLINE_TEST_RESIDENT";

/// Runs a test's body in a process of its own, where no other test's memory is counted, and nothing that one has freed
/// is there to be used again.
fn alone(test: &str, body: fn()) {
    if std::env::var(PART).is_ok_and(|part| part == test) {
        return body();
    }
    let this = std::env::current_exe().unwrap();
    let mut child = Command::new(this);
    child.args(["--exact", test, "--nocapture"]).env(PART, test);
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("1 passed"), "{text}");
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// 8 kB of a caller's tracestate, each another text.
fn tracestate(number: usize) -> TraceState {
    let member = |at: usize| format!("k{at}={number:06}{}", "x".repeat(240));
    let text: Vec<String> = (0..32).map(member).collect();
    TraceState::parse([text.join(",").as_str()]).unwrap()
}

fn context(number: usize) -> SpanContext {
    let trace = TraceId::from_u128(1 + number as u128).unwrap();
    let context = SpanContext::new(trace, SpanId::from_u64(1).unwrap(), TraceFlags::SAMPLED);
    context.with_tracestate(tracestate(number))
}

/// A tracer that may hold 16 MiB of traces.
fn of_16_mib() -> Tracer {
    let limits = Limits {
        total_bytes: 16 * MIB,
        ..Limits::default()
    };
    Tracer::builder().limits(limits).build()
}

fn request(tracer: &Tracer, number: usize) -> Span {
    let incoming = Incoming {
        parent: Some(context(number)),
        ..Incoming::default()
    };
    SpanBuilder::new("request")
        .tracer(tracer)
        .parent(incoming)
        .start()
}

/// Holds batches up to a number of bytes, by their own count, and drops the rest: a writer that is far behind.
#[derive(Clone, Default)]
struct Behind(Arc<Mutex<(usize, Vec<Arc<Batch>>)>>);

impl Behind {
    const MOST: usize = 16 * MIB;
}

impl Sink for Behind {
    fn accept(&self, batch: &Arc<Batch>) {
        let mut held = self.0.lock().unwrap();
        if held.0 + batch.bytes() <= Self::MOST {
            held.0 += batch.bytes();
            held.1.push(Arc::clone(batch));
        }
    }

    fn batching(&self) -> Batching {
        Batching::Full
    }
}

#[test]
fn a_tracestate_of_each_caller_is_within_the_bounds_of_open_traces() {
    alone(
        "a_tracestate_of_each_caller_is_within_the_bounds_of_open_traces",
        || {
            let tracer = of_16_mib();
            let before = resident();
            let mut held = Vec::new();
            // those that are refused carry their tracestate as a request does, so they end
            for number in 0..20_000 {
                let request = request(&tracer, number);
                if request.is_recording() {
                    held.push(request);
                }
            }
            let grown = resident() - before;
            assert!(held.len() > 1000, "{}", held.len());
            assert!(grown < 24 * MIB, "{} of {grown} bytes", held.len());
            assert!(tracer.stats().buffer_bytes <= 16 * MIB);
            drop(held);
            assert!(
                tracer.stats().buffer_bytes <= 4 * MIB,
                "{}",
                tracer.stats().buffer_bytes
            );
        },
    );
}

#[test]
fn links_with_a_tracestate_each_are_within_the_bounds_of_their_trace() {
    alone(
        "links_with_a_tracestate_each_are_within_the_bounds_of_their_trace",
        || {
            let tracer = Tracer::builder().build();
            let before = resident();
            let root = SpanBuilder::new("batch")
                .tracer(&tracer)
                .parent(Incoming::default())
                .start();
            let started = (0..100).map(|_| {
                SpanBuilder::new("message")
                    .child_of(root.context_ref())
                    .start()
            });
            let spans: Vec<Span> = started.collect();
            for (number, span) in spans.iter().enumerate() {
                (0..128).for_each(|link| span.link(&context(number * 128 + link)));
            }
            let grown = resident() - before;
            assert!(grown < 6 * MIB, "{grown}");
            let stats = tracer.stats();
            assert!(
                stats.lost_details > 12_000 && stats.buffer_bytes <= MIB,
                "{stats:?}"
            );
            drop((spans, root));
        },
    );
}

#[test]
fn batches_report_the_memory_that_a_sink_holds() {
    alone("batches_report_the_memory_that_a_sink_holds", || {
        let sink = Behind::default();
        let tracer = Tracer::builder().sink(sink.clone()).build();
        let before = resident();
        for number in 0..40_000 {
            let request = request(&tracer, number);
            if number % 100 == 0 {
                request.link(&context(number));
            }
            request.end();
        }
        let grown = resident() - before;
        let held = sink.0.lock().unwrap().0;
        assert!(held > 8 * MIB, "{held}");
        // and one chunk being filled, and spare ones
        assert!(grown < Behind::MOST + 12 * MIB, "{grown} for {held}");
    });
}

#[test]
fn batches_of_one_small_trace_report_their_memory() {
    alone("batches_of_one_small_trace_report_their_memory", || {
        let sink = Behind::default();
        let tracer = Tracer::builder().sink(EachTrace(sink.clone())).build();
        let before = resident();
        for number in 0..100_000 {
            let root = SpanBuilder::new("request")
                .tracer(&tracer)
                .parent(Incoming::default())
                .attributes(|| [attr("number", number)])
                .start();
            root.end();
        }
        let grown = resident() - before;
        let held = sink.0.lock().unwrap().0;
        assert!(held > Behind::MOST - MIB, "{held}");
        assert!(grown < Behind::MOST * 3 / 2, "{grown} for {held}");
    });
}

#[test]
fn open_traces_of_one_small_span_are_within_the_bounds() {
    alone(
        "open_traces_of_one_small_span_are_within_the_bounds",
        || {
            let tracer = of_16_mib();
            let before = resident();
            let mut held = Vec::with_capacity(100_000);
            for _ in 0..100_000 {
                let root = SpanBuilder::new("root")
                    .tracer(&tracer)
                    .parent(Incoming::default())
                    .start();
                if root.is_recording() {
                    held.push(root);
                }
            }
            let handles = held.len() * size_of::<Span>();
            let grown = resident() - before - handles;
            assert!(held.len() > 5000 && held.len() < 100_000, "{}", held.len());
            assert!(grown < 16 * MIB * 5 / 4, "{} of {grown} bytes", held.len());
        },
    );
}

#[test]
fn a_strangers_baggage_as_attribute_is_held_once() {
    alone("a_strangers_baggage_as_attribute_is_held_once", || {
        let tracer = Tracer::builder().baggage_attributes(["tenant_id"]).build();
        let baggage = Baggage::default()
            .with("tenant_id", &"x".repeat(8000))
            .unwrap();
        let before = resident();
        let incoming = Incoming {
            baggage,
            ..Incoming::default()
        };
        let root = SpanBuilder::new("request")
            .tracer(&tracer)
            .parent(incoming)
            .start();
        for _ in 0..2000 {
            SpanBuilder::new("child")
                .child_of(root.context_ref())
                .start()
                .end();
        }
        let grown = resident() - before;
        assert!(grown < MIB, "{grown}");
        assert_eq!(tracer.stats().lost_spans, 0);
        root.end();
    });
}
