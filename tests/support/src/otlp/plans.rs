//! Generated traces with spans of all kinds, recorded by a real tracer.

use std::time::{Duration, SystemTime};

use hopline_core::{
    Incoming, InstrumentationScope, Resource, SpanBuilder, SpanContext, SpanKind, Tracer, attr,
    export::OwnedValue, propagation::TraceState,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Given {
    Bool(bool),
    I64(i64),
    F64(f64),
    Text(String),
    Bools(Vec<bool>),
    I64s(Vec<i64>),
    F64s(Vec<f64>),
    Texts(Vec<String>),
}

/// One trace: a root, and children without details.
#[derive(Clone, Debug)]
pub struct Plan {
    name: String,
    kind: SpanKind,
    remote_parent: bool,
    state: Option<String>,
    start: u64,
    attributes: Vec<(String, Given)>,
    events: Vec<(String, Vec<(String, Given)>)>,
    links: Vec<(u128, u64, bool)>,
    error: Option<String>,
    /// The number of children.
    pub children: u8,
}

fn finite() -> impl Strategy<Value = f64> {
    any::<f64>().prop_map(|number| if number.is_finite() { number } else { -0.0 })
}

fn given() -> impl Strategy<Value = Given> {
    prop_oneof![
        any::<bool>().prop_map(Given::Bool),
        any::<i64>().prop_map(Given::I64),
        finite().prop_map(Given::F64),
        any::<String>().prop_map(Given::Text),
        "[a-z]{120,140}".prop_map(Given::Text),
        prop::collection::vec(any::<bool>(), 0..4).prop_map(Given::Bools),
        prop::collection::vec(any::<i64>(), 0..40).prop_map(Given::I64s),
        prop::collection::vec(finite(), 0..4).prop_map(Given::F64s),
        prop::collection::vec(any::<String>(), 0..4).prop_map(Given::Texts),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<(String, Given)>> {
    // few keys, so that some come twice
    prop::collection::vec(("[a-d]{1,2}", given()), 0..8)
}

/// Generates traces.
pub fn plan() -> impl Strategy<Value = Plan> {
    let kinds = [
        SpanKind::Internal,
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
    ];
    let state = prop::option::of("[a-z]{1,5}=[a-z0-9]{1,9}");
    let parts = (
        any::<String>(),
        prop::sample::select(kinds.to_vec()),
        any::<bool>(),
        state,
        0..u64::from(u32::MAX) * 1_000_000_000,
        attributes(),
        prop::collection::vec((any::<String>(), attributes()), 0..3),
        prop::collection::vec((1..u128::MAX, 1..u64::MAX, any::<bool>()), 0..3),
        prop::option::of(any::<String>()),
        0..3u8,
    );
    parts.prop_map(
        |(name, kind, remote_parent, state, start, attributes, events, links, error, children)| {
            Plan {
                name,
                kind,
                remote_parent,
                state,
                start,
                attributes,
                events,
                links,
                error,
                children,
            }
        },
    )
}

/// Calls back with the attributes in the form the tracer takes them.
fn with_attributes<R>(
    given: &[(String, Given)],
    with: impl FnOnce(Vec<hopline_core::Attr<'_>>) -> R,
) -> R {
    let texts = |value: &Given| match value {
        Given::Texts(texts) => texts.clone(),
        _ => Vec::new(),
    };
    let owned: Vec<Vec<String>> = given.iter().map(|(_, value)| texts(value)).collect();
    let borrowed: Vec<Vec<&str>> = owned
        .iter()
        .map(|texts| texts.iter().map(String::as_str).collect())
        .collect();
    let pairs = given.iter().zip(&borrowed);
    let attrs = pairs.map(|((key, value), texts)| match value {
        Given::Bool(value) => attr(key, *value),
        Given::I64(value) => attr(key, *value),
        Given::F64(value) => attr(key, *value),
        Given::Text(value) => attr(key, value),
        Given::Bools(value) => attr(key, value.as_slice()),
        Given::I64s(value) => attr(key, value.as_slice()),
        Given::F64s(value) => attr(key, value.as_slice()),
        Given::Texts(_) => attr(key, texts.as_slice()),
    });
    with(attrs.collect())
}

/// A resource with values of every type.
pub fn resource() -> Resource {
    Resource::new("orders")
        .with("host.cpus", 4)
        .with("ok", true)
        .with("tags", list(&["a", "b"]))
}

fn list(texts: &[&str]) -> OwnedValue {
    OwnedValue::Array(texts.iter().map(|text| (*text).into()).collect())
}

/// Of every second child.
static CLIENT: InstrumentationScope = InstrumentationScope::new("client", "1.2.3");

/// Records the trace.
pub fn record_one(tracer: &Tracer, plan: &Plan) {
    let state = plan
        .state
        .as_deref()
        .map(|state| TraceState::parse([state]).unwrap())
        .unwrap_or_default();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03"
        .parse::<SpanContext>()
        .unwrap();
    let parent = plan.remote_parent.then(|| parent.with_tracestate(state));
    let links: Vec<SpanContext> = plan
        .links
        .iter()
        .map(|(trace, span, remote)| link(*trace, *span, *remote))
        .collect();
    let start = SystemTime::UNIX_EPOCH + Duration::from_nanos(plan.start);
    let root = with_attributes(&plan.attributes, |attributes| {
        SpanBuilder::new(&plan.name)
            .kind(plan.kind)
            .start_time(start)
            .links(&links)
            .tracer(tracer)
            .parent(Incoming {
                parent,
                ..Incoming::default()
            })
            .attributes(|| attributes)
            .start()
    });
    for (name, attributes) in &plan.events {
        with_attributes(attributes, |attributes| root.event(name, || attributes));
    }
    for number in 0..plan.children {
        let child = match number % 2 {
            0 => SpanBuilder::new("child"),
            _ => SpanBuilder::new("child").scope(&CLIENT),
        };
        let child = child.child_of(root.context_ref()).start();
        child.set("child", true);
        child.end_at(start + Duration::from_micros(5));
    }
    if let Some(message) = &plan.error {
        root.fail_with("refused", message);
    }
    root.end_at(start + Duration::from_millis(3));
}

/// The context of a span in another trace.
pub fn link(trace: u128, span: u64, remote: bool) -> SpanContext {
    let text = format!("00-{trace:032x}-{span:016x}-01");
    let parsed: SpanContext = text.parse().unwrap();
    if remote {
        parsed
    } else {
        SpanContext::new(parsed.trace_id(), parsed.span_id(), parsed.flags())
    }
}
