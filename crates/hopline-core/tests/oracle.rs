//! Many threads do anything with spans; afterwards each one is accounted for exactly once.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hopline_core::{
    Context, IdGenerator, Incoming, Limits, Span, SpanBuilder, TraceId, Tracer, attr,
};
use hopline_testing::tracer_with;

const THREADS: u64 = 4;
const STEPS: usize = 20_000;

/// Open spans and expected results, shared by all threads.
#[derive(Default)]
struct World {
    spans: Mutex<Vec<Span>>,
    contexts: Mutex<Vec<Context>>,
    started: AtomicU64,
}

/// The part of one thread: starts roots and children, sets attributes, ends spans in any order, holds contexts.
fn act(world: &World, tracer: &Tracer, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let any = |list: usize, random: &mut fastrand::Rng| random.usize(..list.max(1));
    let start = |builder: SpanBuilder<'_>, under: Option<&Context>| {
        let number = world.started.fetch_add(1, Relaxed) as i64;
        let attrs = || [attr("number", number), attr("text", "some text to copy")];
        match under {
            Some(context) => builder.child_of(context).attributes(attrs).start(),
            None => builder
                .tracer(tracer)
                .parent(Incoming::default())
                .attributes(attrs)
                .start(),
        }
    };
    for _ in 0..STEPS {
        match random.u8(..20) {
            0..2 => {
                let root = start(SpanBuilder::new("root"), None);
                world.contexts.lock().unwrap().push(root.context());
                world.spans.lock().unwrap().push(root);
            }
            2..9 => {
                let contexts = world.contexts.lock().unwrap();
                let context = contexts.get(any(contexts.len(), &mut random)).cloned();
                drop(contexts);
                // a span that is neither recorded nor lost is not counted
                if let Some(context) = context.filter(Context::is_recording) {
                    let name = String::from("child");
                    let child = start(SpanBuilder::new(&name), Some(&context));
                    world.spans.lock().unwrap().push(child);
                }
            }
            9..11 => {
                let spans = world.spans.lock().unwrap();
                if let Some(span) = spans.get(any(spans.len(), &mut random)) {
                    match random.u8(..12) {
                        0 => span.fail("broken"),
                        1 => span.event("event", || [attr("a", 1)]),
                        2 => span.rename(&String::from("renamed")),
                        _ => span.set("more", "of it"),
                    }
                }
            }
            11..18 => {
                let mut spans = world.spans.lock().unwrap();
                if !spans.is_empty() {
                    let at = any(spans.len(), &mut random);
                    let span = spans.swap_remove(at);
                    drop(spans);
                    span.end();
                }
            }
            _ => {
                let mut contexts = world.contexts.lock().unwrap();
                if contexts.len() > 20 {
                    let at = any(contexts.len(), &mut random);
                    let context = contexts.swap_remove(at);
                    drop(contexts);
                    drop(context);
                }
            }
        }
    }
}

fn run(plan: &str, limits: Limits, seed: u64) {
    let (tracer, memory) = tracer_with(|builder| {
        let plan = plan.parse().unwrap();
        builder
            .plan(plan)
            .limits(limits)
            .ids(IdGenerator::Seeded(seed))
    });
    let world = World::default();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (world, tracer) = (&world, &tracer);
            scope.spawn(move || act(world, tracer, seed * THREADS + thread));
        }
    });
    let World {
        spans,
        contexts,
        started,
    } = world;
    drop((spans, contexts));
    tracer.flush(Duration::ZERO).unwrap();
    let (spans, stats, started) = (memory.take(), tracer.stats(), started.into_inner());

    let mut seen = HashSet::new();
    for span in &spans {
        let number = span.attribute("number").and_then(|number| number.as_i64());
        // only a root without room for the count lacks it
        assert!(number.is_none_or(|number| seen.insert(number)), "twice");
    }
    assert_eq!(spans.len() as u64, stats.handed_over, "{plan}");
    assert_eq!(
        stats.handed_over + stats.discarded + stats.lost_spans,
        started,
        "{plan}: {stats:?}"
    );
    // a trace is kept for a reason, which its root has unless there was no room for it
    let mut kept: HashMap<TraceId, bool> = HashMap::new();
    for span in &spans {
        let explained = span.text("hopline.kept").is_some() || span.dropped_attributes > 0;
        let reason = span.flags.is_sampled() || explained;
        *kept.entry(span.trace_id).or_default() |= reason;
    }
    assert!(kept.values().all(|reason| *reason), "{plan}");
    // nothing is held any more but what lies in the pool, which the next traces use
    let before = tracer.stats().buffer_bytes;
    assert!(before <= limits.total_bytes / 4, "{before}");
    SpanBuilder::new("next")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start()
        .end();
}

#[test]
fn every_span_is_exported_discarded_or_counted_as_lost() {
    let tight = Limits {
        spans_per_trace: 24,
        trace_bytes: 20 << 10,
        total_bytes: 400 << 10,
        ..Limits::default()
    };
    for seed in 0..4 {
        for limits in [Limits::default(), tight] {
            run("* 100%", limits, seed);
            run("* 0%; keep errors", limits, seed);
            run("* 30%; keep errors", limits, seed);
        }
    }
}
