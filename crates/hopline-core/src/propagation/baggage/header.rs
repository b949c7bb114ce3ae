//! The grammar of the `baggage` header, parsed and printed: [W3C Baggage, section 3](https://www.w3.org/TR/baggage/#baggage-http-header-format).

use std::borrow::Cow;
use std::fmt;

use crate::propagation::headers::trim_ows;

/// The most members that are kept ([limits](https://www.w3.org/TR/baggage/#limits)).
pub(crate) const MAX_MEMBERS: usize = 64;
/// The most bytes of all members together, as they are sent.
pub(crate) const MAX_BYTES: usize = 8192;
/// The bytes that are read for `MAX_BYTES` kept ones: a value in which every byte is encoded has three times its length,
/// plus white space.
const MAX_READ: usize = 4 * MAX_BYTES;

/// Reads the header's lines in order, until their members together reach a limit.
///
/// Bounded for any input: reads 32 KiB of members, and keeps 64 of them with 8192 bytes together. The rest is only
/// counted.
#[derive(Default)]
pub(crate) struct Parser {
    pub(crate) members: Vec<Member>,
    pub(crate) dropped: u32,
    bytes: usize,
    read: usize,
}

impl Parser {
    /// Reads one header line. Counts members that are malformed or over a limit.
    pub(crate) fn line(&mut self, line: &[u8]) {
        for text in line.split(|byte| *byte == b',') {
            let text = trim_ows(text);
            if text.is_empty() {
                continue;
            }
            match self.read(text) {
                Some(member) if self.fits(&member) => self.members.push(member),
                _ => self.dropped = self.dropped.saturating_add(1),
            }
        }
    }

    fn read(&mut self, text: &[u8]) -> Option<Member> {
        let is_full = self.members.len() == MAX_MEMBERS;
        if is_full || text.len() > MAX_READ - self.read {
            return None;
        }
        self.read += text.len();
        member(text)
    }

    fn fits(&mut self, member: &Member) -> bool {
        let bytes = self.bytes + usize::from(self.bytes > 0) + member.encoded_len();
        let fits = bytes <= MAX_BYTES;
        if fits {
            self.bytes = bytes;
        }
        fits
    }
}

/// One pair, its value decoded, its properties (`;p1;p2=v`) as they are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) key: Box<str>,
    pub(crate) value: Box<str>,
    pub(crate) properties: Box<str>,
}

impl Member {
    /// The bytes of the member as it is sent: the length that counts for the limit, however it was received.
    pub(crate) fn encoded_len(&self) -> usize {
        self.key.len() + 1 + Encoded(&self.value).len() + self.properties.len()
    }
}

/// `key = value *( ";" property )`
fn member(text: &[u8]) -> Option<Member> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let (pair, properties) = text
        .split_once(';')
        .map_or((text, None), |(pair, rest)| (pair, Some(rest)));
    let (key, value) = pair.split_once('=')?;
    let (key, value) = (trimmed(key), trimmed(value));
    if !is_token(key.as_bytes()) || !is_value(value.as_bytes()) {
        return None;
    }
    let properties = match properties {
        Some(properties) => canonical_properties(properties)?,
        None => String::new(),
    };
    Some(Member {
        key: key.into(),
        value: decoded(value).into(),
        properties: properties.into(),
    })
}

/// Properties without the white space between them; `None` if one is malformed, without an allocation.
fn canonical_properties(text: &str) -> Option<String> {
    let all = || {
        let texts = text.split(';').map(trimmed).filter(|text| !text.is_empty());
        texts.map(|text| match text.split_once('=') {
            Some((key, value)) => (trimmed(key), Some(trimmed(value))),
            None => (text, None),
        })
    };
    let valid = |(key, value): (&str, Option<&str>)| {
        is_token(key.as_bytes()) && value.is_none_or(|value| is_value(value.as_bytes()))
    };
    if !all().all(valid) {
        return None;
    }
    let mut properties = String::with_capacity(text.len() + 1);
    for (key, value) in all() {
        properties.extend([";", key]);
        if let Some(value) = value {
            properties.extend(["=", value]);
        }
    }
    Some(properties)
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// True for a token of RFC 7230. Keys are not percent-encoded.
pub(crate) fn is_token(key: &[u8]) -> bool {
    !key.is_empty()
        && key
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// True for characters that a value may contain unencoded, and for the percent sign.
fn is_value(value: &[u8]) -> bool {
    value.iter().all(|byte| is_octet(*byte) || *byte == b'%')
}

/// True for a `baggage-octet` other than the percent sign, which begins an encoded byte.
fn is_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e) && byte != b'%'
}

/// Percent sequences decoded; bytes that are no UTF-8 become U+FFFD; a lone percent sign is itself.
fn decoded(value: &str) -> Cow<'_, str> {
    if !value.contains('%') {
        return value.into();
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [byte, tail @ ..] = rest {
        let coded = if *byte == b'%' {
            tail.first_chunk::<2>().and_then(hex_byte)
        } else {
            None
        };
        bytes.push(coded.unwrap_or(*byte));
        rest = if coded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}

fn hex_byte(digits: &[u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some((digit(digits[0])? * 16 + digit(digits[1])?) as u8)
}

/// A value as it is sent.
pub(crate) struct Encoded<'a>(pub(crate) &'a str);

impl Encoded<'_> {
    pub(crate) fn len(&self) -> usize {
        self.0
            .bytes()
            .map(|byte| if is_octet(byte) { 1 } else { 3 })
            .sum()
    }
}

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut plain = self.0;
        while let Some(at) = plain.bytes().position(|byte| !is_octet(byte)) {
            // all octets are ASCII, so `at` is at a character's start
            let (before, rest) = plain.split_at(at);
            f.write_str(before)?;
            let Some(odd) = rest.chars().next() else {
                break;
            };
            for byte in odd.encode_utf8(&mut [0; 4]).bytes() {
                write!(f, "%{byte:02X}")?;
            }
            plain = &rest[odd.len_utf8()..];
        }
        f.write_str(plain)
    }
}
