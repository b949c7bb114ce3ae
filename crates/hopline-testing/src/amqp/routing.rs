//! Kinds of exchanges, and matching of routing keys with the keys of bindings (AMQP 0-9-1, section 3.1.3).
//! `declare` parses the kind of an exchange; `publish` matches each message with the bindings.

/// The matching rule of an exchange.
///
/// `headers` exchanges are not offered: a declaration of one is refused with 503.
///
/// Exchanges of one kind share the code, so a kind holds no state.
///
/// Declaring an exchange again with another kind is refused with 406.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExchangeKind {
    /// The keys are equal.
    Direct,
    /// The key matches the pattern of the binding.
    Topic,
    /// Each binding matches.
    Fanout,
}

impl ExchangeKind {
    /// Returns the kind of this name, or `None` if the broker lacks it.
    ///
    /// The kind is a text in `exchange.declare`; plugins of RabbitMQ add others, which this broker lacks.
    pub(super) fn parse(kind: &str) -> Option<Self> {
        Some(match kind {
            "direct" => Self::Direct,
            "topic" => Self::Topic,
            "fanout" => Self::Fanout,
            _ => return None,
        })
    }

    /// Returns true if a message with this key is routed to a binding with this pattern.
    ///
    /// Keys are compared as bytes; RabbitMQ permits up to 255 of them.
    pub(super) fn matches(self, pattern: &str, key: &str) -> bool {
        match self {
            Self::Direct => pattern == key,
            Self::Fanout => true,
            Self::Topic => topic_matches(pattern, key),
        }
    }
}

/// Word by word: `*` is any one, `#` any number of them. By a table, so that no pattern takes exponential time.
///
/// `pattern` has words, `*` and `#` between dots. The table has a place for each number of words of the key that the pattern
/// so far can have used; a part of the pattern makes the next table from it. Time is the product of both lengths.
///
/// `orders.#` matches `orders` and `orders.new.eu`; `orders.*` matches `orders.new` alone.
fn topic_matches(pattern: &str, key: &str) -> bool {
    let words: Vec<&str> = key.split('.').collect();
    // reachable[n]: the pattern so far can have used n words
    let mut reachable = vec![false; words.len() + 1];
    reachable[0] = true;
    for part in pattern.split('.') {
        let mut next = vec![false; words.len() + 1];
        for used in 0..=words.len() {
            if part == "#" {
                // `#` uses no word, or one more than it has used before
                next[used] = reachable[used] || (used > 0 && next[used - 1]);
            } else if used > 0 && reachable[used - 1] {
                next[used] = part == "*" || part == words[used - 1];
            }
        }
        reachable = next;
    }
    reachable[words.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_match_word_by_word() {
        for (pattern, key, matches) in [
            ("orders.*", "orders.new", true),
            ("orders.*", "orders.new.eu", false),
            ("orders.*", "orders", false),
            ("orders.#", "orders", true),
            ("orders.#", "orders.new.eu", true),
            ("#.eu", "orders.new.eu", true),
            ("#", "", true),
            ("*.new.#", "orders.new", true),
            ("orders.new", "orders.old", false),
        ] {
            assert_eq!(topic_matches(pattern, key), matches, "{pattern} {key}");
        }
    }
}
