//! The service map: calls between services, databases and queues.
//!
//! The viewer draws it; programs print it as a table.

use std::collections::BTreeMap;
use std::fmt;

use hopline_core::export::SpanData;
use hopline_core::{SpanKind, semconv, text::shown};

use crate::latency::database;
use crate::percentile::{duration, percentile};
use crate::trace::{Trace, traces};
use crate::{NAME, table};

/// The calls between services, databases and queues. Prints as a table, databases in `[]` and queues in `<>`:
///
/// ```text
/// caller     callee              calls  errors     p50     p95
/// (outside)  gateway                40       0  8.3 ms   14 ms
/// gateway    orders                 40       0  8.0 ms   13 ms
/// orders     [sqlite shop]         160       0  234 µs  0.9 ms
/// orders     <order.placed>         40       0  0.9 ms  1.8 ms
/// ```
///
/// # Examples
///
/// ```
/// # use hopline_core::export::SpanData;
/// # use hopline_core::{SpanId, SpanKind, TraceId};
/// # let mut query = SpanData::new("db.query", TraceId::from_u128(1).unwrap(), SpanId::from_u64(1).unwrap());
/// # query.kind = SpanKind::Client;
/// # query.attributes.push(("db.system.name".into(), "sqlite".into()));
/// # let spans = [query];
/// let map = hopline_analysis::service_map(&spans);
/// assert!(map.to_string().contains("[sqlite]"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ServiceMap {
    /// One entry for each caller and callee, sorted by both.
    pub edges: Vec<Edge>,
}

/// All calls of one caller to one callee. Times are in nanoseconds.
///
/// # Examples
///
/// ```
/// use hopline_analysis::{Node, service_map};
/// # use hopline_core::export::SpanData;
/// # use hopline_core::{SpanId, SpanKind, TraceId};
/// # let mut request = SpanData::new("GET /", TraceId::from_u128(1).unwrap(), SpanId::from_u64(1).unwrap());
/// # request.kind = SpanKind::Server;
/// # request.end_unix_nanos = 5;
/// # let spans = [request];
/// let edge = &service_map(&spans).edges[0];
/// assert_eq!((&edge.from, edge.count, edge.errors, edge.p95), (&Node::Outside, 1, 0, 5));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Edge {
    /// The caller.
    pub from: Node,
    /// The callee.
    pub to: Node,
    /// Number of calls.
    pub count: usize,
    /// Number of failed calls.
    pub errors: usize,
    /// Median duration, as the caller measured it.
    pub p50: u64,
    /// 95th percentile of the durations.
    pub p95: u64,
}

/// A caller or a callee.
///
/// # Examples
///
/// ```
/// use hopline_analysis::Node;
///
/// assert_eq!(Node::Database("postgresql shop".into()).to_string(), "[postgresql shop]");
/// assert_eq!(Node::Queue("order.placed".into()).to_string(), "<order.placed>");
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "readers draw each kind differently, and have to see a new one"
)]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// Callers that send no trace context.
    Outside,
    /// A service, by its name; by its address if none of its spans were received.
    Service(String),
    /// A database: system and namespace.
    Database(String),
    /// A queue: the destination of messages.
    Queue(String),
}

/// Computes the service map of these spans.
///
/// # Examples
///
/// ```
/// use hopline_analysis::{Node, service_map};
/// use hopline_core::export::SpanData;
/// use hopline_core::{SpanId, SpanKind, TraceId};
///
/// let mut query = SpanData::new("db.query", TraceId::from_u128(1).unwrap(), SpanId::from_u64(1).unwrap());
/// query.kind = SpanKind::Client;
/// query.attributes.push(("db.system.name".into(), "postgresql".into()));
/// let map = service_map(&[query]);
/// assert_eq!(map.edges[0].to, Node::Database("postgresql".into()));
/// assert_eq!(map.edges[0].count, 1);
/// ```
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

/// The call that a span is part of: caller, callee, and the span with the caller's time.
///
/// `None` if another span of the same call reports it: a call between two traced services has a client span and a server
/// span, and is counted at the server's.
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

/// The destination of a message: an exchange, a queue or a topic.
///
/// A message without one is not on the map: producer and consumer could not be joined.
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
