//! Where messages go, and how that is named.

use std::borrow::Cow;

/// What the reply queues of this crate begin with.
pub(crate) const REPLIES: &str = "hopline.reply-";
/// What queues begin with that are named by RabbitMQ, or by this crate.
const MADE_UP: [&str; 3] = ["amq.gen-", "amq.rabbitmq.reply-to", REPLIES];

/// `messaging.destination.name`: exchange, routing key and queue, without those that are empty or say nothing new.
pub(crate) fn destination<'a>(
    exchange: &'a str,
    key: &'a str,
    queue: Option<&'a str>,
) -> Cow<'a, str> {
    let queue = queue.filter(|queue| *queue != key).unwrap_or_default();
    let parts = [exchange, key, queue].into_iter();
    joined(parts.filter(|part| !part.is_empty())).unwrap_or(Cow::Borrowed("amq.default"))
}

/// The destination in a span's name: without queues whose names nobody chose, of which there would be no end.
pub(crate) fn lasting(destination: &str) -> Option<Cow<'_, str>> {
    let parts = destination.split(':');
    if parts.clone().any(is_made_up) {
        joined(parts.filter(|part| !is_made_up(part)))
    } else {
        Some(Cow::Borrowed(destination))
    }
}

/// With colons between them. One alone, as mostly, needs no memory.
fn joined<'a>(parts: impl Iterator<Item = &'a str> + Clone) -> Option<Cow<'a, str>> {
    let mut rest = parts.clone();
    let first = rest.next()?;
    if rest.clone().next().is_none() {
        return Some(Cow::Borrowed(first));
    }
    let mut all = String::with_capacity(parts.map(|part| part.len() + 1).sum());
    all.push_str(first);
    for part in rest {
        all.push(':');
        all.push_str(part);
    }
    Some(Cow::Owned(all))
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
    /// The span's name, where it is this crate's.
    pub(crate) fn own_name(self) -> &'static str {
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
        assert_eq!(lasting("shop:order.placed").unwrap(), "shop:order.placed");
        assert_eq!(
            lasting("shop:order.placed:amq.gen-JzTY20BRgKO").unwrap(),
            "shop:order.placed"
        );
        assert_eq!(lasting("amq.gen-JzTY20BRgKO"), None);
        assert_eq!(lasting("amq.rabbitmq.reply-to.g1h2.k"), None);
    }
}
