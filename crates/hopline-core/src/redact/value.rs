//! Recognition of values that are secrets by their form.

use crate::redact::key::is_secret_key;
use crate::redact::token;
use crate::redact::token::is_token;

/// True if this text is a secret by its form, or holds one: credentials of HTTP (`Basic …`, `Bearer …`), a JSON web
/// token, a key of a well-known service (`ghp_…`, `xoxb-…`, `AKIA…`), a private key or certificate (PEM), or an object
/// with a member that names a secret (`{"password":"…"}`).
///
/// Decode percent-encoded text first. Ids, UUIDs, digests and prose are no secrets.
///
/// # Examples
///
/// ```
/// use hopline_core::redact::is_secret_value;
///
/// for secret in ["Basic dTpw", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "glpat-0123456789abcdef", "{\"token\": \"x\"}"] {
///     assert!(is_secret_value(secret), "{secret}");
/// }
/// for harmless in ["basic income", "550e8400-e29b-41d4-a716-446655440000", "sk-learn", "{\"page\": 2}", ""] {
///     assert!(!is_secret_value(harmless), "{harmless}");
/// }
/// ```
pub fn is_secret_value(value: &str) -> bool {
    if is_plain(value) {
        return is_token(value);
    }
    has_credentials(value) || holds_secret(value)
}

/// True for one word, as nearly all values are: of letters, digits, `-`, `_`, `.` and `~`.
#[inline]
pub(super) fn is_plain(value: &str) -> bool {
    value.bytes().all(|byte| PLAIN[usize::from(byte)])
}

static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let c = byte as u8;
        plain[byte] =
            c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b'~') || c >= 128;
        byte += 1;
    }
    plain
};

/// The credentials of a header: as [`is_secret_value`], but behind the name of a scheme anything is secret.
pub(super) fn is_secret_line(line: &str) -> bool {
    !is_plain(line) && scheme(line).is_some() || is_secret_value(line)
}

fn holds_secret(value: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let words = || value.split(|c: char| !is_part(c));
    value.len() >= token::SHORTEST && words().any(is_token)
        || value.contains("-----BEGIN")
        || value.contains(['{', '[']) && has_secret_member(value)
}

/// `Basic …`, but not `basic income`.
fn has_credentials(value: &str) -> bool {
    match scheme(value) {
        Some(Scheme { clear: true, .. }) => true,
        Some(Scheme { rest, .. }) => !rest.split_whitespace().all(is_prose),
        None => false,
    }
}

struct Scheme<'a> {
    /// No word of a sentence.
    clear: bool,
    rest: &'a str,
}

/// The scheme that a value begins with (the registry of RFC 9110, 16.4.1, and well-known others), if something follows.
fn scheme(value: &str) -> Option<Scheme<'_>> {
    let value = value.trim_start();
    let end = value
        .bytes()
        .position(|byte| matches!(byte, b' ' | b'\t' | b'+' | b':' | b'=' | b','))?;
    let (name, rest) = value.split_at(end);
    let rest = rest.trim_start_matches([' ', '\t', '+', ':', '=', ',']);
    let is_one = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let clear = is_one(&[
        "bearer",
        "dpop",
        "ntlm",
        "hoba",
        "ssws",
        "gnap",
        "privatetoken",
        "apikey",
        "api-key",
        "sharedkey",
        "sharedkeylite",
        "sharedaccesssignature",
        "aws4-hmac-sha256",
        "eg1-hmac-sha256",
        "hmac-sha256",
        "scram-sha-1",
        "scram-sha-256",
        "googlelogin",
    ]);
    let word = [
        "basic",
        "concealed",
        "digest",
        "hawk",
        "jwt",
        "key",
        "macaroon",
        "mutual",
        "negotiate",
        "oauth",
        "signature",
        "splunk",
        "token",
        "vapid",
    ];
    let known = clear || is_one(&word);
    // a colon or an equals sign is what follows a key, and keys have their own test
    let separated = value[end..].starts_with([' ', '\t', '+']) || (clear && !rest.is_empty());
    (known && separated && !rest.is_empty()).then_some(Scheme { clear, rest })
}

/// A word of a sentence: small letters, perhaps after a capital.
fn is_prose(word: &str) -> bool {
    let word = word.trim_end_matches(['.', ',', '!', '?', ':', ';']);
    let small = word.get(1..).unwrap_or_default();
    word.len() <= 20
        && word.starts_with(|c: char| c.is_alphabetic())
        && small
            .chars()
            .all(|c| c.is_lowercase() || matches!(c, '-' | '\''))
}

/// An object in JSON, or arguments in GraphQL: a secret key, a colon, and something.
fn has_secret_member(text: &str) -> bool {
    text.match_indices(':').any(|(at, _)| {
        let before = text[..at].trim_end().trim_end_matches(['"', '\'', '\\']);
        let start =
            before.rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '%')));
        // the character found is whole, and its end is the key's start
        let key = start.map_or(before, |at| {
            before[at..].trim_start_matches(|c: char| !c.is_alphanumeric())
        });
        let value = text[at + 1..]
            .trim_start()
            .trim_start_matches(['"', '\'', '\\']);
        let is_empty = value.is_empty() || value.starts_with([',', '}', ']', ')']);
        let is_masked = value.starts_with(super::REDACTED) || value.starts_with("null");
        !key.is_empty() && !is_empty && !is_masked && is_secret_key(key)
    })
}
