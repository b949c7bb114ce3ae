//! Percent-encoding of URLs.

use std::borrow::Cow;

/// Decodes once. Bytes that are not UTF-8 become U+FFFD; `%` without two hexadecimal digits stays.
///
/// `plus` also turns `+` into a space, as forms encode it.
pub(super) fn decoded(text: &str, plus: bool) -> Cow<'_, str> {
    let encoded = |byte: &u8| *byte == b'%' || (plus && *byte == b'+');
    if !text.as_bytes().iter().any(encoded) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match byte {
            b'+' if plus => b' ',
            b'%' => match escape(after) {
                Some(escaped) => {
                    rest = &after[2..];
                    escaped
                }
                None => b'%',
            },
            byte => byte,
        });
    }
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
        .into()
}

/// True if a `%` with two hexadecimal digits is in it.
pub(super) fn is_encoded(text: &str) -> bool {
    text.bytes()
        .enumerate()
        .any(|(at, byte)| byte == b'%' && escape(&text.as_bytes()[at + 1..]).is_some())
}

/// Encodes all but unreserved characters (RFC 3986, 2.3): the text is one value in a query.
pub(super) fn encode(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len() + text.len() / 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

fn escape(after: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
    // two hexadecimal digits fit
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_once() {
        for (text, plus, expected) in [
            ("a%20b", false, "a b"),
            ("a+b%2B", true, "a b+"),
            ("a+b", false, "a+b"),
            ("%2574", false, "%74"),
            ("%", false, "%"),
            ("%4", false, "%4"),
            ("%zz%41", false, "%zzA"),
            ("%c3%a9%ff", false, "\u{e9}\u{fffd}"),
        ] {
            assert_eq!(decoded(text, plus), expected, "{text}");
        }
        assert!(is_encoded("a%4f") && !is_encoded("100%") && !is_encoded("%4"));
        assert_eq!(
            encode("https://h/?a=\u{e9}"),
            "https%3A%2F%2Fh%2F%3Fa%3D%C3%A9"
        );
    }
}
