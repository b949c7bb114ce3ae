//! Redaction of field values.
//!
//! `#[instrument]` records all arguments of a function, so each text passes through it before it is recorded. The tests
//! for secrets are core's, the same as those of the edges.

use std::borrow::Cow;

use hopline_core::redact::{REDACTED, Redaction, is_secret_value};

/// The length in bytes from which a word can be a token.
const SHORTEST: usize = 12;

/// The redacted text of a field; `None` if it holds no secret, so that nothing is copied.
///
/// A structure with a member that names a secret (`Login { password: … }`, `{"token":…}`) is redacted as a whole.
#[inline]
pub(crate) fn redacted(text: &str, is_url: bool) -> Option<String> {
    match longest_word(text) {
        // most values are short words and paths of them
        Some(longest) if longest < SHORTEST && !is_url => None,
        longest => redacted_slowly(text, is_url, longest.is_some()),
    }
}

fn redacted_slowly(text: &str, is_url: bool, is_plain: bool) -> Option<String> {
    let usual = Redaction::USUAL;
    let safe = if is_url {
        usual.url(text)
    } else if is_plain {
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

/// The length of the longest word between slashes; `None` for text with other bytes than those of words and slashes.
#[inline]
fn longest_word(text: &str) -> Option<usize> {
    let (mut longest, mut word) = (0, 0);
    for byte in text.bytes() {
        match BYTES[usize::from(byte)] {
            Byte::Word => word += 1,
            Byte::Slash => word = 0,
            Byte::Other => return None,
        }
        longest = longest.max(word);
    }
    Some(longest)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Byte {
    Word,
    Slash,
    Other,
}

/// A look-up instead of comparisons: each text field of each span is read.
const BYTES: [Byte; 256] = {
    let mut bytes = [Byte::Other; 256];
    let mut at = 0_u8;
    while at < 128 {
        bytes[at as usize] = match at {
            b'/' => Byte::Slash,
            b'-' | b'_' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => Byte::Word,
            _ => Byte::Other,
        };
        at += 1;
    }
    bytes
};

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
