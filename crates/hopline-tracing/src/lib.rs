//! Bridge from the `tracing` crate to hopline: spans, events, and trace ids in log lines.
//!
//! ```
//! use hopline_core::{Incoming, SpanBuilder};
//! use tracing_subscriber::layer::SubscriberExt as _;
//!
//! #[tracing::instrument]
//! fn reserve(sku: &str, quantity: u32) {
//!     tracing::info!(target: "stock", left = 4, "reserved");
//! }
//!
//! let (tracer, spans) = hopline_testing::tracer("inventory");
//! let subscriber = tracing_subscriber::registry().with(hopline_tracing::layer());
//! tracing::subscriber::with_default(subscriber, || {
//!     // the server layer does this for each request
//!     let mut request =
//!         SpanBuilder::new("POST /reserve").tracer(&tracer).parent(Incoming::default()).start();
//!     request.in_scope(|| reserve("cup", 2));
//! });
//! assert_eq!(
//!     spans.tree(),
//!     "POST /reserve ▸ inventory\n└─ reserve\n      · reserved level=INFO target=stock left=4\n"
//! );
//! spans.one("reserve").attribute("sku", "cup").attribute("quantity", 2);
//! ```
//!
//! # Spans
//!
//! A `tracing` span inside a trace of hopline becomes a child span, from its creation to its close; a hopline span
//! opened while it is entered is its child. Parents come from hopline's current context. So a filter can hide a span
//! but never break a trace: the children of a hidden span attach to the next one above it.
//!
//! | of `tracing` | in the trace |
//! |---|---|
//! | bool, integers, floats, text | attributes of these types; integers beyond 64 bits as decimal text |
//! | `?value`, `%value` | text, up to 16 KiB |
//! | errors | `REDACTED`, or the text with [`error_messages`](hopline_core::TracerBuilder::error_messages) |
//! | `otel.name`, `otel.kind` | name and kind, also when recorded late |
//! | `otel.status_code = "error"`, `otel.status_description`, `otel.status_message` | a failed span and its message |
//! | `follows_from` | a link; see the limits |
//! | an event | a span event named by its message, with `level`, `target` and its fields |
//! | an `ERROR` event, `#[instrument(err)]` | also a failed span, `error.type = _OTHER` |
//! | a record of the `log` crate | as an event, with its own target |
//!
//! A span outside any trace starts none, unless [`Builder::roots`] or [`SpanExt::set_parent`] lets it.
//!
//! # Secrets
//!
//! `#[instrument]` records all arguments. Fields with names of secrets (`password`, `token`, `authorization`, …),
//! members of structures with such names, URLs and known token formats are redacted as hopline's edges redact them
//! ([`hopline_core::redact`]). Targets that carry raw values are not bridged ([`Builder::deny`]).
//!
//! # Log lines
//!
//! [`with_ids`] adds the ids of the current span to each line. It needs no layer.
//!
//! # Tests
//!
//! `tracing` caches for each callsite whether a subscriber wants it, so subscribers that come and go with tests make
//! parallel tests lose spans. Install one for the whole test program. It needs no tracer: a span belongs to the current
//! trace, and that is the test's own, by [`hopline_testing`](https://docs.rs/hopline-testing).
//!
//! ```
//! use std::sync::Once;
//! use hopline_core::{Incoming, SpanBuilder};
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
//!
//! # Limits
//!
//! * `follows_from` a span that has closed makes no link: tracing-subscriber does not pass it to a filtered layer. Keep
//!   [`SpanExt::context`] and use [`SpanExt::link`].
//! * `parent: None` means the current span within a trace: `parent: &span` of a span that a filter hides looks the same,
//!   and must not break the trace. Outside any trace it changes nothing.
//! * Fields of metrics layers (`monotonic_counter.…`, `histogram.…`) are attributes. Metrics are those of
//!   `hopline-metrics`. Bytes are hexadecimal text; values of the `valuable` crate are the text of their `Debug`.
//! * A guard of `Span::enter` that is held across an `.await` outside any hopline context stays current on its thread,
//!   as it does for every subscriber of `tracing`. Within a request it ends with each poll.
//! * It installs no propagator and exports nothing: hopline's own crates do.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod class;
mod error;
mod event;
mod fields;
mod filter;
mod ids;
mod init;
mod layer;
mod marks;
mod options;
mod secret;
mod span_ext;
mod store;

pub use builder::{Builder, Layer, builder, layer};
pub use error::SpanError;
pub use filter::BridgeFilter;
pub use ids::{WithIds, with_ids};
pub use init::init;
pub use layer::Bridge;
pub use span_ext::SpanExt;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
