//! Splitting of header values that are lists.
//!
//! Called by the parsers of `Forwarded`, `X-Forwarded-*` and `Server-Timing`. The parts are slices of the value.

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
