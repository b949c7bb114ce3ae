//! The instruments of this crate, by the semantic conventions v1.44, and their attributes.
//!
//! Measurements report them when their span ends.

use hopline_core::metrics::Instrument;
use hopline_core::{Attr, Literal, attr, semconv};

use crate::span::Settings;

/// The time that a caller awaits an operation, in seconds. A failed or cancelled one is reported too, with
/// `error.type`. A batch of publishes reports each of its publishes, and not itself.
pub(crate) static OPERATION_DURATION: Instrument =
    Instrument::histogram("messaging.client.operation.duration", "s")
        .description("Duration of publishes, requests and fetches.");
/// The time from the start of a process span to its end, in seconds: the handler, and the settling where the runner
/// does it.
pub(crate) static PROCESS_DURATION: Instrument =
    Instrument::histogram("messaging.process.duration", "s")
        .description("Duration of processing a message or a batch.");
/// Counted once for a publish, at its end. One that fails has `error.type`.
pub(crate) static SENT: Instrument =
    Instrument::counter("messaging.client.sent.messages", "{message}")
        .description("Messages that were published, or failed to be.");
/// Counted when the message is passed to the application, before it is processed. A message that is delivered again
/// counts again.
pub(crate) static CONSUMED: Instrument =
    Instrument::counter("messaging.client.consumed.messages", "{message}")
        .description("Messages that the application received.");

/// The attributes of an operation. All strings have few values. The destination has neither generated queue names nor
/// the routing key of a delivered message, since each combination of values is a time series of its own.
pub(crate) fn attributes<'a>(
    operation: &'static str,
    destination: Option<&'a str>,
    error_type: Option<&'a str>,
    settings: &'a Settings,
) -> [Attr<'a>; 6] {
    [
        attr(semconv::MESSAGING_SYSTEM, Literal("rabbitmq")),
        attr("messaging.operation.name", Literal(operation)),
        attr(semconv::MESSAGING_DESTINATION_NAME, destination),
        attr("error.type", error_type),
        attr(semconv::SERVER_ADDRESS, settings.server_address()),
        attr(semconv::SERVER_PORT, settings.server_port()),
    ]
}
