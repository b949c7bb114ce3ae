//! Masks secrets and cuts long values before they are stored.
//! The store calls it for each text of a span, log record or resource, before the text is interned: a secret that a service
//! has recorded by mistake is never held, exported or shown. The rules are `hopline_core::redact`'s.

use std::borrow::Cow;

use hopline_core::export::{OwnedValue, SpanData, StatusData};
use hopline_core::redact::{REDACTED, Redaction, is_secret_key, is_secret_value};

/// The text to store under this key: masked if it is a secret.
///
/// Headers have their own rules, as have URLs, whose parameters are masked one by one. For other keys the last part of the
/// key and the form of the value decide.
///
/// Borrows a text that is not a secret, which is nearly all of them.
///
/// The rules prefer to mask too much: a value that is masked by mistake can be looked up at its source, and a secret
/// that is shown cannot be taken back.
pub(crate) fn masked<'a>(key: &str, text: &'a str) -> Cow<'a, str> {
    if let Some(header) = header(key) {
        return Redaction::USUAL.header(header, text);
    }
    let last = key.rsplit('.').next().unwrap_or(key);
    match key {
        _ if text.is_empty() => Cow::Borrowed(text),
        "url.full" | "http.url" | "http.target" | "url.path" => Redaction::USUAL.url(text),
        "url.query" => Redaction::USUAL.query(text),
        _ if is_secret_key(last) || is_secret_value(text) => Cow::Borrowed(REDACTED),
        _ => Cow::Borrowed(text),
    }
}

/// Masks and cuts the texts of a span that is not stored as records, because it still runs.
pub(crate) fn mask_span(span: &mut SpanData, value_bytes: usize) {
    span.name = shown("", &span.name, value_bytes);
    mask_attributes(&mut span.attributes, value_bytes);
    for event in &mut span.events {
        event.name = shown("", &event.name, value_bytes);
        mask_attributes(&mut event.attributes, value_bytes);
    }
    if let StatusData::Error { message } = &mut span.status {
        *message = shown("", message, value_bytes);
    }
}

fn mask_attributes(attributes: &mut [(String, OwnedValue)], value_bytes: usize) {
    for (key, value) in attributes {
        mask_value(key, value, value_bytes);
    }
}

/// An element of an array is masked by the key of the array. An array within an array becomes text, so nothing nests.
fn mask_value(key: &str, value: &mut OwnedValue, value_bytes: usize) {
    match value {
        OwnedValue::Text(text) => *text = shown(key, text, value_bytes),
        OwnedValue::Array(values) => {
            for value in values {
                match value {
                    OwnedValue::Array(_) => {
                        *value = OwnedValue::Text(shown(key, &value.to_string(), value_bytes));
                    }
                    flat => mask_value(key, flat, value_bytes),
                }
            }
        }
        _ => {}
    }
}

fn shown(key: &str, text: &str, value_bytes: usize) -> String {
    masked(key, cut(text, value_bytes)).into_owned()
}

/// The header that an attribute records.
///
/// `http.request.header.authorization` gives `authorization`; `None` for other keys.
///
/// The semantic conventions write header names in small letters, with dashes; older versions have underscores, which
/// the rules accept too.
///
/// A header has its own rules, because its name identifies its content: `cookie` is always secret.
fn header(key: &str) -> Option<&str> {
    let rest = key.strip_prefix("http.")?;
    let rest = rest
        .strip_prefix("request.header.")
        .or_else(|| rest.strip_prefix("response.header."))?;
    Some(rest)
}

/// At most `bytes` of a text, cut between characters.
///
/// Borrows, so that a value within the limit costs no copy.
///
/// Without a limit for one value, a single huge text would evict many traces.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    // a character has up to four bytes, so this looks at four places
    let end = (0..=bytes).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_by_key_and_by_form() {
        for (key, text) in [
            ("http.request.header.authorization", "Basic dTpw"),
            ("http.request.header.cookie", "a=1"),
            ("http.response.header.set-cookie", "a=1"),
            ("http.response.header.set_cookie", "a=1"),
            ("app.password", "hunter2"),
            ("note", "Bearer abcdef.ghijkl"),
        ] {
            assert_eq!(masked(key, text), REDACTED, "{key}");
        }
        assert_eq!(
            masked("url.full", "https://u:p@h/x"),
            "https://REDACTED:REDACTED@h/x"
        );
        for (key, text) in [
            ("session.id", "7"),
            ("http.route", "/orders/{id}"),
            ("db.query.text", "SELECT 1"),
        ] {
            assert_eq!(masked(key, text), text, "{key}");
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(
            ["", "a", "aé", "aéb"].map(|text| cut(text, 2)),
            ["", "a", "a", "a"]
        );
    }
}
