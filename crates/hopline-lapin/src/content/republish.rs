//! Copies that the runner publishes: one more attempt, and a dead letter. The crate's front page lists what each keeps.

use hopline_core::propagation::{BAGGAGE, TRACEPARENT, TRACESTATE};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::headers::{
    self, CC, DEATH_CC, DEATH_EXCHANGE, DEATH_EXPIRATION, DEATH_KEY, DEATH_QUEUE, DEATH_REASON,
    DEATH_USER, DELIVERY_COUNT, RETRIES, RETRY_CC, RETRY_EXCHANGE, RETRY_KEY, RETRY_QUEUE,
    RETRY_USER,
};

const RETRY: &str = "hopline-retry-";
const DEATH: &str = "hopline-dead-letter-";

/// A delivered message, as its first publisher sent it, and the queue that delivered it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Original<'a> {
    pub(crate) queue: &'a str,
    pub(crate) exchange: &'a ShortString,
    pub(crate) routing_key: &'a ShortString,
    pub(crate) properties: &'a BasicProperties,
}

/// Returns the properties of a copy for one more attempt. [`original`] reverses it when the copy is delivered.
///
/// Headers of an earlier copy are replaced, so that they describe the first publish at each attempt.
pub(crate) fn retry(message: Original<'_>, attempts: u64) -> BasicProperties {
    let (old, user) = (headers_of(message.properties), user_of(message.properties));
    let mut headers = headers::without(&old, |key| key.starts_with(RETRY) || key == CC);
    let attempts = i64::try_from(attempts).unwrap_or(i64::MAX);
    headers.insert(RETRIES.into(), AMQPValue::LongLongInt(attempts));
    headers.insert(RETRY_QUEUE.into(), text(message.queue));
    headers.insert(RETRY_EXCHANGE.into(), text(message.exchange.as_str()));
    headers.insert(RETRY_KEY.into(), text(message.routing_key.as_str()));
    keep(&mut headers, RETRY_USER, user);
    keep(&mut headers, RETRY_CC, old.inner().get(CC).cloned());
    let expiration = message.properties.expiration().clone();
    rebuilt(message.properties, headers, expiration)
}

/// Returns the properties of a dead letter: a new message whose headers describe the original.
///
/// Without trace headers: its publish span adds those of the attempt that gave up.
pub(crate) fn dead_letter(message: Original<'_>, why: &str) -> BasicProperties {
    let (old, user) = (headers_of(message.properties), user_of(message.properties));
    let dropped = |key: &str| {
        key.starts_with(RETRY)
            || key.starts_with(DEATH)
            || [CC, DELIVERY_COUNT].contains(&key)
            || is_context(key)
    };
    let mut headers = headers::without(&old, dropped);
    headers.insert(DEATH_REASON.into(), text(why));
    headers.insert(DEATH_QUEUE.into(), text(message.queue));
    headers.insert(DEATH_EXCHANGE.into(), text(message.exchange.as_str()));
    headers.insert(DEATH_KEY.into(), text(message.routing_key.as_str()));
    let expiration = message.properties.expiration().as_ref();
    keep(
        &mut headers,
        DEATH_EXPIRATION,
        expiration.map(|time| text(time.as_str())),
    );
    keep(&mut headers, DEATH_USER, user);
    keep(&mut headers, DEATH_CC, old.inner().get(CC).cloned());
    rebuilt(message.properties, headers, None)
}

/// Reads the original exchange, routing key and properties from a copy that a runner published to this queue.
pub(crate) fn original(
    properties: &BasicProperties,
    queue: &str,
) -> Option<(ShortString, ShortString, BasicProperties)> {
    let copied = properties.headers().as_ref()?;
    headers::retries_in(copied, queue)?;
    let name = |key| ShortString::try_new(headers::text_of(copied, key)?).ok();
    let (exchange, key) = (name(RETRY_EXCHANGE)?, name(RETRY_KEY)?);
    // `user-id` stays a header: the broker validated the property for the first publisher only
    let mut headers = headers::without(copied, |key| key.starts_with(RETRY) && key != RETRY_USER);
    keep(&mut headers, CC, copied.inner().get(RETRY_CC).cloned());
    Some((exchange, key, properties.clone().with_headers(headers)))
}

/// Removes the trace headers, and the header table if it is empty then.
pub(crate) fn without_context(properties: &BasicProperties) -> BasicProperties {
    let expiration = properties.expiration().clone();
    let headers = properties.headers().as_ref();
    let headers = headers.map(|headers| headers::without(headers, is_context));
    let mut rest = rebuilt(properties, headers.unwrap_or_default(), expiration);
    if let Some(user) = properties.user_id().clone() {
        rest = rest.with_user_id(user);
    }
    rest
}

fn is_context(key: &str) -> bool {
    let own = [TRACEPARENT, TRACESTATE, BAGGAGE];
    own.iter().any(|own| key.eq_ignore_ascii_case(own))
}

fn headers_of(properties: &BasicProperties) -> FieldTable {
    properties.headers().clone().unwrap_or_default()
}

fn user_of(properties: &BasicProperties) -> Option<AMQPValue> {
    let user = properties.user_id().as_ref();
    let user = user.map(|user| text(user.as_str()));
    let headers = properties.headers().as_ref();
    user.or_else(|| headers?.inner().get(RETRY_USER).cloned())
}

fn keep(headers: &mut FieldTable, key: &str, value: Option<AMQPValue>) {
    if let Some(value) = value {
        headers.insert(key.into(), value);
    }
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// Copies each property except `user-id`, which the broker refuses from another login by closing the channel. lapin's
/// properties can be set but not cleared, so a copy starts from none.
fn rebuilt(
    properties: &BasicProperties,
    headers: FieldTable,
    expiration: Option<ShortString>,
) -> BasicProperties {
    let mut copy = BasicProperties::default();
    macro_rules! copy {
        ($($from:ident => $to:ident,)*) => {
            $(if let Some(value) = properties.$from().clone() {
                copy = copy.$to(value);
            })*
        };
    }
    copy! {
        content_type => with_content_type,
        content_encoding => with_content_encoding,
        delivery_mode => with_delivery_mode,
        priority => with_priority,
        correlation_id => with_correlation_id,
        reply_to => with_reply_to,
        message_id => with_message_id,
        timestamp => with_timestamp,
        kind => with_type,
        app_id => with_app_id,
        cluster_id => with_cluster_id,
    }
    if let Some(expiration) = expiration {
        copy = copy.with_expiration(expiration);
    }
    if !headers.inner().is_empty() {
        copy = copy.with_headers(headers);
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_all_properties_except_the_user_id() {
        let mut headers = FieldTable::default();
        headers.insert("k".into(), AMQPValue::Void);
        let all = BasicProperties::default()
            .with_content_type("a".into())
            .with_content_encoding("b".into())
            .with_headers(headers.clone())
            .with_delivery_mode(2)
            .with_priority(3)
            .with_correlation_id("c".into())
            .with_reply_to("d".into())
            .with_expiration("1".into())
            .with_message_id("e".into())
            .with_timestamp(4)
            .with_type("f".into())
            .with_app_id("g".into())
            .with_cluster_id("h".into());
        let with_user = all.clone().with_user_id("u".into());
        assert_eq!(rebuilt(&with_user, headers, Some("1".into())), all);
    }

    #[test]
    fn only_trace_headers_are_removed() {
        let properties = BasicProperties::default()
            .with_user_id("u".into())
            .with_priority(1);
        let mut headers = FieldTable::default();
        headers.insert("TraceParent".into(), AMQPValue::Void);
        let traced = properties.clone().with_headers(headers);
        assert_eq!(without_context(&traced), properties);
    }
}
