//! Tail rules: unsampled traces that are kept.

use std::time::{Duration, SystemTime};

use hopline_core::{
    Clock, SamplingPlan, SpanBuilder, sampling::SamplingRule, span, time::ManualClock,
};
use hopline_test_support::start::{PARENT, clocked, incoming, names, root, unsampled};
use hopline_testing::tracer_with;

#[test]
fn unsampled_traces_with_errors_are_kept() {
    let (tracer, memory) = tracer_with(|builder| builder.plan(unsampled().keep_errors()));
    let mut fine = root(&tracer, "fine");
    fine.in_scope(|| span("child").end());
    fine.end();
    assert_eq!(names(&memory), [""; 0]);

    let mut failing = root(&tracer, "failing");
    assert!(
        !failing.span_context().unwrap().is_sampled(),
        "the flag is that of the decision at the start"
    );
    failing.in_scope(|| span("child").fail("timeout"));
    failing.end();
    let spans = memory.take();
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[0].text("hopline.kept"), Some("error"));
    assert!(!spans[0].flags.is_sampled());

    let parent = PARENT.replace("-01", "-00");
    let request = SpanBuilder::new("request")
        .tracer(&tracer)
        .parent(incoming(&parent))
        .start();
    request.fail("500");
    request.end();
    assert_eq!(
        names(&memory),
        ["request"],
        "also under a parent that was not sampled"
    );
}

#[test]
fn slow_and_forced_traces_are_kept() {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let plan = unsampled().keep_slower(Duration::from_millis(500));
    let (tracer, memory) =
        tracer_with(|builder| builder.plan(plan).clock(Clock::Manual(clock.clone())));
    for millis in [499, 500] {
        let request = root(&tracer, "request");
        clock.advance(Duration::from_millis(millis));
        request.end();
    }
    let slow = memory.take();
    assert_eq!(slow.len(), 1);
    assert_eq!(
        (slow[0].text("hopline.kept"), slow[0].duration_nanos()),
        (Some("slow"), 500_000_000)
    );
    root(&tracer, "request").keep();
    assert_eq!(memory.take()[0].text("hopline.kept"), Some("forced"));
}

#[test]
fn kept_errors_are_limited_to_the_rate_of_the_plan() {
    for (plan, kept_at_once, kept_later) in [
        ("* 0%; keep errors", 10_000, 10_000),
        ("* 0%; keep errors 100/s", 100, 100),
        ("* 0%; budget 1/s; keep errors", 1, 1),
        ("* 0%; budget 20/s; keep errors", 20, 20),
        ("* 0%; budget 1/s; keep errors 100/s", 100, 100),
    ] {
        let (tracer, clock, memory) = clocked(plan);
        for expected in [kept_at_once, kept_later] {
            for _ in 0..10_000 {
                let request = root(&tracer, "request");
                request.fail("500");
                request.end();
            }
            let _ = tracer.flush(Duration::ZERO);
            let kept = memory.take();
            assert_eq!(kept.len(), expected, "{plan}");
            assert!(
                kept.iter()
                    .all(|span| span.text("hopline.kept") == Some("error"))
            );
            // the rule is recorded as it is written, so that it is found in the plan and parses
            let rule = kept[0].text("hopline.sampling.rule").unwrap();
            assert!(plan.ends_with(rule) && rule.parse::<SamplingPlan>().is_ok());
            clock.advance(Duration::from_secs(1));
        }
        let let_go = 20_000 - kept_at_once - kept_later;
        assert_eq!(
            tracer.stats().errors_let_go,
            let_go as u64,
            "{plan}: the rest is counted"
        );
    }
}

#[test]
fn kept_slow_traces_are_limited_to_the_rate_of_the_plan() {
    for (plan, kept_each_second) in [
        ("* 0%; keep slower 500ms", 200),
        ("* 0%; keep slower 500ms 50/s", 50),
        ("* 0%; budget 1/s; keep slower 500ms", 1),
        ("* 0%; budget 1/s; keep slower 500ms 50/s", 50),
    ] {
        let (tracer, clock, memory) = clocked(plan);
        for _ in 0..2 {
            // as uploads that a client makes slow
            let uploads: Vec<_> = (0..200).map(|_| root(&tracer, "upload")).collect();
            clock.advance(Duration::from_secs(1));
            drop(uploads);
            let _ = tracer.flush(Duration::ZERO);
            let kept = memory.take();
            assert_eq!(kept.len(), kept_each_second, "{plan}");
            assert_eq!(kept[0].text("hopline.kept"), Some("slow"));
            let rule = kept[0].text("hopline.sampling.rule").unwrap();
            assert!(plan.ends_with(rule) && rule.parse::<SamplingPlan>().is_ok());
        }
        let let_go = 2 * (200 - kept_each_second) as u64;
        let stats = tracer.stats();
        assert_eq!((stats.slow_let_go, stats.errors_let_go), (let_go, 0));
        assert_eq!(stats.discarded, let_go, "{plan}: the rest is counted");
    }
}

#[test]
fn traces_under_a_never_rule_are_never_recorded() {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let plan = "/health never; /ready 0%; * 100%; keep errors; keep slower 500ms; keep forced";
    let (tracer, memory) = tracer_with(|builder| {
        let clock = Clock::Manual(clock.clone());
        builder.plan(plan.parse().unwrap()).clock(clock)
    });
    let check = |path: &str, parent: Option<&str>| {
        let incoming = parent.map(incoming).unwrap_or_default();
        let mut request = SpanBuilder::new("GET")
            .path(path)
            .tracer(&tracer)
            .parent(incoming)
            .start();
        request.fail("503");
        request.keep();
        clock.advance(Duration::from_secs(1));
        let sent = request.in_scope(|| span("inside").span_context().unwrap());
        request.end();
        (memory.take().len(), sent.is_sampled())
    };
    assert_eq!(check("/health", None), (0, false));
    assert_eq!(
        check("/health", Some(PARENT)),
        (0, false),
        "and calls inside carry a context that is not sampled"
    );
    assert_eq!(check("/ready", None), (2, false), "its failure is kept");
    assert_eq!(check("/ready", Some(PARENT)), (2, true));
    assert_eq!(check("/", None), (2, true));
    assert_eq!(tracer.stats().discarded, 0, "and costs no buffer");
}

#[test]
fn local_roots_only_leaves_alone_what_another_process_did_not_sample() {
    let failing = |plan: &str, parent: Option<&str>| {
        let (tracer, memory) = tracer_with(|builder| builder.plan(plan.parse().unwrap()));
        let incoming = parent.map(incoming).unwrap_or_default();
        let request = SpanBuilder::new("request")
            .tracer(&tracer)
            .parent(incoming)
            .start();
        request.fail("500");
        request.end();
        !memory.take().is_empty()
    };
    let unsampled = PARENT.replace("-01", "-00");
    assert!(failing("* 0%; keep errors", Some(&unsampled)));
    assert!(!failing(
        "* 0%; keep errors; local roots only",
        Some(&unsampled)
    ));
    assert!(failing("* 0%; keep errors; local roots only", None));
    assert!(failing("* 0%; keep errors; local roots only", Some(PARENT)));
}

#[test]
fn a_plan_is_exchanged_for_traces_that_begin_from_then_on() {
    let (tracer, memory) =
        tracer_with(|builder| builder.plan("* 0%; keep errors".parse().unwrap()));
    let before = root(&tracer, "before");
    tracer.set_plan("* 0%".parse().unwrap());
    let after = root(&tracer, "after");
    for request in [before, after] {
        request.fail("500");
        request.end();
    }
    assert_eq!(names(&memory), ["before"], "by the rules it began with");
    tracer.set_plan(
        SamplingPlan::new()
            .rule(SamplingRule::always().name("b*"))
            .others(0.0),
    );
    let _ = (root(&tracer, "a"), root(&tracer, "b"));
    assert_eq!(names(&memory), ["b"]);
}

#[test]
fn what_is_promised_is_kept() {
    let (tracer, memory) =
        tracer_with(|builder| builder.plan("* 0%; keep errors 1/s".parse().unwrap()));
    let quiet = root(&tracer, "quiet");
    assert!(!quiet.context_ref().promise_keep(), "nothing has failed");
    let (first, second) = (root(&tracer, "first"), root(&tracer, "second"));
    first.fail("500");
    second.fail("500");
    assert!(first.context_ref().promise_keep() && first.context_ref().promise_keep());
    assert!(!second.context_ref().promise_keep(), "one a second");
    let behind = root(&tracer, "behind");
    behind.context_ref().keep_downstream();
    assert!(behind.context_ref().promise_keep());
    drop((quiet, first, second, behind));
    let kept: Vec<_> = memory
        .take()
        .iter()
        .map(|span| {
            (
                span.name.clone(),
                span.text("hopline.kept").map(str::to_owned),
            )
        })
        .collect();
    assert_eq!(
        kept,
        [
            ("first".to_owned(), Some("error".to_owned())),
            ("behind".to_owned(), Some("downstream".to_owned()))
        ]
    );
    assert_eq!(tracer.stats().errors_let_go, 1);
}
