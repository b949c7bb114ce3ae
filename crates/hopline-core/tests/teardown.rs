//! Spans in the destructors of thread-locals, where the thread's other locals may be gone: a panic there is an abort.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;

use hopline_core::{
    Context, Incoming, Limits, Notice, SpanBuilder, SpanKind, Tracer, attr, notify, span,
};
use hopline_test_support::start::{names, root};
use hopline_testing::Spans;

/// Works with spans in its destructor.
struct Last(Option<Tracer>);

impl Drop for Last {
    fn drop(&mut self) {
        let Some(tracer) = self.0.take() else { return };
        let mut request = root(&tracer, "root");
        request.in_scope(|| {
            span("child").end();
            let call = SpanBuilder::new("call").kind(SpanKind::Client);
            call.child_of(&Context::current()).start().end();
        });
        request.set_all(|| [attr("key", "value")]);
        request.record_error(&Failed);
        // beyond the limit of spans, so that there is a notice as well
        let more: Vec<_> = (0..5)
            .map(|_| {
                SpanBuilder::new("more")
                    .child_of(request.context_ref())
                    .start()
            })
            .collect();
        drop((more, request));
        // what is not sampled draws its ids from the other generator
        tracer.set_plan("* 0%".parse().unwrap());
        let incoming = Incoming::default();
        drop(
            SpanBuilder::new("unsampled")
                .tracer(&tracer)
                .parent(incoming)
                .start(),
        );
        tracer.set_plan("* 100%".parse().unwrap());
        notify("teardown", || "the thread ends".to_owned());
        assert!(tracer.flush(std::time::Duration::ZERO).is_ok());
    }
}

#[derive(Debug)]
struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed")
    }
}

impl Error for Failed {}

thread_local! {
    static FIRST: RefCell<Last> = const { RefCell::new(Last(None)) };
    static SECOND: RefCell<Last> = const { RefCell::new(Last(None)) };
}

#[test]
fn spans_in_destructors_of_thread_locals_are_recorded_and_abort_nothing() {
    let memory = Spans::new();
    let limits = Limits {
        spans_per_trace: 4,
        ..Limits::default()
    };
    let tracer = Tracer::builder()
        .sink(memory.sink())
        .limits(limits)
        .error_messages()
        .build();
    // on a thread that has used spans before, after, or not at all when its first local is made
    for (before, between) in [(false, false), (true, false), (false, true)] {
        let tracer = tracer.clone();
        let work = move || {
            let set = |last: &RefCell<Last>| last.borrow_mut().0 = Some(tracer.clone());
            if before {
                root(&tracer, "before").end();
            }
            FIRST.with(set);
            if between {
                root(&tracer, "between").end();
            }
            SECOND.with(set);
        };
        std::thread::spawn(work).join().unwrap();
        let names = names(&memory);
        let last = names.iter().filter(|name| *name == "root").count();
        assert_eq!(last, 2, "{names:?}");
    }
    assert_eq!(tracer.stats().panics, 0);
    assert!(Notice::flush(std::time::Duration::from_secs(30)));
}
