//! Analysis of finished spans: trees, critical paths, latency per hop, service map, self-check.
//!
//! Pure functions over spans of a sink, a test or a file, in any order. The viewer, the console and the test tools use
//! them. Traces with missing parents, cycles, repeated ids or a depth of 100,000 are valid input.
//!
//! # The tree of a trace
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
//! With [`TreeOptions::default`] a tree has times, a bar, and the share of the critical path:
//!
//! ```text
//! trace 00000000000000000000000000000001
//! GET /orders/{id} ▸ unknown_service    4.0 ms  ████████████████████████  ◀ 25 %
//! └─ db.query  SELECT orders            3.0 ms        ██████████████████  ◀ 75 %
//! ```
//!
//! # Latency over many requests
//!
//! ```
//! # use hopline_core::export::SpanData;
//! # use hopline_core::{SpanId, TraceId};
//! # let span = |trace, id, end| {
//! #     let mut span = SpanData::new("GET /", TraceId::from_u128(trace).unwrap(), SpanId::from_u64(id).unwrap());
//! #     span.end_unix_nanos = end;
//! #     span
//! # };
//! # let spans = [span(1, 1, 1_000_000), span(2, 1, 9_000_000)];
//! let latency = hopline_analysis::latency(&spans);
//! assert_eq!((latency.hops[0].count, latency.hops[0].max), (2, 9_000_000));
//! print!("{latency}");
//! ```
//!
//! ```text
//! service          span   count  errors     p50     p95     max   self  critical path
//! unknown_service  GET /      2       0  1.0 ms  9.0 ms  9.0 ms  10 ms          100 %
//! ```
//!
//! # A check of the tracing itself
//!
//! ```
//! use hopline_analysis::{Expectations, self_check};
//! use hopline_core::export::SpanData;
//! use hopline_core::{SpanId, TraceId};
//!
//! let mut span = SpanData::new("db.query", TraceId::from_u128(1).unwrap(), SpanId::from_u64(1).unwrap());
//! span.attributes.push(("db.query.text".into(), "UPDATE users SET password='hunter2'".into()));
//! let report = self_check(&[span], &Expectations::new());
//! assert!(report.to_string().contains("db.query.text looks like a password or key"));
//! ```
//!
//! # Contents
//!
//! | for | item |
//! |---|---|
//! | the spans of a request | [`Trace::tree`] |
//! | the operations that made it slow | [`Trace::critical_path`], [`Trace::self_time`] |
//! | the time of all requests, by hop | [`latency()`] |
//! | callers and callees, with counts and errors | [`service_map()`] |
//! | statements that one span repeats (N+1) | [`repeated_statements`] |
//! | the differences between two requests | [`diff`](diff::diff) |
//! | the reasons why slow requests are slower than typical ones | [`why::by_root`] |
//! | the correctness of the tracing | [`self_check`], with its report in [`check`] |
//!
//! # Limits
//!
//! It stores nothing, draws no colours and corrects no clocks: times are shown as they were recorded. Text of spans is
//! escaped and cut by [`shown`](hopline_core::text::shown) when it is printed, so no span can forge a line.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod check;
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

pub use check::{Expectations, self_check};
pub use critical_path::Segment;
pub use latency::{HopLatency, Latency, latency};
pub use repeated::{Repeated, repeated_statements};
pub use service_map::{Edge, Node, ServiceMap, service_map};
pub use trace::{Trace, traces};
pub use tree::TreeOptions;

/// The number of characters that are printed of a name, a message or a value.
const NAME: usize = 200;
/// The number of characters that are printed of a sentence with names in it.
const SENTENCE: usize = 1000;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
