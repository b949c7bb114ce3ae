//! Header tables that brokers take.

use std::borrow::Cow;

use lapin::types::{AMQPValue, FieldArray, FieldTable};

/// What a header table may take of a frame of 128 KiB, RabbitMQ's largest: the rest is for the other properties.
pub(crate) const MAX_HEADERS: usize = (128 << 10) - 4096;

/// Set by the runner where it publishes a failed message again: how often that was done.
pub(crate) const RETRIES: &str = "hopline-retry-count";
/// Set by the runner on what it hands over as a dead letter: why.
pub(crate) const DEATH_REASON: &str = "hopline-dead-letter-reason";
/// Set by the runner on what it hands over as a dead letter: where it failed.
pub(crate) const DEATH_QUEUE: &str = "hopline-dead-letter-queue";
/// Set by RabbitMQ on dead letters.
const X_DEATH: &str = "x-death";

/// True if a broker or a runner gave up on the message that these headers come from.
pub(crate) fn are_of_a_dead_letter(headers: &FieldTable) -> bool {
    headers.contains_key(X_DEATH) || headers.contains_key(DEATH_REASON)
}

/// How often it was delivered before, as the broker of a quorum queue counts.
pub(crate) fn delivery_count(headers: &FieldTable) -> Option<u64> {
    number(headers.inner().get("x-delivery-count")?)
}

/// How often it died or was published again by a runner.
pub(crate) fn earlier_lives(headers: &FieldTable) -> u64 {
    let deaths = match headers.inner().get(X_DEATH) {
        Some(AMQPValue::FieldArray(deaths)) => {
            let counts = deaths.as_slice().iter().filter_map(count);
            counts.fold(0, u64::saturating_add)
        }
        _ => 0,
    };
    let own = headers.inner().get(RETRIES).and_then(number).unwrap_or(0);
    own.saturating_add(deaths)
}

/// The time in milliseconds since the epoch that a broker's plugin wrote down.
pub(crate) fn timestamp_in_ms(headers: &FieldTable) -> Option<u64> {
    number(headers.inner().get("timestamp_in_ms")?)
}

/// With no value that makes brokers close the connection: short strings become long ones, in tables and arrays too.
pub(crate) fn harmless(headers: FieldTable) -> FieldTable {
    if !headers.inner().values().any(has_short_string) {
        return headers;
    }
    let entries = headers.inner().iter();
    let entries = entries.map(|(key, value)| (key.clone(), long(value).into_owned()));
    FieldTable::from(entries.collect::<std::collections::BTreeMap<_, _>>())
}

/// The table without these keys.
pub(crate) fn without(headers: &FieldTable, keys: &[&str]) -> FieldTable {
    let mut rest = FieldTable::default();
    for (key, value) in headers {
        if !keys
            .iter()
            .any(|gone| key.as_str().eq_ignore_ascii_case(gone))
        {
            rest.insert(key.clone(), value.clone());
        }
    }
    rest
}

/// The bytes that the table takes in a frame.
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
        AMQPValue::FieldTable(table) => Cow::Owned(AMQPValue::FieldTable(harmless(table.clone()))),
        other => Cow::Borrowed(other),
    }
}

fn count(death: &AMQPValue) -> Option<u64> {
    if let AMQPValue::FieldTable(death) = death {
        number(death.inner().get("count")?)
    } else {
        None
    }
}

/// Counts come as one of several types, by broker and version.
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
    fn short_strings_become_long_ones_wherever_they_are() {
        let short = || AMQPValue::ShortString("x".into());
        let inner = table([("deep", short())]);
        let array = AMQPValue::FieldArray(vec![short(), AMQPValue::FieldTable(inner)].into());
        let safe = harmless(table([
            ("a", short()),
            ("b", array),
            ("c", AMQPValue::Void),
        ]));
        assert!(!safe.inner().values().any(has_short_string));
        assert_eq!(safe.inner().len(), 3);
        assert_eq!(safe.inner()["a"], AMQPValue::LongString("x".into()));
    }

    #[test]
    fn counts_of_any_type_are_summed_and_others_passed_over() {
        let death = |count| AMQPValue::FieldTable(table([("count", count)]));
        let deaths = vec![
            death(AMQPValue::LongLongInt(2)),
            death(AMQPValue::LongString("3".into())),
            AMQPValue::Void,
            death(AMQPValue::LongLongInt(-1)),
        ];
        let headers = table([
            ("x-death", AMQPValue::FieldArray(deaths.into())),
            ("x-delivery-count", AMQPValue::LongUInt(4)),
            (RETRIES, AMQPValue::ShortShortUInt(1)),
        ]);
        assert_eq!(earlier_lives(&headers), 3);
        assert_eq!(delivery_count(&headers), Some(4));
        let wrong = table([("x-death", AMQPValue::Boolean(true))]);
        assert_eq!(earlier_lives(&wrong), 0);
    }

    #[test]
    fn a_table_is_as_long_as_it_is_sent() {
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
