//! Test tools for hopline: assertions on spans, and an AMQP broker in the process.
//!
//! Tests of services and of integrations use it. Each test has a tracer of its own, so tests run in parallel.
//!
//! # One span
//!
//! ```
//! use hopline_core::{FutureExt, Incoming, SpanBuilder, attr, span};
//!
//! let (tracer, spans) = hopline_testing::tracer("orders");
//! let mut request = SpanBuilder::new("GET /orders/{id}").tracer(&tracer).parent(Incoming::default()).start();
//! request.in_scope(|| span("cache.lookup").set("cache.hit", false));
//! request.end();
//!
//! assert_eq!(spans.tree(), "GET /orders/{id} ▸ orders\n└─ cache.lookup\n");
//! spans.one("cache.lookup").child_of("GET /orders/{id}").attribute("cache.hit", false);
//! ```
//!
//! ```text
//! GET /orders/{id} ▸ orders
//! └─ cache.lookup
//! ```
//!
//! # Spans that end later
//!
//! ```
//! use std::time::Duration;
//! use hopline_core::{Incoming, SpanBuilder};
//!
//! let (tracer, spans) = hopline_testing::tracer("mail");
//! let job = SpanBuilder::new("mail.send").tracer(&tracer).parent(Incoming::default()).start();
//! let worker = std::thread::spawn(move || job.end());
//! assert_eq!(spans.wait_for(1, Duration::from_secs(5))[0].name, "mail.send");
//! # worker.join().unwrap();
//! ```
//!
//! # Contents
//!
//! | for | item |
//! |---|---|
//! | a tracer and its spans | [`tracer()`], [`tracer_with`] |
//! | spans that end later | [`Spans::wait_for`], [`Spans::wait`] |
//! | the tree of a trace | [`Spans::tree`], [`assert_tree`] |
//! | one span | [`Spans::one`], [`SpanAssert`] |
//! | fixed times | [`tracer_with`] with `hopline_core::Clock::Manual` |
//! | a RabbitMQ in the process | `amqp::Broker`, with the feature `amqp` |
//!
//! Ids count from 1, so printed ids are the same in each run.
//!
//! # Code with `#[instrument]`
//!
//! One subscriber for the whole test program, and a tracer for each test: the front page of hopline-tracing has an example.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "amqp")]
pub mod amqp;
mod span_assert;
mod spans;
mod tracer;
mod tree;

pub use span_assert::SpanAssert;
pub use spans::{Spans, Wait};
pub use tracer::{tracer, tracer_with};
pub use tree::assert_tree;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
