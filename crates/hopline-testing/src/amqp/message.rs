//! Messages, and the frames they travel in.

use amq_protocol::frame::{AMQPContentHeader, AMQPFrame};
use amq_protocol::protocol::AMQPClass;
use amq_protocol::protocol::basic::{self, AMQPProperties};
use amq_protocol::types::{AMQPValue, FieldTable, ShortString};

/// Of one frame, its own eight bytes included.
pub(super) const MAX_FRAME: u32 = 131_072;
/// Of one message's body.
pub(super) const MAX_BODY: u64 = 16 << 20;

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) exchange: ShortString,
    pub(super) key: ShortString,
    pub(super) properties: AMQPProperties,
    pub(super) body: Vec<u8>,
    pub(super) redelivered: bool,
}

impl Message {
    /// The frames that carry it, behind the method that says why.
    pub(super) fn frames(&self, channel: u16, method: basic::AMQPMethod) -> Vec<AMQPFrame> {
        let header = AMQPContentHeader {
            class_id: 60,
            body_size: self.body.len() as u64,
            properties: self.properties.clone(),
        };
        let mut frames = vec![
            AMQPFrame::Method(channel, AMQPClass::Basic(method)),
            AMQPFrame::Header(channel, header),
        ];
        let parts = self.body.chunks(MAX_FRAME as usize - 8);
        frames.extend(parts.map(|part| AMQPFrame::Body(channel, part.to_vec())));
        frames
    }

    /// Notes in `x-death` that it died in this queue: once more, or for the first time.
    pub(super) fn died_in(&mut self, queue: &str) {
        let mut headers = self.properties.headers().clone().unwrap_or_default();
        let mut deaths: Vec<FieldTable> = match headers.inner().get("x-death") {
            Some(AMQPValue::FieldArray(deaths)) => {
                deaths.as_slice().iter().filter_map(as_table).collect()
            }
            _ => Vec::new(),
        };
        let here = |death: &FieldTable| {
            is_text(death, "queue", queue) && is_text(death, "reason", "rejected")
        };
        let known = deaths.iter().position(here).map(|at| deaths.remove(at));
        let mut death = known.unwrap_or_else(|| self.first_death(queue));
        let count = match death.inner().get("count") {
            Some(AMQPValue::LongLongInt(count)) => count.saturating_add(1),
            _ => 1,
        };
        death.insert("count".into(), AMQPValue::LongLongInt(count));
        deaths.insert(0, death);
        let deaths: Vec<AMQPValue> = deaths.into_iter().map(AMQPValue::FieldTable).collect();
        headers.insert("x-death".into(), AMQPValue::FieldArray(deaths.into()));
        self.properties = self.properties.clone().with_headers(headers);
        self.redelivered = false;
    }

    fn first_death(&self, queue: &str) -> FieldTable {
        let mut death = FieldTable::default();
        death.insert("reason".into(), text("rejected"));
        death.insert("queue".into(), text(queue));
        death.insert("exchange".into(), text(self.exchange.as_str()));
        death.insert(
            "routing-keys".into(),
            AMQPValue::FieldArray(vec![text(self.key.as_str())].into()),
        );
        death
    }
}

pub(super) fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// The text of an argument of that name.
pub(super) fn argument(arguments: &FieldTable, name: &str) -> Option<String> {
    match arguments.inner().get(name)? {
        AMQPValue::LongString(value) => Some(value.to_string()),
        AMQPValue::ShortString(value) => Some(value.to_string()),
        _ => None,
    }
}

fn as_table(value: &AMQPValue) -> Option<FieldTable> {
    if let AMQPValue::FieldTable(table) = value {
        Some(table.clone())
    } else {
        None
    }
}

fn is_text(table: &FieldTable, key: &str, wanted: &str) -> bool {
    argument(table, key).as_deref() == Some(wanted)
}
