//! Redaction of field values.
//!
//! `#[instrument]` records all arguments of a function, so each text passes through it before it is recorded. The tests
//! for secrets are core's, the same as those of the edges.

use std::borrow::Cow;

use hopline_core::bridge::begins_token;
use hopline_core::redact::{REDACTED, Redaction, is_secret_value};

/// The length in bytes from which a word can be a token.
const SHORTEST: usize = 12;

/// True for text that certainly holds no secret: words and paths of them, none of which begins like a token. Most values
/// are of this kind. It costs about two instructions for each byte.
#[inline]
pub(crate) fn is_harmless(text: &str) -> bool {
    let bytes = text.as_bytes();
    is_words(bytes) && (bytes.len() < SHORTEST || !may_hold_token(bytes))
}

/// The redacted text of a field; `None` if it holds no secret, so that nothing is copied.
///
/// A structure with a member that names a secret (`Login { password: … }`, `{"token":…}`) is redacted as a whole.
pub(crate) fn redacted(text: &str, is_url: bool) -> Option<String> {
    let usual = Redaction::USUAL;
    let safe = if is_url {
        usual.url(text)
    } else if is_words(text.as_bytes()) {
        // tokens are all that could be in words and paths
        let is_token = |word: &str| word.len() >= SHORTEST && is_secret_value(word);
        return text.split('/').any(is_token).then(|| REDACTED.to_owned());
    } else {
        // perhaps a URL, pairs, credentials behind their scheme, a structure
        usual.header("", text)
    };
    match safe {
        Cow::Borrowed(same) if same == text => None,
        safe => Some(safe.into_owned()),
    }
}

/// True if a word that is long enough begins like a token. The text is at least as long.
#[inline]
fn may_hold_token(bytes: &[u8]) -> bool {
    // behind these bytes, no word is long enough
    let starts = &bytes[..bytes.len() - SHORTEST];
    let mut slashes = starts.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    begins_token(bytes) || slashes.any(|(at, _)| begins_token(&bytes[at + 1..]))
}

/// True for text of letters, digits, `-`, `_`, `.` and `/`.
#[inline]
fn is_words(bytes: &[u8]) -> bool {
    // blocks of a fixed size become vector instructions; the last one overlaps the one before
    if let Some(last) = bytes.last_chunk::<16>() {
        let (blocks, _) = bytes.as_chunks::<16>();
        return blocks.iter().all(are_words) && are_words(last);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return are_words(first) & are_words(last);
    }
    bytes.iter().all(|byte| is_word(*byte))
}

#[inline]
fn are_words<const N: usize>(block: &[u8; N]) -> bool {
    // no branch: each would keep the compiler from treating the bytes together
    block.iter().fold(true, |all, byte| all & is_word(*byte))
}

#[inline]
fn is_word(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // `-`, `.`, `/` and the digits follow each other
    let other = byte.wrapping_sub(b'-') < 13;
    letter | other | (byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_a_secret_is_redacted() {
        for (text, expected) in [
            (r#"Login { user: "ada", password: "a" }"#, "REDACTED"),
            (r#"{"user":"ada","api_key":"x"}"#, "REDACTED"),
            ("Auth { token: Some(\"a\"), id: 7 }", "REDACTED"),
            ("Bearer abc", "REDACTED"),
            (
                "keys/ghp_16C7e42F292c6912E7710c838347Ae178B4a/use",
                "REDACTED",
            ),
            ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "REDACTED"),
            ("https://u:p@h/x", "https://REDACTED:REDACTED@h/x"),
        ] {
            assert_eq!(redacted(text, false).as_deref(), Some(expected), "{text}");
        }
        let uri = redacted("/cb?token=1&n=2", true);
        assert_eq!(uri.as_deref(), Some("/cb?token=REDACTED&n=2"));
    }

    #[test]
    fn words_are_recognised_at_every_length_and_other_bytes_at_every_place() {
        let words = "aZ09-_./".repeat(6);
        for len in 0..words.len() {
            let text = &words.as_bytes()[..len];
            assert!(is_words(text), "{len}");
            for at in 0..len {
                for byte in [b',', b':', b'@', b'[', b'`', b'{', b' ', 0, 0xc3] {
                    let mut other = text.to_vec();
                    other[at] = byte;
                    assert!(!is_words(&other), "{byte} at {at} of {len}");
                }
            }
        }
    }

    #[test]
    fn text_is_harmless_unless_a_word_begins_like_a_token() {
        for (text, expected) in [
            ("tenant-0123456789abc", true),
            ("orders/9876543210/xy", true),
            ("ghp_short", true),
            ("a/ghp_short", true),
            ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", false),
            ("keys/ghp_16C7e42F292c6912E7710c838347Ae178B4a", false),
            ("b c", false),
            ("", true),
        ] {
            assert_eq!(is_harmless(text), expected, "{text}");
        }
    }

    #[test]
    fn ordinary_text_stays() {
        for text in [
            "Order { id: 7, lines: [Line { sku: \"cup\" }] }",
            "crate::token::Kind",
            "12:30:01",
            "token",
            "order placed, 3 items",
            "https://example.org/orders?page=2",
            "",
        ] {
            assert_eq!(redacted(text, false), None, "{text}");
        }
    }
}
