//! The instruments of this crate, by the semantic conventions v1.44, and their attributes.
//!
//! Measurements report them when their span ends.

use hopline_core::metrics::Instrument;
use hopline_core::{Attr, Literal, attr, semconv};

use crate::span::Settings;

pub(crate) static OPERATION_DURATION: Instrument =
    Instrument::histogram("messaging.client.operation.duration", "s")
        .description("Duration of publishes, requests and fetches.");
pub(crate) static PROCESS_DURATION: Instrument =
    Instrument::histogram("messaging.process.duration", "s")
        .description("Duration of processing a message or a batch.");
pub(crate) static SENT: Instrument =
    Instrument::counter("messaging.client.sent.messages", "{message}")
        .description("Messages that were published, or failed to be.");
pub(crate) static CONSUMED: Instrument =
    Instrument::counter("messaging.client.consumed.messages", "{message}")
        .description("Messages that the application received.");

/// The attributes of an operation. All strings have few values.
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
