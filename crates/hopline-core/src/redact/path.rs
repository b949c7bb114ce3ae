//! Secrets in paths, where they can be recognised.

use std::borrow::Cow;

use crate::redact::pairs::Pairs;
use crate::redact::rules::{Nested, Rules, without_user};
use crate::redact::{REDACTED, pairs, percent, token, value};

/// The kind of segment that the segments before it announce.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Announced {
    Nothing,
    /// A word like `verify`, which ids and tokens follow.
    Perhaps,
    /// A word like `token` or `password`.
    Secret,
}

/// Replaces each secret by `REDACTED`. Returns the path itself if there is none.
pub(super) fn redacted<'a>(path: &'a str, rules: &impl Rules, nested: Nested) -> Cow<'a, str> {
    if !may_hold_secret(path.as_bytes()) {
        return Cow::Borrowed(path);
    }
    let mut redacted = String::new();
    // the length of the path that is in `redacted`, or is copied unchanged
    let (mut copied, mut at) = (0, 0);
    let mut announced = Announced::Nothing;
    let mut after_slashes = false;
    for segment in path.split('/') {
        let safe = if after_slashes && let Some(host) = without_user(segment) {
            Some(Cow::Owned(format!("{REDACTED}:{REDACTED}@{host}")))
        } else {
            self::segment(segment, announced, rules, nested)
        };
        if let Some(safe) = safe.filter(|safe| safe != segment) {
            redacted.push_str(&path[copied..at]);
            redacted.push_str(&safe);
            copied = at + segment.len();
        }
        after_slashes = segment.is_empty() && at > 0;
        at += segment.len() + 1;
        announced = announced.after(segment);
    }
    if copied == 0 {
        return Cow::Borrowed(path);
    }
    redacted.push_str(&path[copied..]);
    redacted.into()
}

/// Fast path: false for nearly all paths, which are ids and words that follow plain words.
#[inline]
fn may_hold_secret(path: &[u8]) -> bool {
    let (mut before, mut start): (&[u8], _) = (b"", 0);
    for (at, &byte) in path.iter().enumerate() {
        match byte {
            b'/' => {
                let segment = &path[start..at];
                if is_conspicuous(segment, before) {
                    return true;
                }
                if !segment.is_empty() {
                    before = segment;
                }
                start = at + 1;
            }
            b'=' | b'%' | b'@' | b':' | b'+' => return true,
            _ => {}
        }
    }
    is_conspicuous(&path[start..], before)
}

#[inline]
fn is_conspicuous(segment: &[u8], before: &[u8]) -> bool {
    names_secret(before)
        || names_token(before)
        || segment.len() >= token::SHORTEST
            && (token::begins_token(segment) || segment.len() >= 32 && is_mixed(segment))
}

/// The replacement of a segment, if it is or holds a secret.
fn segment<'a>(
    segment: &'a str,
    announced: Announced,
    rules: &impl Rules,
    nested: Nested,
) -> Option<Cow<'a, str>> {
    let secret = match announced {
        Announced::Secret => !is_word(segment),
        Announced::Perhaps => is_opaque(segment),
        Announced::Nothing => false,
    };
    let decoded = percent::decoded(segment, false);
    if secret || is_random(&decoded) || value::is_secret_value(&decoded) {
        return Some(Cow::Borrowed(REDACTED));
    }
    if value::is_plain(segment) {
        return None;
    }
    Some(pairs::redacted(segment, Pairs::Segment, rules, nested))
}

impl Announced {
    fn after(self, segment: &str) -> Self {
        let bytes = segment.as_bytes();
        if names_secret(bytes) {
            Self::Secret
        } else if names_token(bytes) {
            // `/password/reset/…`
            self.max(Self::Perhaps)
        } else if is_word(segment) && !is_step(bytes) && !segment.is_empty() {
            Self::Nothing
        } else {
            // `/reset/{user}/{token}`
            self
        }
    }

    fn max(self, other: Self) -> Self {
        if self == Self::Secret { self } else { other }
    }
}

/// True if the segment behind this one is a secret. Runs for every segment, so it compares lengths first.
#[inline]
fn names_secret(segment: &[u8]) -> bool {
    let words: &[&[u8]] = match segment.len() {
        3 => &[b"jwt", b"otp"],
        5 => &[b"token"],
        6 => &[b"apikey", b"bearer", b"passwd", b"secret", b"tokens"],
        7 => &[b"api-key", b"api_key", b"secrets", b"session"],
        8 => &[b"password"],
        10 => &[b"credential", b"magic-link", b"magic_link"],
        11 => &[b"credentials"],
        12 => &[b"access-token", b"access_token"],
        13 => &[b"refresh-token", b"refresh_token"],
        14 => &[
            b"password-reset",
            b"password_reset",
            b"reset-password",
            b"reset_password",
        ],
        15 => &[b"forgot-password", b"forgot_password"],
        _ => return false,
    };
    is_one_of(segment, words)
}

/// True if a token may follow this segment, or an id.
#[inline]
fn names_token(segment: &[u8]) -> bool {
    let words: &[&[u8]] = match segment.len() {
        5 => &[b"magic", b"reset"],
        6 => &[b"invite", b"verify"],
        7 => &[b"confirm", b"invites", b"recover"],
        8 => &[b"activate", b"recovery"],
        10 => &[b"activation", b"invitation"],
        11 => &[b"invitations", b"unsubscribe"],
        12 => &[
            b"confirmation",
            b"verification",
            b"verify-email",
            b"verify_email",
        ],
        13 => &[b"confirm-email", b"confirm_email"],
        _ => return false,
    };
    is_one_of(segment, words)
}

/// Steps between a word that announces a secret and the secret: `/password/change/…`, `/verify/email/…`.
fn is_step(segment: &[u8]) -> bool {
    let steps: [&[u8]; 20] = [
        b"accept",
        b"account",
        b"callback",
        b"change",
        b"check",
        b"complete",
        b"edit",
        b"email",
        b"finish",
        b"forgot",
        b"forgotten",
        b"link",
        b"login",
        b"new",
        b"redeem",
        b"refresh",
        b"set",
        b"update",
        b"use",
        b"validate",
    ];
    is_one_of(segment, &steps)
}

/// True if this is one of these words in small letters, in any case. Compares first letters first, in which most differ.
#[inline]
fn is_one_of(text: &[u8], words: &[&[u8]]) -> bool {
    let Some(first) = text.first().map(u8::to_ascii_lowercase) else {
        return false;
    };
    words
        .iter()
        .any(|word| word.first() == Some(&first) && word.eq_ignore_ascii_case(text))
}

/// True for a plain word of a route, such as `reset` in `/password/reset`.
fn is_word(segment: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_');
    segment.len() <= 20 && segment.bytes().all(plain)
}

/// True for generated text: long, in one piece, of capitals, small letters and digits.
fn is_random(segment: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=');
    segment.len() >= 32 && segment.bytes().all(part) && is_mixed(segment.as_bytes())
}

/// True for text that can be a token behind a word that may announce one: no number, no UUID, no short code.
fn is_opaque(segment: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    let is_uuid = segment.len() == 36 && segment.bytes().all(is_hex);
    let has = |test: fn(&u8) -> bool| segment.as_bytes().iter().any(test);
    let is_long = segment.len() >= 16 && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    !is_uuid && (is_long || segment.len() >= 5 && is_mixed(segment.as_bytes()))
}

fn is_mixed(segment: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| segment.iter().any(test);
    has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)
}
