//! Events of `tracing` and records of `log` as span events.

mod support;

use std::sync::OnceLock;

use hopline_core::Span;
use hopline_core::export::{EventData, OwnedValue, StatusData};
use hopline_testing::Spans;
use support::request;
use tracing::{Level, debug, error, info, info_span, instrument, warn};

fn inside(work: impl FnOnce()) -> Spans {
    let (mut root, spans) = request();
    root.in_scope(work);
    root.end();
    spans
}

fn events(spans: &Spans, span: &str) -> Vec<EventData> {
    spans.named(span).remove(0).events
}

fn value(event: &EventData, key: &str) -> Option<String> {
    let mut found = event.attributes.iter();
    let (_, value) = found.find(|(name, _)| name == key)?;
    Some(value.to_string())
}

#[test]
fn an_event_has_name_level_target_and_typed_fields() {
    let spans = inside(|| {
        info!(target: "shop::orders", order = 7, paid = true, "order {}", "placed");
        warn!("low");
        debug!("hidden by the level");
    });
    let events = events(&spans, "GET /");
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].name, "order placed");
    assert_eq!(value(&events[0], "level").unwrap(), "INFO");
    assert_eq!(value(&events[0], "target").unwrap(), "shop::orders");
    let order = &events[0].attributes[2];
    assert_eq!(order, &("order".into(), OwnedValue::I64(7)));
    assert_eq!(value(&events[1], "level").unwrap(), "WARN");
}

#[test]
fn an_event_belongs_to_its_explicit_parent_else_to_the_current_span() {
    let spans = inside(|| {
        let parent = info_span!("parent");
        let _current = info_span!("current").entered();
        info!("to current");
        info!(parent: &parent, "to parent");
        info!(parent: None, "to current, too");
    });
    let names = |span| events(&spans, span).into_iter().map(|event| event.name);
    assert!(names("current").eq(["to current", "to current, too"]));
    assert_eq!(events(&spans, "parent")[0].name, "to parent");
    assert_eq!(events(&spans, "GET /").len(), 0);
}

#[test]
fn an_error_event_fails_its_span_and_not_those_above() {
    let spans = inside(|| {
        let _inner = info_span!("inner").entered();
        error!(customer = 7, "broken");
    });
    let inner = &spans.named("inner")[0];
    assert!(matches!(&inner.status, StatusData::Error { message, .. } if message.is_empty()));
    spans.one("inner").attribute("error.type", "_OTHER");
    assert_eq!(spans.named("GET /")[0].status, StatusData::Unset);
}

#[instrument(err, ret)]
fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
    text.parse()
}

#[test]
fn instrument_err_fails_the_span_and_ret_is_an_event() {
    support::install();
    let (tracer, spans) = hopline_testing::tracer_with(|t| t.service("shop").error_messages());
    let mut root: Span = support::root(&tracer);
    root.in_scope(|| {
        assert!(parse("7").is_ok());
        assert!(parse("x").is_err());
    });
    root.end();
    let calls = spans.named("parse");
    let (good, bad) = (&calls[0], &calls[1]);
    assert_eq!(good.status, StatusData::Unset);
    assert_eq!(value(&good.events[0], "return").unwrap(), "7");
    let message = "invalid digit found in string";
    assert!(matches!(&bad.status, StatusData::Error { message: m, .. } if m == message));
    assert_eq!(bad.events[0].name, "exception");
    assert_eq!(value(&bad.events[0], "error").unwrap(), message);
}

#[test]
fn the_message_of_an_error_is_not_recorded_by_default() {
    let spans = inside(|| {
        let _ = parse("secret-order-number");
    });
    let call = &spans.named("parse")[0];
    assert!(matches!(&call.status, StatusData::Error { message, .. } if message.is_empty()));
    assert_eq!(value(&call.events[0], "error").unwrap(), "REDACTED");
}

#[test]
fn records_of_log_arrive_with_their_true_target_and_pass_the_same_filter() {
    static LOGGER: OnceLock<()> = OnceLock::new();
    LOGGER.get_or_init(|| tracing_log::LogTracer::init().unwrap());
    let spans = inside(|| {
        log::warn!(target: "shop::stock", "only {} left", 2);
        log::info!(target: "sqlx::query", "SELECT 'secret'");
        log::debug!(target: "shop::stock", "hidden by the level");
    });
    let events = events(&spans, "GET /");
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].name, "only 2 left");
    assert_eq!(value(&events[0], "target").unwrap(), "shop::stock");
    assert!(
        events[0]
            .attributes
            .iter()
            .all(|(key, _)| !key.starts_with("log."))
    );
}

#[test]
fn the_cores_limits_hold_and_what_is_dropped_is_counted() {
    support::install();
    let (tracer, spans) = hopline_testing::tracer_with(|t| {
        t.limits(hopline_core::Limits {
            events_per_span: 3,
            ..Default::default()
        })
    });
    support::root(&tracer).in_scope(|| {
        for n in 0..10 {
            tracing::event!(Level::INFO, n, "again");
        }
    });
    assert_eq!(spans.all()[0].events.len(), 3);
    assert_eq!(tracer.stats().lost_details, 7);
}

#[test]
fn targets_that_carry_raw_values_and_secret_fields_leak_nothing() {
    let spans = inside(|| {
        info!(target: "sqlx::query", statement = "SELECT 'hunter2'", "slow statement");
        info!(target: "lapin::returned_messages", "hunter2");
        info_span!(target: "tower_http::trace::make_span", "request", uri = "/?token=hunter2")
            .in_scope(|| {});
        info!(
            password = "hunter2",
            secret = 73_502,
            authorization = %"hunter2",
            form = ?std::collections::BTreeMap::from([("api_key", "hunter2")]),
            uri = "/login?token=hunter2",
            "Bearer hunter2hunter2hunter2"
        );
    });
    let everything = format!("{:?}", spans.all());
    assert!(!everything.contains("hunter2"), "{everything}");
    assert!(!everything.contains("73502"), "{everything}");
    assert_eq!(spans.all().len(), 1);
    assert_eq!(events(&spans, "GET /").len(), 1);
}
