//! Contexts that are entered and exited apart, as bridges from other libraries do.

use hopline_core::bridge::{current_ids, enter, exit, exit_all};
use hopline_core::{Context, FutureExt, SpanId, TraceId};

/// A context with this span id.
fn context(span: u64) -> Context {
    let ids = |span| {
        hopline_core::SpanContext::new(
            TraceId::from_u128(7).unwrap(),
            SpanId::from_u64(span).unwrap(),
            hopline_core::TraceFlags::NONE,
        )
    };
    Context::remote(hopline_core::Incoming {
        parent: Some(ids(span)),
        ..Default::default()
    })
}

/// The span id of what is current; 0 for none.
fn current() -> u64 {
    let ids = current_ids();
    assert_eq!(
        ids.map(|(_, span)| span),
        Context::current().span_context().map(|s| s.span_id())
    );
    ids.map_or(0, |(_, span)| {
        u64::from_str_radix(&span.to_string(), 16).unwrap()
    })
}

#[test]
fn what_is_entered_is_current_until_its_exit() {
    enter(1, &context(1));
    assert_eq!(current(), 1);
    enter(2, &context(2));
    assert_eq!(current(), 2);
    exit(2);
    assert_eq!(current(), 1);
    exit(1);
    assert_eq!(current(), 0);
}

#[test]
fn exits_in_another_order_take_effect_when_the_newer_ones_are_exited() {
    for n in 1..=4 {
        enter(n, &context(n));
    }
    exit(2);
    exit(3);
    assert_eq!(current(), 4);
    exit(4);
    assert_eq!(current(), 1);
    exit(1);
    assert_eq!(current(), 0);
}

#[test]
fn a_span_entered_again_is_exited_as_often() {
    enter(1, &context(1));
    enter(2, &context(2));
    enter(1, &context(1));
    exit(1);
    assert_eq!(current(), 2);
    exit(2);
    exit(1);
    exit(1);
    exit(9);
    assert_eq!(current(), 0);
}

#[test]
fn the_end_of_a_span_exits_all_its_entries() {
    enter(1, &context(1));
    enter(2, &context(2));
    enter(1, &context(1));
    exit_all(1);
    assert_eq!(current(), 2);
    exit(2);
    assert_eq!(current(), 0);
}

#[test]
fn a_scope_exits_what_was_entered_in_it_and_restores_what_was_there() {
    let request = context(10);
    enter(1, &context(1));
    request.scope(|| {
        assert_eq!(current(), 10);
        enter(2, &context(2));
        assert_eq!(current(), 2);
    });
    assert_eq!(current(), 1);
    // the guard that was left behind
    exit(2);
    assert_eq!(current(), 1);
    request.scope(|| assert_eq!(current(), 10));
    exit(1);
    assert_eq!(current(), 0);
}

#[test]
fn an_exit_within_a_scope_takes_effect_at_the_scopes_end() {
    enter(1, &context(1));
    enter(2, &context(2));
    context(10).scope(|| {
        exit(2);
        exit(1);
        assert_eq!(current(), 10);
        context(11).scope(|| assert_eq!(current(), 11));
        assert_eq!(current(), 10);
    });
    assert_eq!(current(), 0);
}

#[test]
fn a_scope_that_panics_restores_what_was_there() {
    let panicked = std::panic::catch_unwind(|| {
        context(10).scope(|| {
            enter(1, &context(1));
            panic!("with a context entered");
        })
    });
    assert!(panicked.is_err());
    assert_eq!(current(), 0);
}

#[tokio::test]
async fn a_guard_held_across_an_await_reaches_no_other_task() {
    let first = async {
        enter(1, &context(1));
        tokio::task::yield_now().await;
        assert_eq!(
            current(),
            10,
            "the next poll begins with the task's own context"
        );
        exit(1);
        assert_eq!(current(), 10);
    };
    let second = async {
        tokio::task::yield_now().await;
        assert_eq!(current(), 0);
    };
    tokio::join!(first.in_context(context(10)), second);
    assert_eq!(current(), 0);
}

#[test]
fn leaked_guards_do_not_grow_the_stack_without_end() {
    for n in 0..3_000 {
        enter(n, &context(n + 1));
    }
    assert_eq!(current(), 1024);
    for n in 0..3_000 {
        exit(n);
    }
    assert_eq!(current(), 0);
}
