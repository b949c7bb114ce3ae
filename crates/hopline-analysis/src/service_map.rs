//! Who calls whom.

use std::collections::BTreeMap;
use std::fmt;

use hopline_core::export::SpanData;
use hopline_core::{SpanKind, semconv, text::shown};

use crate::latency::database;
use crate::percentile::{duration, percentile};
use crate::trace::{Trace, traces};
use crate::{NAME, table};

/// Which service calls which service, database or queue. Prints as a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceMap {
    /// By caller and callee.
    pub edges: Vec<Edge>,
}

/// All calls of one caller to one callee. Times are in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// Who calls.
    pub from: Node,
    /// Who is called.
    pub to: Node,
    /// How often.
    pub count: usize,
    /// How often it failed.
    pub errors: usize,
    /// How long half of the calls took at most, as the caller saw it.
    pub p50: u64,
    /// How long 95 % of the calls took at most.
    pub p95: u64,
}

/// Something that calls or is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// Whoever sends requests without a trace.
    Outside,
    /// A service, by its name; one that sends no spans by its address.
    Service(String),
    /// A database: product and name.
    Database(String),
    /// A queue: where messages are published to.
    Queue(String),
}

/// Finds out of these spans who calls whom.
pub fn service_map(spans: &[SpanData]) -> ServiceMap {
    let mut calls: BTreeMap<(Node, Node), Vec<(u64, bool)>> = BTreeMap::new();
    for trace in traces(spans) {
        for (index, span) in trace.spans().iter().enumerate() {
            if let Some((from, to, seen)) = call(&trace, index, span) {
                calls
                    .entry((from, to))
                    .or_default()
                    .push((seen.duration_nanos(), seen.is_error()));
            }
        }
    }
    let edges = calls.into_iter().map(|((from, to), calls)| {
        let mut durations: Vec<u64> = calls.iter().map(|(nanos, _)| *nanos).collect();
        let (p50, p95) = (
            percentile(&mut durations, 0.5),
            percentile(&mut durations, 0.95),
        );
        let errors = calls.iter().filter(|(_, failed)| *failed).count();
        Edge {
            from,
            to,
            count: calls.len(),
            errors,
            p50,
            p95,
        }
    });
    ServiceMap {
        edges: edges.collect(),
    }
}

/// What a span says of a call: caller, callee, and the span that saw it as the caller did.
fn call<'a>(
    trace: &Trace<'a>,
    index: usize,
    span: &'a SpanData,
) -> Option<(Node, Node, &'a SpanData)> {
    let service = Node::Service(span.service().to_owned());
    match span.kind {
        SpanKind::Server => match trace.parents[index].map(|parent| trace.spans()[parent]) {
            Some(caller) => {
                let seen = if caller.kind == SpanKind::Client {
                    caller
                } else {
                    span
                };
                Some((Node::Service(caller.service().to_owned()), service, seen))
            }
            None => Some((Node::Outside, service, span)),
        },
        SpanKind::Client => {
            if let Some(database) = database(span) {
                return Some((service, Node::Database(database), span));
            }
            let answered = trace
                .children(index)
                .iter()
                .any(|child| trace.spans()[*child].kind == SpanKind::Server);
            let address = span.text(semconv::SERVER_ADDRESS).filter(|_| !answered)?;
            let port = span
                .attribute(semconv::SERVER_PORT)
                .and_then(|port| port.as_i64());
            let address =
                port.map_or_else(|| address.to_owned(), |port| format!("{address}:{port}"));
            Some((service, Node::Service(address), span))
        }
        SpanKind::Producer => Some((service, Node::Queue(destination(span)?), span)),
        SpanKind::Consumer => Some((Node::Queue(destination(span)?), service, span)),
        SpanKind::Internal => None,
    }
}

fn destination(span: &SpanData) -> Option<String> {
    span.text(semconv::MESSAGING_DESTINATION_NAME)
        .map(str::to_owned)
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside => f.write_str("(outside)"),
            Self::Service(name) => shown(name, NAME).fmt(f),
            Self::Database(name) => write!(f, "[{}]", shown(name, NAME)),
            Self::Queue(name) => write!(f, "<{}>", shown(name, NAME)),
        }
    }
}

impl fmt::Display for ServiceMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |edge: &Edge| {
            let from = edge.from.to_string();
            let to = format!("──▸ {}", edge.to);
            vec![
                from,
                to,
                edge.count.to_string(),
                edge.errors.to_string(),
                duration(edge.p50),
                duration(edge.p95),
            ]
        };
        let rows: Vec<Vec<String>> = self.edges.iter().map(row).collect();
        table::write(
            f,
            &["caller ", "callee ", "calls", "errors", "p50", "p95"],
            &rows,
        )
    }
}
