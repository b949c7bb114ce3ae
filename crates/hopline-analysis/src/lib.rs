//! Pure functions over finished spans: tree, self-check, latency per hop, service map.
//!
//! They take spans from anywhere, in any order: from a sink, a test, a file. Nothing is assumed of
//! them: traces with missing parents, cycles, repeated ids or a depth of 100,000 are answered, too.
//!
//! ```
//! use hopline_analysis::{TreeOptions, traces};
//! use hopline_core::export::SpanData;
//! use hopline_core::{SpanId, TraceId};
//!
//! let trace = TraceId::from_u128(1).unwrap();
//! let mut request = SpanData::new("GET /orders/{id}", trace, SpanId::from_u64(1).unwrap());
//! request.end_unix_nanos = 4_000_000;
//! let mut query = SpanData::new("db.query", trace, SpanId::from_u64(2).unwrap());
//! query.parent = Some(request.span_id);
//! (query.start_unix_nanos, query.end_unix_nanos) = (1_000_000, 4_000_000);
//! query.attributes.push(("db.query.summary".into(), "SELECT orders".into()));
//!
//! let spans = [query, request];
//! let tree = traces(&spans)[0].tree(&TreeOptions::snapshot());
//! assert_eq!(tree, "GET /orders/{id} ▸ unknown_service\n└─ db.query  SELECT orders\n");
//! ```
//!
//! | question | answer |
//! |---|---|
//! | what did this request do? | [`Trace::tree`] |
//! | what made it slow? | [`Trace::critical_path`], [`Trace::self_time`] |
//! | where does the time of all requests go? | [`latency`] |
//! | who calls whom, how often, with what errors? | [`service_map`] |
//! | which statements are sent again and again? | [`repeated_statements`] |
//! | what differs between two requests? | [`diff`](diff::diff) |
//! | why are slow requests slower than typical ones? | [`why::by_root`] |
//! | is the tracing itself right? | [`self_check`] |
//!
//! It stores nothing, draws no colours and corrects no clocks: times are shown as they were recorded. What it prints
//! of spans is escaped and cut by [`shown`](hopline_core::text::shown), so that no span can forge a line.

mod check;
mod critical_path;
pub mod describe;
pub mod diff;
mod latency;
mod percentile;
mod repeated;
mod secrets;
mod service_map;
mod table;
mod trace;
mod tree;
pub mod why;

pub use check::{Check, Expectations, Finding, Report, self_check};
pub use critical_path::Segment;
pub use latency::{HopLatency, Latency, latency};
pub use repeated::{Repeated, repeated_statements};
pub use service_map::{Edge, Node, ServiceMap, service_map};
pub use trace::{Trace, traces};
pub use tree::TreeOptions;

/// Characters of a name, a message or a value that are printed: enough to know it by.
const NAME: usize = 200;
/// Characters of a sentence with names in it.
const SENTENCE: usize = 1000;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
