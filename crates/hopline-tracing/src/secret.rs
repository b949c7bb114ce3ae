//! Takes secrets out of field values: `#[instrument]` records all arguments of a function.

use std::borrow::Cow;

use hopline_core::redact::{REDACTED, Redaction, is_secret_value};

/// The shortest word that can be a token.
const SHORTEST: usize = 12;

/// A field's text without its secrets; nothing if it holds none.
///
/// A structure with a member that names a secret (`Login { password: … }`, `{"token":…}`) is redacted as a whole.
pub(crate) fn redacted(text: &str, is_url: bool) -> Option<String> {
    let usual = Redaction::USUAL;
    let safe = if is_url {
        usual.url(text)
    } else if text.bytes().all(is_plain) {
        // words and paths, as most values are: tokens are all that could be in them
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

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/')
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
