//! Redaction: the input is a URL, a path, a query, a line of a header, a key and a value.

use hopline_core::redact::{REDACTED, Redaction, is_secret_key, is_secret_value};

/// Redaction is idempotent: a second pass uncovers no secret, and nothing grows without end.
pub fn redact(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    let usual = Redaction::default();
    let url = usual.url(text);
    assert_eq!(usual.url(&url), url, "URL {text:?}");
    let path = usual.path(text);
    assert_eq!(usual.path(&path), path, "path {text:?}");
    let query = usual.query(text);
    assert_eq!(usual.query(&query), query, "query {text:?}");
    let line = usual.header("x-line", text);
    assert_eq!(usual.header("x-line", &line), line, "line {text:?}");
    if is_secret_key(text) {
        assert_eq!(usual.header(text, "value"), REDACTED);
    }
    if is_secret_value(text) {
        assert_eq!(line, REDACTED, "value {text:?}");
    }
}
