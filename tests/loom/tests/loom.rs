//! The engine's locks under a model checker: every order in which threads can take them, not only the likely ones.
//!
//! `RUSTFLAGS="--cfg hopline_loom" cargo test -p hopline-loom --target-dir target/loom`
#![cfg(hopline_loom)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use hopline_core::{Batch, Context, Incoming, Sink, Span, SpanBuilder, Tracer, export::Batching};
use loom::thread;

/// Counts spans; it receives them when a chunk is full, or on request.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Sink for Count {
    fn accept(&self, batch: &Arc<Batch>) {
        self.0.fetch_add(batch.len(), SeqCst);
    }

    fn batching(&self) -> Batching {
        Batching::Full
    }
}

/// A fresh tracer for each order of events.
fn tracer(plan: &str) -> (Tracer, Count) {
    let count = Count::default();
    let builder = Tracer::builder().plan(plan.parse().unwrap());
    (builder.sink(count.clone()).build(), count)
}

fn root(tracer: &Tracer) -> Span {
    SpanBuilder::new("root")
        .tracer(tracer)
        .parent(Incoming::default())
        .start()
}

fn child(of: &Context) -> Span {
    SpanBuilder::new("child").child_of(of).start()
}

fn counted(tracer: &Tracer, count: &Count) -> usize {
    tracer.flush(Duration::ZERO).unwrap();
    count.0.load(SeqCst)
}

#[test]
fn a_child_that_ends_with_its_root_is_exported_once() {
    loom::model(|| {
        let (tracer, count) = tracer("* 100%");
        let root = root(&tracer);
        let child = child(root.context_ref());
        let other = thread::spawn(move || child.end());
        root.end();
        other.join().unwrap();
        assert_eq!(counted(&tracer, &count), 2);
    });
}

#[test]
fn a_child_that_starts_while_its_root_ends_follows_the_decision() {
    for (plan, failed) in [
        ("* 100%", false),
        ("* 0%; keep errors", true),
        ("* 0%; keep errors", false),
    ] {
        loom::model(move || {
            let (tracer, count) = tracer(plan);
            let root = root(&tracer);
            if failed {
                root.fail("500");
            }
            let context = root.context();
            let other = thread::spawn(move || {
                let child = child(&context);
                child.is_recording()
            });
            root.end();
            let recorded = other.join().unwrap();
            let kept = plan == "* 100%" || failed;
            let expected = if kept { 2 } else { 0 };
            assert_eq!(counted(&tracer, &count), expected);
            assert!(recorded || !kept);
        });
    }
}

#[test]
fn a_failure_while_the_root_ends_keeps_all_or_nothing() {
    loom::model(|| {
        let (tracer, count) = tracer("* 0%; keep errors");
        let root = root(&tracer);
        let child = child(root.context_ref());
        let other = thread::spawn(move || {
            child.fail("late");
            child.end();
        });
        root.end();
        other.join().unwrap();
        let counted = counted(&tracer, &count);
        assert!(counted == 0 || counted == 2, "{counted}");
    });
}

#[test]
fn the_last_two_handles_may_go_at_once() {
    loom::model(|| {
        let (tracer, count) = tracer("* 100%");
        let first = root(&tracer);
        let context = first.context();
        let other = thread::spawn(move || drop(context));
        first.end();
        other.join().unwrap();
        // pooled or freed: the next trace is a trace of its own either way
        let second = root(&tracer);
        assert!(second.is_recording());
        let one = tracer.stats().buffer_bytes;
        second.end();
        assert_eq!(counted(&tracer, &count), 2);
        assert!(one > 0 && one <= 8 << 10, "{one}");
    });
}

#[test]
fn a_flush_takes_what_has_ended_once() {
    loom::model(|| {
        let (tracer, count) = tracer("* 100%");
        let (root, flushed) = (root(&tracer), tracer.clone());
        let other = thread::spawn(move || flushed.flush(Duration::ZERO).unwrap());
        root.end();
        other.join().unwrap();
        assert_eq!(counted(&tracer, &count), 1);
    });
}

#[test]
fn two_traces_share_the_pool_and_the_queue() {
    loom::model(|| {
        let (tracer, count) = tracer("* 100%");
        let mine = tracer.clone();
        let other = thread::spawn(move || root(&mine).end());
        root(&tracer).end();
        other.join().unwrap();
        assert_eq!(counted(&tracer, &count), 2);
        assert_eq!(tracer.stats().lost_spans + tracer.stats().lost_traces, 0);
    });
}
