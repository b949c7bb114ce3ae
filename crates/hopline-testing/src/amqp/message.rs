//! Messages, with their routing keys, headers of dead letters and frames.
//! `publish` makes one from a client's content; queues hold them; `Channel::send` writes the frames.

use std::time::{Duration, Instant, SystemTime};

use amq_protocol::frame::{AMQPContentHeader, AMQPFrame};
use amq_protocol::protocol::AMQPClass;
use amq_protocol::protocol::basic::{self, AMQPProperties};
use amq_protocol::types::{AMQPValue, FieldTable, ShortString};

use super::method::Method;

/// Bytes of one frame, its own eight included.
///
/// Agreed in `connection.tune`; RabbitMQ's default.
pub(super) const MAX_FRAME: u32 = 131_072;
/// Bytes of one message's body.
///
/// 16 MiB, the default of RabbitMQ 4.
pub(super) const MAX_BODY: u64 = 16 << 20;

/// A message in a queue or with a consumer.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Exchange that it was published to; after its death the dead-letter exchange.
    pub(super) exchange: ShortString,
    /// Routing key; for the empty exchange the name of a queue.
    pub(super) key: ShortString,
    /// As published, but for `BCC`, reply-to and headers of deaths.
    pub(super) properties: AMQPProperties,
    pub(super) body: Vec<u8>,
    /// Further routing keys, from its headers `CC` and `BCC`.
    pub(super) more_keys: Vec<String>,
    /// True after a return to its queue.
    pub(super) redelivered: bool,
    /// Number of returns to its queue.
    pub(super) returns: u64,
    /// Time from which it is dead, `None` for never.
    pub(super) expires: Option<Instant>,
}

/// The reason of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// A consumer rejected it without requeue.
    Rejected,
    /// It reached its time to live.
    Expired,
    /// The queue was full.
    TooMany,
    /// It was returned to a quorum queue too often.
    DeliveryLimit,
}

impl Death {
    /// Text for `x-death`, as RabbitMQ has it.
    fn reason(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::TooMany => "maxlen",
            Self::DeliveryLimit => "delivery_limit",
        }
    }
}

impl Message {
    /// Returns its frames after this method, with a count if its queue counts.
    ///
    /// The body is split so that each frame is within `MAX_FRAME`; an empty body has no frame.
    pub(super) fn frames(
        &self,
        channel: u16,
        method: basic::AMQPMethod,
        counted: bool,
    ) -> Vec<AMQPFrame> {
        let mut properties = self.properties.clone();
        // from the second time on, as RabbitMQ 3 does
        if counted && self.returns > 0 {
            let mut headers = properties.headers().clone().unwrap_or_default();
            let count = i64::try_from(self.returns).unwrap_or(i64::MAX);
            headers.insert("x-delivery-count".into(), AMQPValue::LongLongInt(count));
            properties = properties.with_headers(headers);
        }
        let header = AMQPContentHeader {
            class_id: basic::Publish::ids().0,
            body_size: self.body.len() as u64,
            properties,
        };
        let mut frames = vec![
            AMQPFrame::Method(channel, AMQPClass::Basic(method)),
            AMQPFrame::Header(channel, header),
        ];
        let parts = self.body.chunks(MAX_FRAME as usize - 8);
        frames.extend(parts.map(|part| AMQPFrame::Body(channel, part.to_vec())));
        frames
    }

    /// Returns its own time to live; an error if the property is no number.
    ///
    /// The property is text with milliseconds.
    ///
    /// # Errors
    ///
    /// Returns a text for the channel's close.
    pub(super) fn time_to_live(&self) -> Result<Option<Duration>, String> {
        let Some(text) = self.properties.expiration() else {
            return Ok(None);
        };
        let millis = text.as_str().parse();
        millis
            .map(|millis| Some(Duration::from_millis(millis)))
            .map_err(|_| format!("invalid expiration '{text}'"))
    }

    /// Returns all its routing keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        let more = self.more_keys.iter().map(String::as_str);
        std::iter::once(self.key.as_str()).chain(more)
    }

    /// Reads the keys in its headers, and removes `BCC`.
    ///
    /// A consumer sees `CC` and must not see `BCC`, as in mail. Values other than text are ignored.
    pub(super) fn find_keys(&mut self) {
        let Some(mut headers) = self.properties.headers().clone() else {
            return;
        };
        for name in ["CC", "BCC"] {
            if let Some(AMQPValue::FieldArray(keys)) = headers.inner().get(name) {
                let texts = keys.as_slice().iter().filter_map(|key| match key {
                    AMQPValue::LongString(key) => Some(key.to_string()),
                    _ => None,
                });
                self.more_keys.extend(texts);
            }
        }
        if headers.contains_key("BCC") {
            headers = without(&headers, "BCC");
            self.properties = self.properties.clone().with_headers(headers);
        }
    }

    /// Removes further routing keys: a dead letter with its queue's key is routed by that alone.
    pub(super) fn forget_keys(&mut self) {
        self.more_keys.clear();
        if let Some(headers) = self.properties.headers() {
            let headers = without(headers, "CC");
            self.properties = self.properties.clone().with_headers(headers);
        }
    }

    /// Counts its death in this queue in `x-death`.
    ///
    /// Each pair of queue and reason has one entry with a count, and the latest is first. The expiration is moved into the entry,
    /// or the message would die at once in the next queue too.
    pub(super) fn died_in(&mut self, queue: &str, death: Death) {
        let mut headers = self.properties.headers().clone().unwrap_or_default();
        let mut deaths = deaths(&headers);
        let reason = death.reason();
        let here =
            |death: &FieldTable| is_text(death, "queue", queue) && is_text(death, "reason", reason);
        let known = deaths.iter().position(here).map(|at| deaths.remove(at));
        let mut entry = known.unwrap_or_else(|| self.first_death(queue, reason));
        let count = match entry.inner().get("count") {
            Some(AMQPValue::LongLongInt(count)) => count.saturating_add(1),
            _ => 1,
        };
        entry.insert("count".into(), AMQPValue::LongLongInt(count));
        deaths.insert(0, entry);
        let deaths: Vec<AMQPValue> = deaths.into_iter().map(AMQPValue::FieldTable).collect();
        headers.insert("x-death".into(), AMQPValue::FieldArray(deaths.into()));
        if !headers.contains_key("x-first-death-reason") {
            let exchange = text(self.exchange.as_str());
            headers.insert("x-first-death-reason".into(), text(reason));
            headers.insert("x-first-death-queue".into(), text(queue));
            headers.insert("x-first-death-exchange".into(), exchange);
        }
        self.properties = without_expiration(&self.properties).with_headers(headers);
        self.redelivered = false;
        self.returns = 0;
        self.expires = None;
    }

    /// Returns true if it returned to this queue by dead-lettering alone, without a rejection.
    ///
    /// RabbitMQ drops such a message: it would circle for ever. A rejection is a decision of a consumer, so it may circle then.
    pub(super) fn is_in_cycle(&self, queue: &str) -> bool {
        let headers = self.properties.headers().clone().unwrap_or_default();
        let deaths = deaths(&headers);
        let Some(last) = deaths
            .iter()
            .position(|death| is_text(death, "queue", queue))
        else {
            return false;
        };
        !deaths[..=last]
            .iter()
            .any(|death| is_text(death, "reason", "rejected"))
    }

    /// Makes the entry of a death in a queue for a reason, without the count.
    fn first_death(&self, queue: &str, reason: &str) -> FieldTable {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let mut death = FieldTable::default();
        death.insert("reason".into(), text(reason));
        death.insert("queue".into(), text(queue));
        death.insert("exchange".into(), text(self.exchange.as_str()));
        death.insert(
            "routing-keys".into(),
            AMQPValue::FieldArray(self.keys().map(text).collect::<Vec<_>>().into()),
        );
        death.insert(
            "time".into(),
            AMQPValue::Timestamp(now.unwrap_or_default().as_secs()),
        );
        if let Some(expiration) = self.properties.expiration() {
            death.insert("original-expiration".into(), text(expiration.as_str()));
        }
        death
    }
}

/// Copies each property: amq-protocol can set one, and not clear it.
fn without_expiration(properties: &AMQPProperties) -> AMQPProperties {
    if properties.expiration().is_none() {
        return properties.clone();
    }
    let mut rest = AMQPProperties::default();
    macro_rules! copy {
        ($($from:ident => $to:ident,)*) => {
            $(if let Some(value) = properties.$from().clone() {
                rest = rest.$to(value);
            })*
        };
    }
    copy! {
        content_type => with_content_type,
        content_encoding => with_content_encoding,
        headers => with_headers,
        delivery_mode => with_delivery_mode,
        priority => with_priority,
        correlation_id => with_correlation_id,
        reply_to => with_reply_to,
        message_id => with_message_id,
        timestamp => with_timestamp,
        kind => with_type,
        user_id => with_user_id,
        app_id => with_app_id,
        cluster_id => with_cluster_id,
    }
    rest
}

/// Copies a table without one key: `FieldTable` cannot remove one.
fn without(headers: &FieldTable, gone: &str) -> FieldTable {
    let mut rest = FieldTable::default();
    for (key, value) in headers.inner() {
        if key.as_str() != gone {
            rest.insert(key.clone(), value.clone());
        }
    }
    rest
}

/// Makes a text value of a table.
pub(super) fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// Returns the text of an argument.
pub(super) fn argument(arguments: &FieldTable, name: &str) -> Option<String> {
    match arguments.inner().get(name)? {
        AMQPValue::LongString(value) => Some(value.to_string()),
        AMQPValue::ShortString(value) => Some(value.to_string()),
        _ => None,
    }
}

/// Entries of `x-death`, the latest first. Entries that are no tables, which only a client can have made, are left out.
fn deaths(headers: &FieldTable) -> Vec<FieldTable> {
    match headers.inner().get("x-death") {
        Some(AMQPValue::FieldArray(deaths)) => {
            deaths.as_slice().iter().filter_map(as_table).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns a copy of a table.
fn as_table(value: &AMQPValue) -> Option<FieldTable> {
    if let AMQPValue::FieldTable(table) = value {
        Some(table.clone())
    } else {
        None
    }
}

/// Returns true if the table has this text under the key.
fn is_text(table: &FieldTable, key: &str, wanted: &str) -> bool {
    argument(table, key).as_deref() == Some(wanted)
}
