//! Bytes as text: hexadecimal, base64, percent-encoding.
//!
//! The decoder reads ids with it, the variables read headers and attributes, gRPC reads status details.

/// The bytes of an id, from hexadecimal, or from base64, which some exporters write.
///
/// The two cannot be confused: for the same number of bytes they differ in length.
pub(crate) fn id_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() == 2 * N {
        return filled(text.as_bytes().chunks(2).map(|pair| match pair {
            [high, low] => Some(hex_digit(*high)? << 4 | hex_digit(*low)?),
            _ => None,
        }));
    }
    let digits = text.trim_end_matches('=');
    if digits.len() != (8 * N).div_ceil(6) {
        return None;
    }
    filled(base64_decoded(digits)?.into_iter().map(Some))
}

/// Decodes base64, with or without padding; `None` if a character is not in its alphabet.
pub(crate) fn base64_decoded(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let mut bits = 0u32;
    let mut count = 0;
    let mut bytes = Vec::with_capacity(digits.len() * 6 / 8);
    for digit in digits.bytes() {
        bits = (bits << 6 | u32::from(base64_digit(digit)?)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

/// Encodes as base64 in the standard alphabet, with padding.
#[cfg(feature = "http")]
pub(crate) fn base64_encoded(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= chunk.len() { digit.into() } else { '=' });
        }
    }
    text
}

/// Decodes percent-encoding; `None` if a `%` is not followed by two digits, or the bytes are not UTF-8.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => bytes.push(hex_digit(rest.next()?)? << 4 | hex_digit(rest.next()?)?),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// Decodes percent-encoding; malformed text is returned unchanged.
#[cfg(feature = "grpc")]
pub(crate) fn percent_decoded_lossy(text: &str) -> String {
    percent_decoded(text).unwrap_or_else(|| text.to_owned())
}

fn filled<const N: usize>(bytes: impl Iterator<Item = Option<u8>>) -> Option<[u8; N]> {
    let bytes: Option<Vec<u8>> = bytes.collect();
    bytes?.try_into().ok()
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// The value of a digit in the standard alphabet or in the one for URLs.
fn base64_digit(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_from_both_encodings() {
        let bytes = [0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x74];
        for text in [
            "eee19b7ec3c1b174",
            "EEE19B7EC3C1B174",
            "7uGbfsPBsXQ=",
            "7uGbfsPBsXQ",
        ] {
            assert_eq!(id_bytes(text), Some(bytes), "{text}");
        }
        let long = [
            0x5b, 0x8e, 0xff, 0xf7, 0x98, 0x03, 0x81, 0x03, 0xd2, 0x69, 0xb6, 0x33, 0x81, 0x3f,
            0xc6, 0x0c,
        ];
        assert_eq!(id_bytes("W47/95gDgQPSabYzgT/GDA=="), Some(long));
        for text in [
            "",
            "eee19b7ec3c1b17",
            "zee19b7ec3c1b174",
            "7uGbfsPBsX",
            "7uGbfsPBs!Q=",
            "ééééé\u{e9}",
        ] {
            assert_eq!(id_bytes::<8>(text), None, "{text}");
        }
    }

    #[cfg(feature = "http")]
    #[test]
    fn base64_of_every_length_reads_back() {
        // RFC 4648, section 10
        assert_eq!(base64_encoded(b"foobar"), "Zm9vYmFy");
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64_encoded(plain.as_bytes()), text);
            assert_eq!(base64_decoded(text).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(base64_decoded("Zm9v!"), None);
    }

    #[test]
    fn percent_encoding_is_undone_or_refused() {
        assert_eq!(percent_decoded("a%20b%C3%A9").as_deref(), Some("a bé"));
        for text in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(percent_decoded(text), None, "{text}");
        }
    }
}
