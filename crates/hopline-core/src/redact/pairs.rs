//! Pairs of keys and values: queries, fragments, matrix parameters, parameters of header lines.

use std::borrow::Cow;

use crate::redact::rules::{Nested, Rules};
use crate::redact::{REDACTED, value};

/// The separators between the pairs of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairs {
    /// `&` and `;`; also `?` and `#`, behind which the pairs of an inner URL begin. `+` is a space.
    Query,
    /// `&` and `;`, in one segment of a path.
    Segment,
    /// `,` as well.
    Header,
}

impl Pairs {
    #[inline]
    fn separates(self, byte: u8) -> bool {
        match byte {
            b'&' | b';' => true,
            b'?' | b'#' => self == Self::Query,
            b',' => self == Self::Header,
            _ => false,
        }
    }

    /// Lists in headers have spaces between their members.
    #[inline]
    fn key(self, key: &str) -> &str {
        if self == Self::Header {
            key.trim()
        } else {
            key
        }
    }
}

/// Replaces secret values by `REDACTED`. Keys and their order are kept.
///
/// Parts without a key that follow a secret, but for `&`, belong to it: a password may hold a separator.
pub(super) fn redacted<'a>(
    text: &'a str,
    pairs: Pairs,
    rules: &impl Rules,
    nested: Nested,
) -> Cow<'a, str> {
    let mut redacted = String::new();
    // the length of the text that is in `redacted`, or is copied unchanged
    let mut copied = 0;
    let (mut at, mut secret) = (0, false);
    // by bytes: pairs are short, and the separators are no part of a longer character
    for pair in text.as_bytes().split(|byte| pairs.separates(*byte)) {
        let end = at + pair.len();
        let equals = pair.iter().position(|byte| *byte == b'=');
        let value = equals.map_or(at, |equals| at + equals + 1);
        // `&` ends a value for certain
        let goes_on =
            secret && equals.is_none() && !pair.is_empty() && text.as_bytes()[at - 1] != b'&';
        if goes_on {
            copied = end;
        } else {
            secret = equals.is_some_and(|equals| {
                value < end
                    && rules.is_secret(pairs.key(&text[at..at + equals]))
                    && !is_padding(&text[value..end])
            });
            // a key without a value may be the secret itself
            let shown = if value < end {
                &text[value..end]
            } else {
                &text[at..end]
            };
            let from = end - shown.len();
            let safe = if secret {
                Some(Cow::Borrowed(REDACTED))
            } else {
                self::value(shown, pairs, rules, nested)
            };
            if let Some(safe) = safe {
                redacted.reserve(text.len() - copied + safe.len());
                redacted.push_str(&text[copied..from]);
                redacted.push_str(&safe);
                copied = end;
            }
        }
        at = end + 1;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    redacted.push_str(&text[copied..]);
    redacted.into()
}

/// The end of a text in base64.
fn is_padding(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'=')
}

/// The replacement of a value under a key that names no secret, if the value is or holds one.
#[inline]
fn value(
    text: &str,
    pairs: Pairs,
    rules: &impl Rules,
    nested: Nested,
) -> Option<Cow<'static, str>> {
    if is_padding(text) {
        return None;
    }
    if value::is_plain(text) {
        return value::is_secret_value(text).then_some(Cow::Borrowed(REDACTED));
    }
    rules.inner(text, pairs == Pairs::Query, nested)
}
