//! Instrumentation scopes. A separate binary, because they are registered for the process.

use std::sync::atomic::{AtomicU32, Ordering};

use hopline_core::{
    Incoming, InstrumentationScope, Notice, SpanBuilder, SpanKind, Tracer, export::SpanData,
    set_notice_hook, span,
};
use hopline_testing::tracer_with;

const LONG: std::time::Duration = std::time::Duration::from_secs(30);

static NOTICES: AtomicU32 = AtomicU32::new(0);

/// A scope of this name, for ever.
fn scope(name: String) -> &'static InstrumentationScope {
    Box::leak(Box::new(InstrumentationScope::new(name.leak(), "2.1.0")))
}

#[test]
fn spans_have_their_scopes_up_to_the_limit() {
    set_notice_hook(|notice| {
        assert_eq!(notice.kind, "scopes");
        assert!(
            notice.message.contains("library-255 2.1.0"),
            "{}",
            notice.message
        );
        NOTICES.fetch_add(1, Ordering::Relaxed);
    });
    let (tracer, spans) = tracer_with(|tracer| tracer);
    let record = |scope: &'static InstrumentationScope| {
        let builder = SpanBuilder::new("work")
            .kind(SpanKind::Consumer)
            .scope(scope);
        builder
            .tracer(&tracer)
            .parent(Incoming::default())
            .start()
            .end();
        spans.take().remove(0)
    };
    let shown = |span: &SpanData| format!("{} {}", span.scope.name, span.scope.version);

    let all: Vec<&InstrumentationScope> = (0..300)
        .map(|number| scope(format!("library-{number}")))
        .collect();
    // a crate may be first in use by many threads at once
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                let other = Tracer::builder().build();
                let builder = SpanBuilder::new("work").scope(all[0]);
                builder
                    .tracer(&other)
                    .parent(Incoming::default())
                    .start()
                    .end();
            });
        }
    });
    for (number, scope) in all[..255].iter().enumerate() {
        let span = record(scope);
        assert_eq!(shown(&span), format!("library-{number} 2.1.0"));
        assert_eq!(span.kind, SpanKind::Consumer);
    }
    // two statics of one library are one scope, and need no room
    assert_eq!(
        shown(&record(scope("library-7".to_owned()))),
        "library-7 2.1.0"
    );
    assert!(Notice::flush(LONG));
    assert_eq!(NOTICES.load(Ordering::Relaxed), 0);

    let own = format!("hopline {}", env!("CARGO_PKG_VERSION"));
    for scope in &all[255..] {
        assert_eq!(shown(&record(scope)), own);
        assert_eq!(shown(&record(scope)), own);
    }
    assert!(Notice::flush(LONG));
    assert_eq!(NOTICES.load(Ordering::Relaxed), 1, "once");
    assert_eq!(shown(&record(all[254])), "library-254 2.1.0");

    let root = SpanBuilder::new("request").scope(all[3]);
    let mut root = root.tracer(&tracer).parent(Incoming::default()).start();
    root.in_scope(|| span("inside").end());
    root.end();
    let names = |span: &SpanData| (span.name.clone(), shown(span));
    assert_eq!(
        spans.take().iter().map(names).collect::<Vec<_>>(),
        [
            ("request".to_owned(), "library-3 2.1.0".to_owned()),
            ("inside".to_owned(), own)
        ],
        "it is not its parent's"
    );
}
