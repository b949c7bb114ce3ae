//! The settings of a pool: plain data, shared by its connections and transactions.
//!
//! The pool changes them; the statement log and the span factory (`span/spans.rs`) read them. This folder
//! depends on [`database`](crate::database) for the endpoint, and on nothing else of the crate.
//!
//! | setting | default | read by |
//! |---|---|---|
//! | endpoint, names, older names, text | connect options, environment, [`QueryText::Redacted`] | attributes and names of spans |
//! | tracer, `only_with_parent` | the current context's, false | the start of a span |
//! | `connection_spans`, `wait_spans` | off | spans of acquire, ping, connect, and of waits |
//! | `trace_comments` | off | the text that is sent |
//! | log, `sqlx_logs`, raw events | connect options, false | the statement log |

mod query_text;
mod raw_events;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hopline_core::{
    AttrSet, Literal, Tracer, attr,
    semconv::{OlderNames, SpanNames},
};
pub use query_text::QueryText;
pub(crate) use raw_events::RawEvents;
use sqlx_core::connection::LogSettings;

use crate::database::Endpoint;

/// The settings of a pool. See the methods of [`Pool`](crate::Pool) for what each does.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Product, dialect and address.
    pub(crate) endpoint: Endpoint,
    /// Defaults to the tracer of the current context.
    pub(crate) tracer: Option<Tracer>,
    /// The names of spans. Defaults to `HOPLINE_SPAN_NAMES`.
    pub(crate) names: SpanNames,
    /// Also record older attribute names. Defaults to `OTEL_SEMCONV_STABILITY_OPT_IN`.
    pub(crate) older_names: OlderNames,
    /// The recorded form of a statement's text.
    pub(crate) text: QueryText,
    /// Record only inside a trace.
    pub(crate) only_with_parent: bool,
    /// Record acquire, ping and connect.
    pub(crate) connection_spans: bool,
    /// The duration from which a wait for a connection is a span.
    pub(crate) wait_spans: Option<Duration>,
    /// Append the trace to the text of sampled statements.
    pub(crate) trace_comments: bool,
    /// The levels and thresholds of statement log events, as sqlx was configured.
    pub(crate) log: LogSettings,
    /// sqlx writes its own log events, with the raw text, so this crate writes none.
    pub(crate) sqlx_logs: bool,
    /// The connections that still write sqlx's own log events.
    pub(crate) raw_events: RawEvents,
    /// The attributes of each span, derived from the fields above.
    attributes: AttrSet,
    /// See [`generation`](Self::generation).
    generation: u64,
}

impl Settings {
    /// The defaults for a database.
    pub(crate) fn new(endpoint: Endpoint, log: LogSettings, raw_events: RawEvents) -> Self {
        let mut settings = Self {
            endpoint,
            tracer: None,
            names: SpanNames::from_env(),
            older_names: OlderNames::from_env(),
            text: QueryText::default(),
            only_with_parent: false,
            connection_spans: false,
            wait_spans: None,
            trace_comments: false,
            log,
            sqlx_logs: false,
            raw_events,
            attributes: AttrSet::new(),
            generation: 0,
        };
        settings.renew();
        settings
    }

    /// Changes the settings, and their generation if recorded statements change with them.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Self)) {
        let recorded = |own: &Self| (own.endpoint.clone(), own.older_names, own.text);
        let before = recorded(self);
        change(self);
        if recorded(self) != before {
            self.renew();
        }
    }

    /// The attributes of the database.
    #[inline]
    pub(crate) fn attributes(&self) -> &AttrSet {
        &self.attributes
    }

    /// The unique id of the settings that affect recorded statements. Changes whenever one of them changes, so that it can
    /// be part of a cache's key. Never 0.
    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Derives the attributes, and takes a new generation.
    ///
    /// The counter is process-wide, since the statement cache of a thread serves all pools.
    fn renew(&mut self) {
        static LAST: AtomicU64 = AtomicU64::new(0);
        self.generation = 1 + LAST.fetch_add(1, Relaxed);
        self.attributes.clear();
        self.attributes.extend(self.endpoint.attributes());
        if self.older_names.database {
            self.attributes.extend([
                attr("db.system", Literal(self.endpoint.system)),
                attr("db.name", self.endpoint.namespace.as_deref()),
            ]);
        }
    }
}
