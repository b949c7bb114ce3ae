//! Attributes as JSON.

use hopline_core::Resource;
use hopline_core::export::OwnedValue;
use serde_json::{Value, json};

/// Attributes as an array of pairs, in order.
pub(crate) fn pairs<'a>(
    attributes: impl IntoIterator<Item = (&'a str, &'a OwnedValue)>,
) -> Vec<(String, Value)> {
    attributes
        .into_iter()
        .map(|(key, value)| (key.to_owned(), json_value(value)))
        .collect()
}

pub(crate) fn attributes(attributes: &[(String, OwnedValue)]) -> Vec<(String, Value)> {
    pairs(attributes.iter().map(|(key, value)| (key.as_str(), value)))
}

pub(crate) fn resource(resource: &Resource) -> Vec<(String, Value)> {
    pairs(resource.iter())
}

/// A value as JSON; an integer beyond the exact numbers of JavaScript, and a number that JSON has not, as text.
pub(crate) fn json_value(value: &OwnedValue) -> Value {
    const EXACT: u64 = 1 << 53;
    match value {
        OwnedValue::Bool(truth) => json!(truth),
        OwnedValue::I64(number) if number.unsigned_abs() <= EXACT => json!(number),
        OwnedValue::I64(number) => json!(number.to_string()),
        OwnedValue::F64(number) if number.is_finite() => json!(number),
        OwnedValue::F64(number) => json!(number.to_string()),
        OwnedValue::Text(text) => json!(text),
        OwnedValue::Array(values) => values.iter().map(json_value).collect(),
    }
}
