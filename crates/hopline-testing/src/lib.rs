//! Test tools for hopline: spans in tests, and an AMQP broker in the process.
//!
//! A test makes a tracer of its own and gives it to what it tests, so tests run in parallel:
//!
//! ```
//! use hopline_core::{FutureExt, Incoming, SpanBuilder, attr, no_attrs, span};
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
//! | for | there is |
//! |---|---|
//! | a tracer whose spans the test sees | [`tracer`], [`tracer_with`] |
//! | spans that end a little later | [`Spans::wait_for`], [`Spans::wait`] |
//! | what a trace looks like | [`Spans::tree`], [`assert_tree`] |
//! | one span | [`Spans::one`], [`SpanAssert`] |
//! | times that do not change | `tracer_with(|t| t.clock(Clock::Manual(…)))` of hopline-core |
//! | RabbitMQ where there is none | `amqp::Broker`, by feature `amqp` |
//!
//! Ids count from 1, so a test that prints them prints the same ones each time.

//!
//! # Code with `#[instrument]`
//!
//! `tracing` asks subscribers once for each callsite whether they want it, so subscribers that come and go with tests
//! make tests that run in parallel lose spans. Install one for the whole test program. It needs no tracer: spans go to
//! the tracer of the trace that is current, and that is the test's own.
//!
//! ```
//! use std::sync::Once;
//! use hopline_core::{Incoming, SpanBuilder, no_attrs};
//! use tracing_subscriber::{layer::SubscriberExt as _, registry};
//!
//! fn install() {
//!     static INSTALLED: Once = Once::new();
//!     INSTALLED.call_once(|| {
//!         tracing::subscriber::set_global_default(registry().with(hopline_tracing::layer())).unwrap();
//!     });
//! }
//!
//! #[tracing::instrument]
//! fn reserve(quantity: u32) {}
//!
//! // in each test
//! install();
//! let (tracer, spans) = hopline_testing::tracer("inventory");
//! let mut request = SpanBuilder::new("POST /reserve").tracer(&tracer).parent(Incoming::default()).start();
//! request.in_scope(|| reserve(2));
//! request.end();
//! spans.one("reserve").child_of("POST /reserve").attribute("quantity", 2);
//! ```

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
