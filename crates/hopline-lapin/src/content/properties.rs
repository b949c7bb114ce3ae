//! Attribute values from a message's properties.

use std::time::{Duration, SystemTime};

use lapin::BasicProperties;
use lapin::types::ShortString;

use super::headers;

/// `messaging.message.id`: the property `message-id`.
pub(crate) fn message_id(properties: &BasicProperties) -> Option<&str> {
    properties.message_id().as_ref().map(ShortString::as_str)
}

/// `messaging.message.conversation_id`: the property `correlation-id`.
pub(crate) fn conversation_id(properties: &BasicProperties) -> Option<&str> {
    properties
        .correlation_id()
        .as_ref()
        .map(ShortString::as_str)
}

/// `hopline.messaging.queue_time_ms`: milliseconds since the publish time, if the message has one that is not in the
/// future.
///
/// A publisher's clock may differ from this one: the time is an estimate across machines.
pub(crate) fn queue_time_ms(properties: &BasicProperties, now: SystemTime) -> Option<u64> {
    let headers = properties.headers().as_ref();
    let published = match headers.and_then(headers::timestamp_in_ms) {
        Some(millis) => Duration::from_millis(millis),
        // AMQP timestamps have a resolution of one second
        None => Duration::from_secs((*properties.timestamp())?),
    };
    let published = SystemTime::UNIX_EPOCH.checked_add(published)?;
    let waited = now.duration_since(published).ok()?;
    u64::try_from(waited.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapin::types::{AMQPValue, FieldTable};

    #[test]
    fn queue_time_prefers_milliseconds_and_is_never_negative() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(10_250);
        let seconds = BasicProperties::default().with_timestamp(9);
        assert_eq!(queue_time_ms(&seconds, now), Some(1_250));
        let mut headers = FieldTable::default();
        headers.insert("timestamp_in_ms".into(), AMQPValue::LongLongInt(10_000));
        assert_eq!(
            queue_time_ms(&seconds.with_headers(headers), now),
            Some(250)
        );
        for none in [
            BasicProperties::default(),
            BasicProperties::default().with_timestamp(11),
            BasicProperties::default().with_timestamp(u64::MAX),
        ] {
            assert_eq!(queue_time_ms(&none, now), None);
        }
    }
}
