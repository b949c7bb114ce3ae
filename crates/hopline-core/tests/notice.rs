//! The notice hook is the application's code: a binary of its own, since there is one in a process.

use std::sync::atomic::{AtomicU32, Ordering};

use hopline_core::{
    Context, Incoming, Limits, SpanBuilder, Tracer, no_attrs, set_notice_hook, span,
};

static HEARD: AtomicU32 = AtomicU32::new(0);

#[test]
fn case_20_the_hook_may_use_the_span_that_is_current_and_may_panic() {
    set_notice_hook(|notice| {
        assert_eq!(notice.kind, "limit");
        Context::current().event("notice", no_attrs);
        HEARD.fetch_add(1, Ordering::Relaxed);
        panic!("a hook's bug");
    });
    let limits = Limits {
        spans_per_trace: 2,
        ..Limits::default()
    };
    let tracer = Tracer::builder().limits(limits).build();
    let mut request =
        SpanBuilder::new("request").start_root(Some(&tracer), Incoming::default(), no_attrs);
    // none has ended, so none can be let go to make room
    let children: Vec<_> = request.in_scope(|| (0..5).map(|_| span("child")).collect());
    assert_eq!(HEARD.load(Ordering::Relaxed), 1, "once in ten seconds");
    assert_eq!(tracer.stats().lost_spans, 4);
    drop(children);
}
