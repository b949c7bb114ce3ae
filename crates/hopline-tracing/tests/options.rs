//! Options of the layer, each with a subscriber of its own.

use hopline_core::export::{OwnedValue, StatusData};
use hopline_core::{Context, Incoming, Span, SpanBuilder, span};
use hopline_testing::Spans;
use hopline_tracing::{Builder, SpanExt as _, builder, layer};
use tracing::subscriber::with_default;
use tracing::{Level, error, info, info_span};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::{EnvFilter, fmt, registry, reload};

/// Runs `work` in a request under a layer with these options.
fn inside(options: Builder, work: impl FnOnce()) -> Spans {
    let (tracer, spans) = hopline_testing::tracer("shop");
    with_default(registry().with(options.layer()), || {
        root(&tracer).in_scope(work);
    });
    spans
}

fn root(tracer: &hopline_core::Tracer) -> Span {
    SpanBuilder::new("GET /")
        .tracer(tracer)
        .parent(Incoming::default())
        .start()
}

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn parent() -> Incoming {
    let headers = std::collections::HashMap::from([("traceparent".to_owned(), PARENT.to_owned())]);
    Incoming::extract(&headers)
}

#[test]
fn levels_and_targets_choose_what_is_bridged() {
    let work = || {
        tracing::debug_span!(target: "shop::db", "detail").in_scope(|| {});
        info_span!(target: "hyper", "connection").in_scope(|| {});
        info_span!(target: "shop", "order").in_scope(|| {});
    };
    let names = |options: Builder| {
        let spans = inside(options, work).all();
        let mut names: Vec<String> = spans.into_iter().map(|span| span.name).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(builder()), ["GET /", "connection", "order"]);
    let debug = names(builder().level(Level::DEBUG));
    assert_eq!(debug, ["GET /", "connection", "detail", "order"]);
    let targets: Targets = "off,shop=debug".parse().unwrap();
    assert_eq!(
        names(builder().targets(targets)),
        ["GET /", "detail", "order"]
    );
    assert_eq!(names(builder().deny(["shop"])), ["GET /", "connection"]);
}

#[test]
fn denied_targets_can_be_allowed() {
    let work = || info!(target: "sqlx::query", "slow statement");
    assert_eq!(inside(builder(), work).all()[0].events.len(), 0);
    assert_eq!(inside(builder().deny([]), work).all()[0].events.len(), 1);
}

#[test]
fn metadata_is_recorded_by_option_only() {
    let work = || info_span!(target: "shop", "order").in_scope(|| {});
    let spans = inside(builder(), work);
    assert_eq!(spans.named("order")[0].attributes, []);
    let all = builder()
        .location()
        .threads()
        .timings()
        .target()
        .span_level();
    let spans = inside(all, work);
    let order = &spans.named("order")[0];
    let keys: Vec<&str> = order.attributes.iter().map(|(key, _)| &**key).collect();
    assert_eq!(
        keys,
        [
            "code.file.path",
            "code.line.number",
            "code.namespace",
            "thread.name",
            "target",
            "level",
            "busy_ns",
            "idle_ns"
        ]
    );
    spans
        .one("order")
        .attribute("level", "INFO")
        .attribute("target", "shop");
}

#[test]
fn timings_add_up_to_the_spans_duration() {
    let spans = inside(builder().timings(), || {
        let span = info_span!("work");
        for _ in 0..3 {
            span.in_scope(|| std::thread::sleep(std::time::Duration::from_millis(2)));
        }
    });
    let work = &spans.named("work")[0];
    let nanos = |key| match work.attribute(key) {
        Some(OwnedValue::I64(nanos)) => *nanos,
        other => panic!("{key}: {other:?}"),
    };
    assert!(nanos("busy_ns") >= 6_000_000);
    let sum = nanos("busy_ns") + nanos("idle_ns");
    assert!(sum <= i64::try_from(work.duration_nanos()).unwrap() + 1_000_000);
}

#[test]
fn events_and_failures_by_events_can_be_switched_off() {
    let work = || {
        let _span = info_span!("order").entered();
        error!("broken");
    };
    let order = |options: Builder| inside(options, work).named("order").remove(0);
    let quiet = order(builder().without_events());
    assert!(quiet.events.is_empty() && quiet.status != StatusData::Unset);
    let unharmed = order(builder().errors_fail(false));
    assert!(unharmed.events.len() == 1 && unharmed.status == StatusData::Unset);
}

#[test]
fn chosen_levels_start_traces_of_their_own() {
    let (tracer, spans) = hopline_testing::tracer("jobs");
    let layer = builder()
        .roots(Level::INFO)
        .level(Level::DEBUG)
        .tracer(tracer);
    with_default(registry().with(layer.layer()), || {
        let job = info_span!("job", late = tracing::field::Empty, otel.kind = "consumer");
        job.record("late", 1);
        job.in_scope(|| {
            tracing::debug_span!("step").in_scope(|| span("db.query").end());
        });
        tracing::debug_span!("no root").in_scope(|| {
            info_span!("second job").in_scope(|| {});
        });
        drop(info_span!("never entered"));
    });
    let tree = spans.tree();
    assert!(
        tree.contains("job ▸ jobs\n└─ step\n   └─ db.query\n"),
        "{tree}"
    );
    assert!(tree.contains("second job ▸ jobs\n"), "{tree}");
    assert_eq!(spans.all().len(), 4, "{tree}");
    let job = &spans.named("job")[0];
    assert_eq!(job.attribute("late"), Some(&OwnedValue::I64(1)));
    assert_eq!(job.kind, hopline_core::SpanKind::Consumer);
}

#[test]
fn errors_of_a_root_are_recorded_as_its_tracer_records_them() {
    for (messages, expected) in [(false, "REDACTED"), (true, "out of range")] {
        let (tracer, spans) =
            hopline_testing::tracer_with(|t| if messages { t.error_messages() } else { t });
        let layer = builder().roots(Level::INFO).tracer(tracer).layer();
        with_default(registry().with(layer), || {
            let error = std::io::Error::other("out of range");
            let error: &(dyn std::error::Error + 'static) = &error;
            let job = info_span!("job", cause = error, late = tracing::field::Empty);
            job.record("late", error);
            job.in_scope(|| {});
        });
        let job = spans.one("job").attribute("cause", expected);
        job.attribute("late", expected);
    }
}

#[test]
fn a_parent_makes_a_span_outside_any_trace_part_of_that_trace() {
    let (tracer, spans) = hopline_testing::tracer("worker");
    with_default(registry().with(builder().tracer(tracer).layer()), || {
        let process = info_span!("process", attempt = 1);
        process.set_parent(parent()).unwrap();
        process.in_scope(|| info_span!("step").in_scope(|| {}));
        let late = process.set_parent(parent()).unwrap_err();
        assert!(late.is_started(), "{late}");
    });
    let process = &spans.named("process")[0];
    assert_eq!(process.trace_id.to_string(), PARENT[3..35]);
    assert_eq!(process.parent.unwrap().to_string(), PARENT[36..52]);
    assert_eq!(process.attribute("attempt"), Some(&OwnedValue::I64(1)));
    spans.one("step").child_of("process");
}

#[test]
fn the_extension_acts_on_the_span_wherever_it_is() {
    let spans = inside(builder(), || {
        let span = info_span!("order");
        let context = span.context();
        let linked = Context::current().span_context().unwrap();
        std::thread::spawn(move || {
            span.set("queue", "mails").unwrap();
            span.link(&linked).unwrap();
            span.event("retried", || []).unwrap();
            span.rename("order.place").unwrap();
            span.fail("timeout").unwrap();
        })
        .join()
        .unwrap();
        context.scope(|| hopline_core::span("child").end());
    });
    let order = &spans.named("order.place")[0];
    assert_eq!(order.links.len(), 1);
    assert_eq!(order.events[0].name, "retried");
    spans
        .one("order.place")
        .attribute("queue", "mails")
        .attribute("error.type", "timeout");
    spans.one("child").child_of("order.place");
}

#[test]
fn the_extension_returns_errors_where_it_can_do_nothing() {
    inside(builder(), || {
        let hidden = tracing::trace_span!("hidden");
        assert!(hidden.set("a", 1).unwrap_err().is_disabled());
    });
    with_default(registry().with(layer()), || {
        let outside = info_span!("outside");
        let error = outside.fail("x").unwrap_err();
        assert!(error.is_outside(), "{error}");
        assert!(!outside.context().is_recording());
    });
    with_default(registry(), || {
        let error = info_span!("bare").set("a", 1).unwrap_err();
        assert!(error.is_no_layer());
        assert_eq!(format!("{error:?}"), error.to_string());
    });
    // a trace that is not sampled is no mistake
    let (tracer, _) = hopline_testing::tracer_with(|t| t.plan("* 0%".parse().unwrap()));
    with_default(registry().with(layer()), || {
        root(&tracer).in_scope(|| info_span!("unsampled").set("a", 1).unwrap());
    });
}

#[test]
fn the_context_of_a_span_is_found_under_reload_too() {
    let (tracer, spans) = hopline_testing::tracer("shop");
    let (layer, _handle) = reload::Layer::new(layer().boxed());
    with_default(registry().with(layer), || {
        root(&tracer).in_scope(|| {
            let span = info_span!("order");
            span.context().scope(|| hopline_core::span("child").end());
        });
    });
    spans.one("child").child_of("order");
}

#[test]
fn filters_of_other_layers_hide_lines_and_not_spans() {
    let (tracer, spans) = hopline_testing::tracer("shop");
    let quiet = fmt::layer().with_filter(EnvFilter::new("off"));
    with_default(registry().with(quiet).with(layer()), || {
        root(&tracer).in_scope(|| info_span!("order").in_scope(|| info!("placed")));
    });
    assert_eq!(spans.named("order")[0].events.len(), 1);
}

#[test]
fn muted_work_makes_no_spans() {
    let spans = inside(builder(), || {
        Context::muted().scope(|| info_span!("export").in_scope(|| info!("sent")));
    });
    assert_eq!(spans.all().len(), 1);
    assert!(spans.all()[0].events.is_empty());
}
