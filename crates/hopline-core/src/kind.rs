//! The role of a span.

/// The role of a span between processes, as OpenTelemetry defines it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SpanKind {
    /// Work inside one process.
    #[default]
    Internal,
    /// A request that came in.
    Server,
    /// A call that went out.
    Client,
    /// A message that was sent.
    Producer,
    /// A message that was handled.
    Consumer,
}
