//! `messaging.destination.name`, and the part of it that span names have.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Deref;

/// Prefix of the reply queues that this crate declares.
pub(crate) const REPLIES: &str = "hopline.reply-";
/// Prefixes of queue names that RabbitMQ or this crate generates.
const GENERATED: [&str; 3] = ["amq.gen-", "amq.rabbitmq.reply-to", REPLIES];
thread_local! {
    /// The memory of joined names: a publish that is not recorded would allocate for nothing else. Bounded by three
    /// names of 255 bytes for each thread.
    static JOINED: Cell<String> = const { Cell::new(String::new()) };
}

/// A destination name. Dropped, it gives the memory of a joined name back to its thread.
#[derive(Debug)]
pub(crate) enum Destination<'a> {
    Part(&'a str),
    Joined(String),
}

impl<'a> Destination<'a> {
    /// Joins exchange, routing key and queue by colons. Leaves out empty parts, and a queue that is named like the key.
    /// Does not copy a single part.
    pub(crate) fn new(exchange: &'a str, key: &'a str, queue: Option<&'a str>) -> Self {
        let queue = queue.filter(|queue| *queue != key).unwrap_or_default();
        match (exchange, key, queue) {
            ("", "", "") => Self::Part("amq.default"),
            ("", "", one) | ("", one, "") | (one, "", "") => Self::Part(one),
            _ => Self::joined([exchange, key, queue]),
        }
    }

    fn joined(parts: [&str; 3]) -> Self {
        // a thread that ends has none any more
        let mut joined = JOINED.try_with(Cell::take).unwrap_or_default();
        joined.clear();
        for part in parts {
            if !part.is_empty() {
                if !joined.is_empty() {
                    joined.push(':');
                }
                joined.push_str(part);
            }
        }
        Self::Joined(joined)
    }
}

impl Deref for Destination<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Part(part) => part,
            Self::Joined(joined) => joined,
        }
    }
}

impl Drop for Destination<'_> {
    fn drop(&mut self) {
        if let Self::Joined(joined) = self {
            let joined = std::mem::take(joined);
            let _ = JOINED.try_with(|memory| memory.set(joined));
        }
    }
}

/// Returns a destination for metrics, without generated queue names; `None` if nothing is left.
pub(crate) fn for_metrics<'a>(
    exchange: &'a str,
    key: &'a str,
    queue: Option<&'a str>,
) -> Option<Destination<'a>> {
    let parts = [exchange, key, queue.unwrap_or_default()];
    let [exchange, key, queue] = parts.map(|part| if is_generated(part) { "" } else { part });
    let left = [exchange, key, queue] != [""; 3] || parts == [""; 3];
    left.then(|| Destination::new(exchange, key, Some(queue)))
}

/// Returns a destination without generated queue names, whose number has no bound; `None` if nothing is left.
pub(crate) fn for_span_name(destination: &str) -> Option<Cow<'_, str>> {
    let parts = destination.split(':');
    if !parts.clone().any(is_generated) {
        return Some(Cow::Borrowed(destination));
    }
    let kept: Vec<&str> = parts.filter(|part| !is_generated(part)).collect();
    (!kept.is_empty()).then(|| Cow::Owned(kept.join(":")))
}

/// Returns true for a queue name that the broker or this crate generated.
pub(crate) fn is_generated(queue: &str) -> bool {
    GENERATED.iter().any(|prefix| queue.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_have_no_empty_and_no_repeated_parts() {
        for (exchange, key, queue, expected) in [
            ("", "orders", None, "orders"),
            (
                "shop",
                "order.placed",
                Some("mails"),
                "shop:order.placed:mails",
            ),
            ("shop", "order.placed", None, "shop:order.placed"),
            ("shop", "", Some("mails"), "shop:mails"),
            ("", "a", Some("b"), "a:b"),
            ("shop", "", None, "shop"),
            ("", "", Some("mails"), "mails"),
            ("", "orders", Some("orders"), "orders"),
            ("", "", None, "amq.default"),
        ] {
            assert_eq!(&*Destination::new(exchange, key, queue), expected);
        }
    }

    #[test]
    fn generated_names_are_not_in_metrics() {
        let name =
            |exchange, key, queue| for_metrics(exchange, key, queue).map(|name| name.to_string());
        assert_eq!(
            name("shop", "", Some("mails")).as_deref(),
            Some("shop:mails")
        );
        assert_eq!(name("", "", Some("mails")).as_deref(), Some("mails"));
        assert_eq!(name("shop", "", Some("amq.gen-x")).as_deref(), Some("shop"));
        assert_eq!(name("", "", None).as_deref(), Some("amq.default"));
        assert_eq!(name("", "hopline.reply-7", None), None);
        assert_eq!(name("", "", Some("amq.gen-x")), None);
    }

    #[test]
    fn generated_names_are_not_in_span_names() {
        let name = |exchange, key, queue| {
            let name = Destination::new(exchange, key, queue);
            for_span_name(&name).map(Cow::into_owned)
        };
        assert_eq!(
            name("shop", "order.placed", None).as_deref(),
            Some("shop:order.placed")
        );
        assert_eq!(
            name("shop", "order.placed", Some("amq.gen-JzTY20BRgKO")).as_deref(),
            Some("shop:order.placed")
        );
        assert_eq!(name("", "amq.gen-JzTY20BRgKO", None), None);
        assert_eq!(name("", "amq.rabbitmq.reply-to.g1h2.k", None), None);
    }
}
