//! Local trace viewer: a bounded store, OTLP receivers, a JSON API and a web page.
//!
//! Three ways to look at a trace:
//!
//! ```no_run
//! # fn handlers() -> axum::Router { axum::Router::new() }
//! // 1. in the application: spans come from its own tracer, the page is at /_trace
//! let tracer = hopline_core::Tracer::builder().sink(hopline_view::sink()).build();
//! let app = hopline_view::router().merge(handlers());
//! ```
//!
//! ```sh
//! # 2. for several services, in any language: OTLP in on 4318 and 4317, the page on http://localhost:4319
//! hopline view
//! ```
//!
//! ```no_run
//! // 3. in a terminal: a tree for each request, with a link to its page; or `hopline tail`, `hopline print traces.jsonl`
//! let terminal = hopline_view::global().terminal().link("http://localhost:3000");
//! let tracer = hopline_core::Tracer::builder().sink(terminal.sink()).build();
//! ```
//!
//! The commands are in `hopline-cli`.
//!
//! # Bounds
//!
//! | bound | default | beyond it |
//! |---|---|---|
//! | bytes of all traces | 64 MiB | traces are let go of, those that changed longest ago first, failed ones after all others, pinned ones last |
//! | traces | 2,000 | the same |
//! | spans of one trace | 50,000 | later spans are counted, not kept |
//! | bytes of a value | 16 KiB | the value is cut |
//! | attributes, events, links of a span | 1,024 each | later ones are left out |
//! | log records of one trace | 10,000 | later ones are counted, not kept |
//! | rates per service and route | 15 minutes, 512 routes | further routes are counted together |
//! | a request to a receiver | 16 MiB, 32 MiB decompressed | status 413 |
//!
//! Each loss is counted ([`View::counts`]) and shown on the page.
//!
//! # Safety
//!
//! The page shows what requests contain, so it is for one machine. The server listens on loopback, unless a token is set.
//! A request whose `Host` is a name other than `localhost`, `*.localhost` or an allowed one is refused with 403, on the
//! page, the API and the receivers: this defeats DNS rebinding. Pages of other origins can read nothing (no CORS headers)
//! and change nothing (a change needs the header `x-hopline-view`). Receivers answer the pages of loopback origins only.
//! The content security policy allows nothing but the page's own files. Values under secret keys, and values that are
//! secrets by their form, are masked before they are stored ([`hopline_core::redact`]).
//!
//! # Incomplete traces
//!
//! A span whose parent was not received is a root and marked. A cycle of parents is cut and marked. A second record of the
//! same span is merged into the first. Clock differences never change what is stored; the page can shift a server's span
//! into its caller's, and marks it.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod api;
mod assets;
pub mod decode;
mod error;
pub mod export;
mod guard;
mod limits;
mod log;
mod mount;
mod opened;
mod printer;
#[cfg(feature = "server")]
mod receive;
pub mod search;
#[cfg(feature = "server")]
mod server;
mod sink;
mod store;
mod terminal;
mod value;
mod view;

pub use limits::ViewLimits;
pub use log::LogData;
pub use mount::{global, router, sink};
pub use search::{Search, SearchError};
#[cfg(feature = "server")]
pub use server::{Server, ServerOptions};
pub use sink::ViewSink;
pub use store::counts::{Counts, Evicted, Received};
pub use terminal::Terminal;
pub use view::View;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
