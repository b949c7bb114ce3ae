//! Where messages go, and how that is named.

use std::borrow::Cow;

use hopline_core::SpanNames;

/// What the reply queues of this crate begin with.
pub(crate) const REPLIES: &str = "hopline.reply-";
/// What queues begin with that are named by RabbitMQ, or by this crate.
const MADE_UP: [&str; 3] = ["amq.gen-", "amq.rabbitmq.reply-to", REPLIES];

/// `messaging.destination.name`: exchange, routing key and queue, without those that are empty or say nothing new.
pub(crate) fn destination(exchange: &str, key: &str, queue: Option<&str>) -> String {
    let queue = queue.filter(|queue| *queue != key);
    let parts: Vec<&str> = [Some(exchange), Some(key), queue]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    if parts.is_empty() {
        "amq.default".to_owned()
    } else {
        parts.join(":")
    }
}

/// True for a queue whose name nobody chose: without meaning, and gone with its connection.
pub(crate) fn is_made_up(queue: &str) -> bool {
    MADE_UP.iter().any(|prefix| queue.starts_with(prefix))
}

/// What a span is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Publish,
    PublishBatch,
    Request,
    Receive,
    Process,
    ProcessBatch,
}

impl Operation {
    /// The span's name. Names of queues that nobody chose are not in it: there would be no end of them.
    pub(crate) fn span_name(self, names: SpanNames, destination: &str) -> Cow<'static, str> {
        if names == SpanNames::Hopline {
            return self.own_name().into();
        }
        let lasting: Vec<&str> = destination
            .split(':')
            .filter(|part| !is_made_up(part))
            .collect();
        if lasting.is_empty() {
            self.label().into()
        } else {
            format!("{} {}", self.label(), lasting.join(":")).into()
        }
    }

    fn own_name(self) -> &'static str {
        match self {
            Self::Publish => "publish.message",
            Self::PublishBatch => "publish.batch",
            Self::Request => "request.message",
            Self::Receive => "receive.message",
            Self::Process => "process.message",
            Self::ProcessBatch => "process.batch",
        }
    }

    /// `messaging.operation.name`.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Publish | Self::PublishBatch => "publish",
            Self::Request => "request",
            Self::Receive => "receive",
            Self::Process | Self::ProcessBatch => "process",
        }
    }

    /// `messaging.operation.type`, of the conventions' few.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Publish | Self::PublishBatch | Self::Request => "send",
            Self::Receive => "receive",
            Self::Process | Self::ProcessBatch => "process",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_have_no_empty_and_no_double_parts() {
        assert_eq!(destination("", "orders", None), "orders");
        assert_eq!(
            destination("shop", "order.placed", Some("mails")),
            "shop:order.placed:mails"
        );
        assert_eq!(destination("", "orders", Some("orders")), "orders");
        assert_eq!(destination("", "", None), "amq.default");
    }

    #[test]
    fn made_up_names_are_not_in_span_names() {
        let name = |destination| Operation::Process.span_name(SpanNames::Conventions, destination);
        assert_eq!(name("shop:order.placed"), "process shop:order.placed");
        assert_eq!(name("amq.gen-JzTY20BRgKO"), "process");
        assert_eq!(name("amq.rabbitmq.reply-to.g1h2.k"), "process");
        assert_eq!(
            Operation::Process.span_name(SpanNames::Hopline, "x"),
            "process.message"
        );
    }
}
