//! The kind of a span.

/// The kind of a span: its role between processes
/// ([OpenTelemetry, SpanKind](https://opentelemetry.io/docs/specs/otel/trace/api/#spankind)).
///
/// Backends join a client span and the server span under it into one edge of a service map, so an edge with the wrong kind
/// is missing there.
///
/// # Examples
///
/// ```
/// use hopline_core::{SpanBuilder, SpanKind};
///
/// let _call = SpanBuilder::new("GET").kind(SpanKind::Client).start();
/// assert_eq!(SpanKind::default(), SpanKind::Internal);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "OpenTelemetry has these five, and exporters handle each"
)]
pub enum SpanKind {
    /// Work inside one process.
    #[default]
    Internal,
    /// Handling of an incoming request.
    Server,
    /// An outgoing call, from its start to its response.
    Client,
    /// Sending of a message.
    Producer,
    /// Processing of a message.
    Consumer,
}
