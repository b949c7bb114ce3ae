//! Takes secrets out of field values: `#[instrument]` records all arguments of a function.

use std::borrow::Cow;

use hopline_core::redact::Redaction;

/// Fields that hold a URL, or the part of one from the path on.
const URLS: &[&str] = &[
    "http.target",
    "http.uri",
    "http.url",
    "path",
    "target",
    "uri",
    "url",
    "url.full",
    "url.path",
];

/// A field's text without its secrets; nothing if it holds none.
///
/// A structure with a member that names a secret (`Login { password: … }`, `{"token":…}`) is redacted as a whole.
pub(crate) fn redacted(name: &str, text: &str) -> Option<String> {
    let usual = Redaction::USUAL;
    let safe = if URLS.contains(&name) {
        usual.url(text)
    } else {
        usual.header(name, text)
    };
    match safe {
        Cow::Borrowed(same) if same == text => None,
        safe => Some(safe.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_a_secret_is_redacted() {
        for (name, text, expected) in [
            (
                "request",
                r#"Login { user: "ada", password: "a" }"#,
                "REDACTED",
            ),
            ("body", r#"{"user":"ada","api_key":"x"}"#, "REDACTED"),
            ("auth", "Auth { token: Some(\"a\"), id: 7 }", "REDACTED"),
            ("header", "Bearer abc", "REDACTED"),
            ("uri", "/cb?token=1&n=2", "/cb?token=REDACTED&n=2"),
            (
                "callback",
                "https://u:p@h/x",
                "https://REDACTED:REDACTED@h/x",
            ),
        ] {
            assert_eq!(redacted(name, text).as_deref(), Some(expected), "{text}");
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
        ] {
            assert_eq!(redacted("order", text), None, "{text}");
        }
    }
}
