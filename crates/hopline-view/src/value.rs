//! Attributes as JSON.
//! The routes for spans, logs and resources write attributes with it, for the page to read.

use hopline_core::Resource;
use hopline_core::export::OwnedValue;
use serde_json::{Value, json};

/// Attributes as an array of pairs, in order.
///
/// Pairs, not an object: OTLP permits one key twice, and the order is that of the application.
pub(crate) fn pairs<'a>(
    attributes: impl IntoIterator<Item = (&'a str, &'a OwnedValue)>,
) -> Vec<(String, Value)> {
    attributes
        .into_iter()
        .map(|(key, value)| (key.to_owned(), json_value(value)))
        .collect()
}

/// Attributes of a span or a log record.
pub(crate) fn attributes(attributes: &[(String, OwnedValue)]) -> Vec<(String, Value)> {
    pairs(attributes.iter().map(|(key, value)| (key.as_str(), value)))
}

/// Attributes of a resource.
pub(crate) fn resource(resource: &Resource) -> Vec<(String, Value)> {
    pairs(resource.iter())
}

/// A value as JSON; an integer beyond the exact numbers of JavaScript, and a number that JSON has not, as text.
///
/// JavaScript reads numbers as `f64`, which is exact up to 2^53.
///
/// JSON has neither infinities nor NaN. They become `inf`, `-inf` and `NaN`, as text.
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
