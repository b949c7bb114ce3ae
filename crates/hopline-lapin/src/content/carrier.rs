//! Carriers: a trace context in a message's header table. Publishing and consuming use them, and so can applications.

use hopline_core::{Extract, Inject};
use lapin::types::{AMQPValue, FieldTable};

/// Reads a trace context from a message's headers.
///
/// Accepts text and byte arrays, under header names in any case. Ignores values of other types.
///
/// # Examples
///
/// ```
/// use hopline_core::Incoming;
/// use hopline_lapin::message::TableExtractor;
/// use lapin::types::{AMQPValue, FieldTable};
///
/// let mut headers = FieldTable::default();
/// let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// headers.insert("traceparent".into(), AMQPValue::LongString(parent.into()));
/// let incoming = Incoming::extract(&TableExtractor(&headers));
/// assert_eq!(incoming.parent.unwrap().to_string(), parent);
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a newtype around the table")]
pub struct TableExtractor<'a>(pub &'a FieldTable);

impl Extract for TableExtractor<'_> {
    fn each_value(&self, name: &str, found: &mut dyn FnMut(&[u8])) {
        for (_, value) in self
            .0
            .inner()
            .iter()
            .filter(|(key, _)| key.as_str().eq_ignore_ascii_case(name))
        {
            match value {
                AMQPValue::LongString(text) => found(text.as_bytes()),
                AMQPValue::ByteArray(bytes) => found(bytes.as_slice()),
                AMQPValue::ShortString(text) => found(text.as_str().as_bytes()),
                _ => {}
            }
        }
    }
}

/// Writes a trace context into a message's headers.
///
/// Values are long strings: RabbitMQ closes the connection for short ones in a table. A header of the same name in
/// another case is replaced.
///
/// # Examples
///
/// ```
/// use hopline_core::Context;
/// use hopline_lapin::message::TableInjector;
/// use lapin::types::FieldTable;
///
/// let mut headers = FieldTable::default();
/// Context::current().inject(&mut TableInjector(&mut headers));
/// assert!(headers.inner().is_empty(), "there is no span outside of a trace");
/// ```
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a newtype around the table")]
pub struct TableInjector<'a>(pub &'a mut FieldTable);

impl Inject for TableInjector<'_> {
    fn set(&mut self, name: &'static str, value: &str) {
        self.remove(name);
        self.0
            .insert(name.into(), AMQPValue::LongString(value.into()));
    }

    fn remove(&mut self, name: &'static str) {
        let here = |key: &str| key.eq_ignore_ascii_case(name);
        if self.0.inner().keys().any(|key| here(key.as_str())) {
            let mut rest = FieldTable::default();
            for (key, value) in self.0.inner().iter().filter(|(key, _)| !here(key.as_str())) {
                rest.insert(key.clone(), value.clone());
            }
            *self.0 = rest;
        }
    }
}

/// Writes into a new table, which has no header to replace.
pub(crate) struct NewTable<'a>(pub(crate) &'a mut FieldTable);

impl Inject for NewTable<'_> {
    fn set(&mut self, name: &'static str, value: &str) {
        self.0
            .insert(name.into(), AMQPValue::LongString(value.into()));
    }

    fn remove(&mut self, _: &'static str) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use hopline_core::Incoming;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn text_and_bytes_are_read_under_names_in_any_case() {
        let mut headers = FieldTable::default();
        headers.insert(
            "TraceParent".into(),
            AMQPValue::ByteArray(PARENT.as_bytes().to_vec().into()),
        );
        headers.insert("tracestate".into(), AMQPValue::LongInt(7));
        headers.insert("baggage".into(), AMQPValue::LongString("k=v".into()));
        let incoming = Incoming::extract(&TableExtractor(&headers));
        assert_eq!(incoming.parent.unwrap().to_string(), PARENT);
        assert_eq!(incoming.baggage.get("k"), Some("v"));
        headers.insert("traceparent".into(), AMQPValue::LongString(PARENT.into()));
        assert_eq!(
            Incoming::extract(&TableExtractor(&headers)).parent,
            None,
            "two headers of the name are ambiguous"
        );
    }

    #[test]
    fn a_value_replaces_that_of_its_name_and_no_other() {
        let mut headers = FieldTable::default();
        headers.insert("Traceparent".into(), AMQPValue::LongString("old".into()));
        headers.insert("x-own".into(), AMQPValue::Boolean(true));
        TableInjector(&mut headers).set("traceparent", PARENT);
        assert_eq!(headers.inner().len(), 2);
        assert_eq!(
            headers.inner().get("traceparent"),
            Some(&AMQPValue::LongString(PARENT.into()))
        );
    }
}
