//! Header tables: the names that the runner reads and writes, limits that brokers and clients impose, and conversions.

use std::borrow::Cow;

use lapin::types::{AMQPValue, FieldArray, FieldTable};

/// Largest header table in bytes: RabbitMQ's frame of 128 KiB, less 4 KiB for the other properties.
pub(crate) const MAX_HEADERS: usize = (128 << 10) - 4096;

/// Deepest nesting of tables and arrays. Clients' parsers recurse into them, lapin's too.
pub(crate) const MAX_DEPTH: usize = 64;

/// Attempts so far; on copies that the runner publishes for one more attempt, like the other `hopline-retry-…` headers.
pub(crate) const RETRIES: &str = "hopline-retry-count";
/// The queue whose attempts are counted.
pub(crate) const RETRY_QUEUE: &str = "hopline-retry-queue";
/// The exchange of the first publish.
pub(crate) const RETRY_EXCHANGE: &str = "hopline-retry-exchange";
/// The routing key of the first publish.
pub(crate) const RETRY_KEY: &str = "hopline-retry-routing-key";
/// The `user-id` that the broker validated at the first publish.
pub(crate) const RETRY_USER: &str = "hopline-retry-user-id";
/// The header `CC` of the first publish.
pub(crate) const RETRY_CC: &str = "hopline-retry-cc";

/// The reason; on dead letters that the runner publishes, like the other `hopline-dead-letter-…` headers.
pub(crate) const DEATH_REASON: &str = "hopline-dead-letter-reason";
/// The queue whose consumer failed.
pub(crate) const DEATH_QUEUE: &str = "hopline-dead-letter-queue";
/// The exchange of the first publish.
pub(crate) const DEATH_EXCHANGE: &str = "hopline-dead-letter-exchange";
/// The routing key of the first publish.
pub(crate) const DEATH_KEY: &str = "hopline-dead-letter-routing-key";
/// The expiration of the original, which a dead letter does not have.
pub(crate) const DEATH_EXPIRATION: &str = "hopline-dead-letter-expiration";
/// The `user-id` that the broker validated at the first publish.
pub(crate) const DEATH_USER: &str = "hopline-dead-letter-user-id";
/// The header `CC` of the original.
pub(crate) const DEATH_CC: &str = "hopline-dead-letter-cc";

/// Additional routing keys, by which RabbitMQ routes a message too.
pub(crate) const CC: &str = "CC";
/// Previous deliveries, counted by quorum queues.
pub(crate) const DELIVERY_COUNT: &str = "x-delivery-count";
/// Queues that dead-lettered the message, with counts; set by RabbitMQ.
const X_DEATH: &str = "x-death";

/// Returns true for the headers of a dead letter, by a broker or by a runner.
pub(crate) fn are_of_a_dead_letter(headers: &FieldTable) -> bool {
    headers.contains_key(X_DEATH) || headers.contains_key(DEATH_REASON)
}

/// Returns the number of previous deliveries that a quorum queue counted.
pub(crate) fn delivery_count(headers: &FieldTable) -> Option<u64> {
    number(headers.inner().get(DELIVERY_COUNT)?)
}

/// Counts rejections by consumers of this queue. Deaths in other queues, and by expiration or length, are no attempts.
pub(crate) fn rejections_in(headers: &FieldTable, queue: &str) -> u64 {
    let Some(AMQPValue::FieldArray(deaths)) = headers.inner().get(X_DEATH) else {
        return 0;
    };
    let tables = deaths.as_slice().iter().filter_map(|death| match death {
        AMQPValue::FieldTable(death) => Some(death),
        _ => None,
    });
    let here = tables.filter(|death| {
        let reason = text_of(death, "reason");
        text_of(death, "queue") == Some(queue)
            && matches!(reason, Some("rejected" | "delivery_limit"))
    });
    let counts = here.filter_map(|death| number(death.inner().get("count")?));
    counts.fold(0, u64::saturating_add)
}

/// Returns the attempts counted by runners of this queue, for a copy that one of them published.
pub(crate) fn retries_in(headers: &FieldTable, queue: &str) -> Option<u64> {
    let retries = number(headers.inner().get(RETRIES)?)?;
    (text_of(headers, RETRY_QUEUE) == Some(queue)).then_some(retries)
}

/// Returns a header's text: a long string in UTF-8, or a short string.
pub(crate) fn text_of<'a>(headers: &'a FieldTable, key: &str) -> Option<&'a str> {
    match headers.inner().get(key)? {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        _ => None,
    }
}

/// Returns true if tables and arrays nest deeper than [`MAX_DEPTH`]. Recurses no deeper itself.
pub(crate) fn are_too_deep(headers: &FieldTable) -> bool {
    headers
        .inner()
        .values()
        .any(|value| is_deeper(value, MAX_DEPTH))
}

fn is_deeper(value: &AMQPValue, levels: usize) -> bool {
    let Some(levels) = levels.checked_sub(1) else {
        return true;
    };
    match value {
        AMQPValue::FieldArray(values) => values
            .as_slice()
            .iter()
            .any(|value| is_deeper(value, levels)),
        AMQPValue::FieldTable(table) => {
            table.inner().values().any(|value| is_deeper(value, levels))
        }
        _ => false,
    }
}

/// Returns the publish time that RabbitMQ's timestamp interceptor adds, in milliseconds since the Unix epoch.
pub(crate) fn timestamp_in_ms(headers: &FieldTable) -> Option<u64> {
    number(headers.inner().get("timestamp_in_ms")?)
}

/// Converts short strings to long ones, in nested tables and arrays too: RabbitMQ closes the connection for short ones.
pub(crate) fn without_short_strings(headers: FieldTable) -> FieldTable {
    if !headers.inner().values().any(has_short_string) {
        return headers;
    }
    let entries = headers.inner().iter();
    let entries = entries.map(|(key, value)| (key.clone(), long(value).into_owned()));
    FieldTable::from(entries.collect::<std::collections::BTreeMap<_, _>>())
}

/// Copies the table without the keys for which `dropped` returns true.
pub(crate) fn without(headers: &FieldTable, dropped: impl Fn(&str) -> bool) -> FieldTable {
    let mut rest = FieldTable::default();
    for (key, value) in headers
        .inner()
        .iter()
        .filter(|(key, _)| !dropped(key.as_str()))
    {
        rest.insert(key.clone(), value.clone());
    }
    rest
}

/// Returns the bytes of the encoded table in a frame.
pub(crate) fn encoded_len(headers: &FieldTable) -> usize {
    let entries = headers.inner().iter();
    4 + entries
        .map(|(key, value)| 1 + key.as_str().len() + value_len(value))
        .sum::<usize>()
}

fn value_len(value: &AMQPValue) -> usize {
    1 + match value {
        AMQPValue::Void => 0,
        AMQPValue::Boolean(_) | AMQPValue::ShortShortInt(_) | AMQPValue::ShortShortUInt(_) => 1,
        AMQPValue::ShortInt(_) | AMQPValue::ShortUInt(_) => 2,
        AMQPValue::LongInt(_) | AMQPValue::LongUInt(_) | AMQPValue::Float(_) => 4,
        AMQPValue::DecimalValue(_) => 5,
        AMQPValue::LongLongInt(_) | AMQPValue::Double(_) | AMQPValue::Timestamp(_) => 8,
        AMQPValue::ShortString(text) => 4 + text.as_str().len(),
        AMQPValue::LongString(text) => 4 + text.len(),
        AMQPValue::ByteArray(bytes) => 4 + bytes.len(),
        AMQPValue::FieldArray(values) => 4 + values.as_slice().iter().map(value_len).sum::<usize>(),
        AMQPValue::FieldTable(table) => encoded_len(table),
    }
}

fn has_short_string(value: &AMQPValue) -> bool {
    match value {
        AMQPValue::ShortString(_) => true,
        AMQPValue::FieldArray(values) => values.as_slice().iter().any(has_short_string),
        AMQPValue::FieldTable(table) => table.inner().values().any(has_short_string),
        _ => false,
    }
}

fn long(value: &AMQPValue) -> Cow<'_, AMQPValue> {
    match value {
        AMQPValue::ShortString(text) => Cow::Owned(AMQPValue::LongString(text.as_str().into())),
        AMQPValue::FieldArray(values) => {
            let values: Vec<AMQPValue> = values
                .as_slice()
                .iter()
                .map(|value| long(value).into_owned())
                .collect();
            Cow::Owned(AMQPValue::FieldArray(FieldArray::from(values)))
        }
        AMQPValue::FieldTable(table) => {
            Cow::Owned(AMQPValue::FieldTable(without_short_strings(table.clone())))
        }
        other => Cow::Borrowed(other),
    }
}

/// Converts a count. Its integer type depends on the broker and its version.
fn number(value: &AMQPValue) -> Option<u64> {
    match value {
        AMQPValue::LongLongInt(number) => u64::try_from(*number).ok(),
        AMQPValue::LongInt(number) => u64::try_from(*number).ok(),
        AMQPValue::ShortInt(number) => u64::try_from(*number).ok(),
        AMQPValue::ShortShortInt(number) => u64::try_from(*number).ok(),
        AMQPValue::LongUInt(number) => Some((*number).into()),
        AMQPValue::ShortUInt(number) => Some((*number).into()),
        AMQPValue::ShortShortUInt(number) => Some((*number).into()),
        AMQPValue::Timestamp(number) => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: impl IntoIterator<Item = (&'static str, AMQPValue)>) -> FieldTable {
        let mut table = FieldTable::default();
        for (key, value) in entries {
            table.insert(key.into(), value);
        }
        table
    }

    #[test]
    fn short_strings_are_converted_at_each_level() {
        let short = || AMQPValue::ShortString("x".into());
        let inner = table([("deep", short())]);
        let array = AMQPValue::FieldArray(vec![short(), AMQPValue::FieldTable(inner)].into());
        let safe = without_short_strings(table([
            ("a", short()),
            ("b", array),
            ("c", AMQPValue::Void),
        ]));
        assert!(!safe.inner().values().any(has_short_string));
        assert_eq!(safe.inner().len(), 3);
        assert_eq!(safe.inner()["a"], AMQPValue::LongString("x".into()));
    }

    #[test]
    fn counts_of_each_integer_type_are_summed() {
        let text = |text: &str| AMQPValue::LongString(text.into());
        let death = |queue, reason, count| {
            AMQPValue::FieldTable(table([
                ("queue", text(queue)),
                ("reason", text(reason)),
                ("count", count),
            ]))
        };
        let deaths = vec![
            death("work", "rejected", AMQPValue::LongLongInt(2)),
            death("work", "delivery_limit", AMQPValue::LongInt(1)),
            death("work", "rejected", AMQPValue::LongString("3".into())),
            death("work", "rejected", AMQPValue::LongLongInt(-1)),
            // expired: no handler had it
            death("work", "expired", AMQPValue::LongLongInt(7)),
            death("wait", "expired", AMQPValue::LongLongInt(7)),
            death("other", "rejected", AMQPValue::LongLongInt(7)),
            AMQPValue::Void,
        ];
        let headers = table([
            ("x-death", AMQPValue::FieldArray(deaths.into())),
            (DELIVERY_COUNT, AMQPValue::LongUInt(4)),
            (RETRIES, AMQPValue::ShortShortUInt(1)),
            (RETRY_QUEUE, text("work")),
        ]);
        assert_eq!(rejections_in(&headers, "work"), 3);
        assert_eq!(retries_in(&headers, "work"), Some(1));
        assert_eq!(retries_in(&headers, "other"), None);
        assert_eq!(delivery_count(&headers), Some(4));
        let wrong = table([("x-death", AMQPValue::Boolean(true))]);
        assert_eq!(rejections_in(&wrong, "work"), 0);
    }

    #[test]
    fn nesting_beyond_the_limit_is_detected() {
        let nested = |levels| {
            let mut value = AMQPValue::Void;
            for level in 0..levels {
                value = match level % 2 {
                    0 => AMQPValue::FieldArray(vec![value].into()),
                    _ => AMQPValue::FieldTable(table([("k", value)])),
                };
            }
            table([("k", value)])
        };
        assert!(!are_too_deep(&nested(MAX_DEPTH - 1)));
        assert!(are_too_deep(&nested(MAX_DEPTH)));
    }

    #[test]
    fn the_encoded_length_is_that_of_the_wire_format() {
        let inner = table([("k", AMQPValue::Double(1.0))]);
        let headers = table([
            ("text", AMQPValue::LongString("four".into())),
            ("table", AMQPValue::FieldTable(inner)),
            ("void", AMQPValue::Void),
        ]);
        // length, then name and type and value of each
        let expected = 4 + (5 + 1 + 8) + (6 + 1 + (4 + 2 + 1 + 8)) + (5 + 1);
        assert_eq!(encoded_len(&headers), expected);
    }
}
