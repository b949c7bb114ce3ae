//! The options of the layer.

use hopline_core::Tracer;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{Filtered, LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use crate::filter::BridgeFilter;
use crate::layer::Bridge;
use crate::options::Options;

/// The type of the finished layer: a [`Bridge`] with the filter that is built in.
pub type Layer<S> = Filtered<Bridge, BridgeFilter, S>;

/// Makes spans and events of the `tracing` crate part of hopline's traces.
///
/// Uses the defaults of [`builder`].
///
/// # Examples
///
/// ```
/// use hopline_core::{Incoming, SpanBuilder};
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// #[tracing::instrument]
/// fn price(sku: &str) -> u32 {
///     tracing::info!(target: "prices", cents = 650, "found");
///     650
/// }
///
/// let subscriber = tracing_subscriber::registry().with(hopline_tracing::layer());
/// let (tracer, spans) = hopline_testing::tracer("shop");
/// tracing::subscriber::with_default(subscriber, || {
///     let mut request =
///         SpanBuilder::new("GET /price").tracer(&tracer).parent(Incoming::default()).start();
///     request.in_scope(|| price("cup"));
/// });
/// assert_eq!(
///     spans.tree(),
///     "GET /price ▸ shop\n└─ price\n      · found level=INFO target=prices cents=650\n"
/// );
/// let price = spans.one("price").attribute("sku", "cup");
/// # let _ = price;
/// ```
pub fn layer<S>() -> Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    builder().layer()
}

/// Begins a layer with options.
pub fn builder() -> Builder {
    Builder {
        wanted: BridgeFilter::default(),
        options: Options::default(),
    }
}

/// Options of the layer; see [`builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `layer`"]
pub struct Builder {
    wanted: BridgeFilter,
    options: Options,
}

impl Builder {
    /// Bridges spans and events up to this level. Defaults to `INFO`. Replaces [`targets`](Self::targets).
    pub fn level(mut self, level: impl Into<LevelFilter>) -> Self {
        self.wanted.level = level.into();
        self.wanted.targets = None;
        self
    }

    /// Bridges spans and events by target and level. Replaces [`level`](Self::level).
    ///
    /// ```
    /// use tracing_subscriber::filter::Targets;
    ///
    /// let targets: Targets = "info,shop=debug,hyper=off".parse()?;
    /// let builder = hopline_tracing::builder().targets(targets);
    /// # let _ = builder;
    /// # Ok::<(), tracing_subscriber::filter::ParseError>(())
    /// ```
    pub fn targets(mut self, targets: Targets) -> Self {
        self.wanted.targets = Some(targets);
        self
    }

    /// Replaces the targets that are never bridged, which include the modules below them.
    ///
    /// Defaults to targets that carry raw values (`sqlx::query`, `lapin::returned_messages`) and to those of
    /// middleware that repeats the work of an edge (`tower_http::trace`, `reqwest_tracing`,
    /// `axum_tracing_opentelemetry` and its kin).
    pub fn deny<'a>(mut self, targets: impl IntoIterator<Item = &'a str>) -> Self {
        self.wanted.denied = targets.into_iter().map(Into::into).collect();
        self
    }

    /// Lets spans up to this level start a trace where there is none. Defaults to none.
    ///
    /// A job in the background has no request around it; with `Level::INFO` its outermost span becomes a root. The
    /// traces are those of [`tracer`](Self::tracer), else of the installed one.
    pub fn roots(mut self, level: Level) -> Self {
        self.options.roots = level.into();
        self
    }

    /// Sets the tracer of the traces that spans start. Defaults to the installed one.
    pub fn tracer(mut self, tracer: Tracer) -> Self {
        self.options.tracer = Some(tracer);
        self
    }

    /// Records no events.
    pub fn without_events(mut self) -> Self {
        self.options.events = false;
        self
    }

    /// Chooses whether an `ERROR` event, such as that of `#[instrument(err)]`, marks its span failed. Defaults to
    /// true.
    pub fn errors_fail(mut self, fail: bool) -> Self {
        self.options.errors_fail = fail;
        self
    }

    /// Records `code.file.path`, `code.line.number` and `code.namespace` of each span.
    pub fn location(mut self) -> Self {
        self.options.location = true;
        self
    }

    /// Records `thread.name` of the thread that creates a span.
    pub fn threads(mut self) -> Self {
        self.options.threads = true;
        self
    }

    /// Records `busy_ns` and `idle_ns`: the nanoseconds in which a span was entered, and in which it was not.
    pub fn timings(mut self) -> Self {
        self.options.timings = true;
        self
    }

    /// Records the `target` of each span.
    pub fn target(mut self) -> Self {
        self.options.target = true;
        self
    }

    /// Records the `level` of each span.
    pub fn span_level(mut self) -> Self {
        self.options.level = true;
        self
    }

    /// Makes the layer.
    ///
    /// Add it to a subscriber with `.with(…)`. Its filter is its own: an `EnvFilter` belongs on the `fmt` layer, by
    /// `.with_filter(…)`, else it takes spans away from the trace too.
    pub fn layer<S>(self) -> Layer<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        Bridge::new(self.options, self.wanted.clone()).with_filter(self.wanted)
    }
}
