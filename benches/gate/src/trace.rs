//! Whole local traces: a root and children with six attributes each.

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context as Cx, Waker};

use hopline_core::{
    Attr, Clock, FutureExt, Incoming, Limits, Literal, SamplingPlan, Span, SpanBuilder, SpanKind,
    Tracer, TracerBuilder, attr,
};

use crate::case::{Case, Work};
use crate::sinks::Discard;

/// The end of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is sampled, and handed to the sinks.
    Kept,
    /// It is recorded in case it fails, which it does not.
    Discarded,
    /// It is neither; only its ids travel.
    NotRecorded,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kept, Self::Discarded, Self::NotRecorded];

    /// Its name in the names of cases.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Discarded => "discarded",
            Self::NotRecorded => "not recorded",
        }
    }

    /// A tracer whose traces end in this way; a sink drops the kept ones.
    pub fn tracer(self, clock: &Clock) -> Tracer {
        self.builder(clock).build()
    }

    /// The same, for further settings.
    pub fn builder(self, clock: &Clock) -> TracerBuilder {
        let plan = match self {
            Self::Kept => SamplingPlan::new(),
            Self::Discarded => SamplingPlan::new().others(0.0).keep_errors(),
            Self::NotRecorded => SamplingPlan::new().others(0.0),
        };
        // ten thousand traces in flight are more than the usual bound lets in
        let limits = Limits {
            total_bytes: 1 << 30,
            ..Limits::default()
        };
        Tracer::builder()
            .service("bench")
            .plan(plan)
            .limits(limits)
            .clock(clock.clone())
            .sink(Discard)
    }
}

/// The six attributes of a child span: two constants, two texts of the request, two numbers.
#[derive(Clone, Copy, Debug)]
pub struct Values {
    /// `db.system.name`
    pub system: &'static str,
    /// `db.operation.name`
    pub operation: &'static str,
    /// `db.namespace`, to be copied
    pub namespace: &'static str,
    /// `db.collection.name`, to be copied
    pub collection: &'static str,
    /// `db.response.returned_rows`
    pub rows: i64,
    /// `server.port`
    pub port: i64,
}

impl Values {
    /// Values that the compiler knows nothing of.
    pub fn unknown() -> Self {
        black_box(Self {
            system: "postgresql",
            operation: "SELECT",
            namespace: "tenant-0123456789abc",
            collection: "orders/9876543210/xy",
            rows: 42,
            port: 5432,
        })
    }
}

/// The six attributes.
#[inline]
pub fn attributes(values: &Values) -> [Attr<'_>; 6] {
    [
        attr("db.system.name", Literal(values.system)),
        attr("db.operation.name", Literal(values.operation)),
        attr("db.namespace", values.namespace),
        attr("db.collection.name", values.collection),
        attr("db.response.returned_rows", values.rows),
        attr("server.port", values.port),
    ]
}

/// A child of what is current, with six attributes.
#[inline]
pub fn child(values: &Values) -> Span {
    SpanBuilder::new("op")
        .attributes(|| attributes(values))
        .start()
}

/// A local root of this tracer.
#[inline]
pub fn root(tracer: &Tracer) -> Span {
    SpanBuilder::new("root")
        .kind(SpanKind::Server)
        .tracer(tracer)
        .parent(Incoming::default())
        .start()
}

/// A root with a number of children, one after the other.
#[inline]
pub fn trace(tracer: &Tracer, values: &Values, children: u64) {
    let mut root = root(tracer);
    root.in_scope(|| {
        for _ in 0..children {
            child(values).end();
        }
    });
}

/// Traces of this tracer with a number of children each.
pub fn traces(tracer: Tracer, children: u64) -> Work {
    let values = Values::unknown();
    Work::each(move || trace(&tracer, &values, children))
}

/// Every fate by number of children, and the cost of a poll.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for fate in Fate::ALL {
        for (children, times) in [(0, 1000), (1, 1000), (5, 500), (50, 100), (500, 10)] {
            let name = format!("trace/{}/{children}", fate.name());
            let make = move |clock: &Clock| traces(fate.tracer(clock), children);
            cases.push(Case::new(name, make).times(times));
        }
    }
    cases.push(Case::new("poll/bare", |_| polls(std::future::pending::<()>())).times(2000));
    let polled = |clock: &Clock| {
        let span = root(&Fate::Kept.tracer(clock));
        polls(std::future::pending::<()>().in_context(span.context()))
    };
    cases.push(
        Case::new("poll/in context", polled)
            .over("poll/bare")
            .times(2000),
    );
    let polled = |clock: &Clock| {
        polls(std::future::pending::<()>().in_span(root(&Fate::Kept.tracer(clock))))
    };
    cases.push(
        Case::new("poll/in span", polled)
            .over("poll/bare")
            .times(2000),
    );
    for open in [1, 10_000] {
        let make = move |clock: &Clock| in_flight(&Fate::Kept.tracer(clock), open);
        cases.push(Case::new(format!("in flight/{open}"), make));
    }
    cases
}

/// Polls a future that is never ready.
pub fn polls(future: impl Future<Output = ()> + 'static) -> Work {
    let mut future = Box::pin(future);
    Work::each(move || {
        let mut cx = Cx::from_waker(Waker::noop());
        let _ = black_box(pin!(future.as_mut()).poll(&mut cx));
    })
}

/// Traces while a number of others are open.
pub fn in_flight(tracer: &Tracer, open: usize) -> Work {
    let values = Values::unknown();
    let open: Vec<Span> = (0..open).map(|_| unfinished(tracer, &values)).collect();
    let tracer = tracer.clone();
    Work::each(move || {
        trace(&tracer, &values, 5);
        black_box(&open);
    })
}

/// A trace whose five children have ended, and whose root has not.
pub fn unfinished(tracer: &Tracer, values: &Values) -> Span {
    let mut root = root(tracer);
    root.in_scope(|| (0..5).for_each(|_| child(values).end()));
    root
}
