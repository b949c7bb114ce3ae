//! Recognition of keys that name secrets: of queries, headers, cookies, fields.

use crate::redact::percent;
use crate::redact::words::{
    is_measure, is_quantity, is_secret_at_end, is_secret_name, is_secret_pair, is_secret_word,
};

/// The bytes of a key that are examined from its start, and again from its end.
const LONGEST: usize = 64;

/// True if the value under this key is likely a secret.
///
/// A key is split into words at punctuation and at capitals (`user[password]`, `x-api-key`, `sessionId`), digits at
/// the end of a word do not count (`password1`), and percent-encoding is decoded once; a key that is encoded twice
/// counts as secret. A key that names something about a secret does not (`token_type`, `maxTokens`, `sort_key`).
///
/// # Examples
///
/// ```
/// use hopline_core::redact::is_secret_key;
///
/// for key in ["Authorization", "access_token", "ocp-apim-subscription-key", "%74oken", "password2", "x-otp"] {
///     assert!(is_secret_key(key), "{key}");
/// }
/// for key in ["author", "tokenizer", "keyboard", "sort_key", "token_type", "country_code", "page"] {
///     assert!(!is_secret_key(key), "{key}");
/// }
/// ```
pub fn is_secret_key(key: &str) -> bool {
    names_secret(key.as_bytes()).unwrap_or_else(|| is_secret_encoded(key))
}

/// Decodes a key once. Some keys need encoding (`user%5Bid%5D`), others are encoded to hide their meaning.
#[cold]
fn is_secret_encoded(key: &str) -> bool {
    let decoded = percent::decoded(key, true);
    // a sign that is left is no code, so it sets words apart
    percent::is_encoded(&decoded)
        || names_secret(decoded.replace('%', " ").as_bytes()) == Some(true)
}

/// True if a key names a secret. `None` for a key that must be decoded first.
///
/// Most keys are a few small letters, so those are decided without splitting them into words.
fn names_secret(key: &[u8]) -> Option<bool> {
    let mut lower = [0; LONGEST];
    let Some(lower) = lower.get_mut(..key.len()) else {
        return names_secret_long(key);
    };
    let (mut capitals, mut one_word) = (false, true);
    for (small, byte) in lower.iter_mut().zip(key) {
        if *byte == b'%' {
            return None;
        }
        *small = byte.to_ascii_lowercase();
        capitals |= small != byte;
        one_word &= small.is_ascii_lowercase();
    }
    let lower = &*lower;
    Some(
        is_secret_name(lower)
            // as most keys are
            || if one_word && !capitals {
                is_secret_word(lower) || is_secret_at_end(b"", lower)
            } else {
                has_secret_word(lower, |_| false)
                    || (capitals && has_secret_word(lower, |at| starts_word(key, at)))
            },
    )
}

/// True if a long key names a secret at its start or at its end. The middle is not examined, so the time for a key is
/// bounded, however long callers make it.
#[cold]
fn names_secret_long(key: &[u8]) -> Option<bool> {
    let (start, end) = (&key[..LONGEST], &key[key.len() - LONGEST..]);
    Some(names_secret(start)? || names_secret(end)?)
}

/// True if a word starts here without punctuation before it: the `I` of `sessionId`, the `K` of `APIKey`.
fn starts_word(key: &[u8], at: usize) -> bool {
    let is_upper = |at: usize| key.get(at).is_some_and(u8::is_ascii_uppercase);
    at > 0
        && is_upper(at)
        && (!is_upper(at - 1) || key.get(at + 1).is_some_and(u8::is_ascii_lowercase))
}

/// Looks at each word of a key in small letters; `starts` is true where one starts without punctuation before it.
fn has_secret_word(key: &[u8], starts: impl Fn(usize) -> bool) -> bool {
    let (mut secret, mut last_is_secret) = (false, false);
    let (mut before, mut last): (&[u8], &[u8]) = (b"", b"");
    let mut start = 0;
    for at in 0..=key.len() {
        // bytes beyond ASCII are letters of some language
        let separates = key
            .get(at)
            .is_none_or(|byte| !byte.is_ascii_alphanumeric() && byte.is_ascii());
        if !separates && !starts(at) {
            continue;
        }
        let word = without_digits(&key[start..at]);
        if !word.is_empty() {
            (before, last) = (last, word);
            secret |= is_secret_word(word) || is_secret_pair(before, word);
            last_is_secret = is_secret_at_end(before, word);
        }
        start = at + usize::from(separates);
    }
    (secret || last_is_secret) && !is_measure(last) && !is_quantity(before, last)
}

fn without_digits(word: &[u8]) -> &[u8] {
    let end = word.iter().rposition(|byte| !byte.is_ascii_digit());
    &word[..end.map_or(0, |at| at + 1)]
}
