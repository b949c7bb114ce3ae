//! Ends of traces in which much is open, or much happened: what they cost must not be squared.

use hopline_core::{Clock, Limits, Span, SpanBuilder, Tracer, attr};

use crate::case::{Case, Work};
use crate::sinks::Discard;
use crate::trace::root;

/// The quantity that is doubled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A root that ends before a child does, after as many children with four events each.
    Events,
    /// As many open spans, at the limit of their trace, while as many start and end.
    Open,
    /// As many open spans that end after their root, with an event each.
    Late,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Events, Self::Open, Self::Late];

    /// Its name in the names of cases.
    pub fn name(self) -> &'static str {
        match self {
            Self::Events => "events and an open span",
            Self::Open => "open spans at the limit",
            Self::Late => "spans behind the root",
        }
    }
}

/// The two sizes, the second twice the first.
pub const SIZES: [usize; 2] = [400, 800];

pub(crate) fn cases() -> Vec<Case> {
    let of = |kind: Kind| {
        SIZES.map(|size| {
            let make = move |clock: &Clock| work(kind, size, clock);
            Case::new(format!("end/{}/{size}", kind.name()), make).times(5)
        })
    };
    Kind::ALL.into_iter().flat_map(of).collect()
}

fn work(kind: Kind, size: usize, clock: &Clock) -> Work {
    let limits = Limits {
        // the root, what is open, and one place
        spans_per_trace: if kind == Kind::Open { size + 2 } else { 2048 },
        ..Limits::default()
    };
    let tracer = Tracer::builder()
        .service("bench")
        .limits(limits)
        .clock(clock.clone())
        .sink(Discard)
        .build();
    Work::each(move || match kind {
        Kind::Events => events(&tracer, size),
        Kind::Open => open(&tracer, size),
        Kind::Late => late(&tracer, size),
    })
}

fn child(root: &Span) -> Span {
    SpanBuilder::new("op")
        .child_of(root.context_ref())
        .attributes(|| [attr("number", 1)])
        .start()
}

fn events(tracer: &Tracer, size: usize) {
    let root = root(tracer);
    let open = child(&root);
    for _ in 0..size {
        let child = child(&root);
        (0..4).for_each(|number| child.event("event", || [attr("number", number)]));
    }
    root.end();
    open.end();
}

fn open(tracer: &Tracer, size: usize) {
    let root = root(tracer);
    let open: Vec<Span> = (0..size).map(|_| child(&root)).collect();
    (0..size).for_each(|_| child(&root).end());
    drop(open);
    root.end();
}

fn late(tracer: &Tracer, size: usize) {
    let root = root(tracer);
    let open: Vec<Span> = (0..size).map(|_| child(&root)).collect();
    root.end();
    for span in open {
        span.event("event", || []);
        span.end();
    }
}
