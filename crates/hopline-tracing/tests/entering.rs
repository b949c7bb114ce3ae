//! Enter and exit in every order, on any thread.

mod support;

use std::sync::Barrier;

use hopline_core::{Context, FutureExt as _, span};
use support::request;
use tracing::info_span;
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;

#[test]
fn a_span_entered_again_is_left_as_often() {
    let (mut root, spans) = request();
    root.in_scope(|| {
        let outer = info_span!("outer");
        let first = outer.enter();
        {
            let _inner = info_span!("inner").entered();
            let _second = outer.enter();
            span("in outer, again").end();
        }
        span("in outer").end();
        drop(first);
        span("in request").end();
    });
    root.end();
    spans.one("in outer, again").child_of("outer");
    spans.one("in outer").child_of("outer");
    spans.one("in request").child_of("GET /");
}

#[test]
fn guards_dropped_in_another_order_leave_the_right_context() {
    let (mut root, spans) = request();
    root.in_scope(|| {
        let first = info_span!("first").entered();
        let second = info_span!("second").entered();
        drop(first);
        span("in second").end();
        drop(second);
        span("in request").end();
    });
    root.end();
    spans.one("in second").child_of("second");
    spans.one("in request").child_of("GET /");
}

#[test]
fn a_span_entered_on_two_threads_at_once_is_current_on_both() {
    let (mut root, spans) = request();
    root.in_scope(|| {
        let shared = info_span!("shared");
        let both = Barrier::new(2);
        std::thread::scope(|threads| {
            for name in ["one", "two"] {
                let (shared, both) = (&shared, &both);
                threads.spawn(move || {
                    let guard = shared.enter();
                    both.wait();
                    span(name).end();
                    both.wait();
                    drop(guard);
                    assert!(!Context::current().is_recording());
                });
            }
        });
    });
    root.end();
    spans.one("one").child_of("shared");
    spans.one("two").child_of("shared");
}

#[test]
fn a_span_closed_while_entered_is_current_no_longer() {
    let (mut root, spans) = request();
    root.in_scope(|| {
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let closed = info_span!("closed");
        let id = closed.id().unwrap();
        dispatch.enter(&id);
        drop(closed);
        span("after").end();
        dispatch.exit(&id);
        span("later").end();
    });
    root.end();
    spans.one("after").child_of("GET /");
    spans.one("later").child_of("GET /");
}

#[test]
fn the_close_of_a_span_ends_no_span_of_another_subscriber_with_the_same_id() {
    let (mut root, spans) = request();
    let subscriber = || tracing_subscriber::registry().with(hopline_tracing::layer());
    root.in_scope(|| {
        with_default(subscriber(), || {
            let outer = info_span!("outer").entered();
            let id = outer.id();
            with_default(subscriber(), || {
                let twin = info_span!("twin");
                assert_eq!(twin.id(), id, "each registry counts for itself");
                twin.in_scope(|| span("in twin").end());
            });
            span("in outer").end();
        });
        span("later").end();
    });
    root.end();
    spans.one("in twin").child_of("twin");
    spans.one("in outer").child_of("outer");
    spans.one("later").child_of("GET /");
}

/// Two requests on one thread, both holding guards across awaits: the mistake that the documentation of `tracing`
/// warns of.
#[tokio::test]
async fn guards_held_across_awaits_never_join_requests() {
    let (first, first_spans) = request();
    let (second, second_spans) = request();
    let work = |name: &'static str| async move {
        for _ in 0..3 {
            let guard = info_span!("held").entered();
            tokio::task::yield_now().await;
            span(name).end();
            tokio::task::yield_now().await;
            drop(guard);
        }
    };
    tokio::join!(
        work("of first").in_span(first),
        work("of second").in_span(second)
    );
    assert!(!Context::current().is_recording());
    for (spans, mine, other) in [
        (first_spans, "of first", "of second"),
        (second_spans, "of second", "of first"),
    ] {
        assert_eq!(spans.named(mine).len(), 3);
        assert_eq!(spans.named(other).len(), 0);
        assert_eq!(spans.all().len(), 7, "{}", spans.tree());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_span_that_moves_between_threads_keeps_its_children() {
    use tracing::Instrument as _;

    let (root, spans) = request();
    async {
        let span = info_span!("moving");
        let parts = (0..50).map(|_| {
            let part = async {
                tokio::task::yield_now().await;
                hopline_core::span("part").end();
            };
            tokio::spawn(part.instrument(span.clone()))
        });
        for part in parts.collect::<Vec<_>>() {
            part.await.unwrap();
        }
    }
    .in_span(root)
    .await;
    assert_eq!(spans.named("part").len(), 50);
    let moving = spans.named("moving")[0].span_id;
    assert!(
        spans
            .named("part")
            .iter()
            .all(|part| part.parent == Some(moving))
    );
}

#[test]
fn threads_that_end_with_a_span_entered_do_no_harm() {
    let (mut root, spans) = request();
    root.in_scope(|| {
        let span = info_span!("left behind");
        let context = Context::current();
        std::thread::spawn(move || {
            context.scope(|| std::mem::forget(span.entered()));
        })
        .join()
        .unwrap();
    });
    root.end();
    assert!(spans.named("left behind").is_empty(), "it never closed");
    spans.one("GET /");
}
