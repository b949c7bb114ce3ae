//! `messaging.destination.name`, and the part of it that span names have.

/// Prefix of the reply queues that this crate declares.
pub(crate) const REPLIES: &str = "hopline.reply-";
/// Prefixes of queue names that RabbitMQ or this crate generates.
const GENERATED: [&str; 3] = ["amq.gen-", "amq.rabbitmq.reply-to", REPLIES];
/// Longest joined name in bytes that needs no allocation.
const INLINE: usize = 64;

/// A destination name: one part as it is, or several joined by colons.
///
/// Joined names are short mostly, and each publish has one: those up to [`INLINE`] bytes are on the stack.
#[derive(Clone, Debug)]
pub(crate) enum Destination<'a> {
    Part(&'a str),
    Inline([u8; INLINE], usize),
    Heap(String),
}

impl<'a> Destination<'a> {
    /// Joins exchange, routing key and queue. Leaves out empty parts, and a queue that is named like the key.
    pub(crate) fn new(exchange: &'a str, key: &'a str, queue: Option<&'a str>) -> Self {
        let queue = queue.filter(|queue| *queue != key).unwrap_or_default();
        Self::joined([exchange, key, queue].into_iter()).unwrap_or(Self::Part("amq.default"))
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Part(part) => part,
            // whole parts of text, so always UTF-8
            Self::Inline(bytes, len) => std::str::from_utf8(&bytes[..*len]).unwrap_or_default(),
            Self::Heap(text) => text,
        }
    }

    /// Returns the name without generated queue names, whose number has no bound; `None` if nothing is left.
    pub(crate) fn for_span_name(&self) -> Option<Destination<'_>> {
        let name = self.as_str();
        let parts = name.split(':');
        if parts.clone().any(is_generated) {
            Destination::joined(parts.filter(|part| !is_generated(part)))
        } else {
            Some(Destination::Part(name))
        }
    }

    fn joined(parts: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        let parts = parts.filter(|part| !part.is_empty());
        let mut rest = parts.clone();
        let first = rest.next()?;
        if rest.next().is_none() {
            return Some(Self::Part(first));
        }
        let len = parts.clone().map(|part| part.len() + 1).sum::<usize>() - 1;
        if len > INLINE {
            let mut text = String::with_capacity(len);
            for part in parts {
                if !text.is_empty() {
                    text.push(':');
                }
                text.push_str(part);
            }
            return Some(Self::Heap(text));
        }
        let (mut bytes, mut at) = ([b':'; INLINE], 0);
        for part in parts {
            bytes[at..at + part.len()].copy_from_slice(part.as_bytes());
            at += part.len() + 1;
        }
        Some(Self::Inline(bytes, len))
    }
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
            ("", "orders", Some("orders"), "orders"),
            ("", "", None, "amq.default"),
        ] {
            assert_eq!(Destination::new(exchange, key, queue).as_str(), expected);
        }
    }

    #[test]
    fn joined_names_of_each_length_are_whole() {
        for len in [1, 31, 32, 61, 62, 63, 200] {
            let (exchange, key) = ("ä".repeat(len), "k");
            let expected = format!("{exchange}:{key}");
            assert_eq!(Destination::new(&exchange, key, None).as_str(), expected);
        }
    }

    #[test]
    fn generated_names_are_not_in_span_names() {
        let name = |exchange, key, queue| {
            let name = Destination::new(exchange, key, queue);
            name.for_span_name().map(|name| name.as_str().to_owned())
        };
        assert_eq!(
            name("shop", "order.placed", None).unwrap(),
            "shop:order.placed"
        );
        assert_eq!(
            name("shop", "order.placed", Some("amq.gen-JzTY20BRgKO")).unwrap(),
            "shop:order.placed"
        );
        assert_eq!(name("", "amq.gen-JzTY20BRgKO", None), None);
        assert_eq!(name("", "amq.rabbitmq.reply-to.g1h2.k", None), None);
    }
}
