//! Splitting of header values that are lists, for `Forwarded`, `X-Forwarded-*` and `Server-Timing`.

/// Splits at `separator`, except inside a quoted string (RFC 9110, section 5.6.4).
pub(crate) fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c: char| {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            _ => return c == separator && !quoted,
        }
        false
    })
}
