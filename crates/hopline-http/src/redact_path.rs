//! Secrets that stand in paths, where they can be recognised.

use std::borrow::Cow;

use crate::redact::REDACTED;
use crate::secret_key::is_one_of;

/// How tokens of well-known services begin.
const PREFIXES: [&str; 9] = [
    "AKIA",
    "ghp_",
    "github_pat_",
    "glpat-",
    "sk_live_",
    "sk_test_",
    "xoxb-",
    "xoxp-",
    "ya29.",
];

/// The shortest token that its own look gives away.
const SHORTEST: usize = 16;

/// The path with `REDACTED` for each secret; the same path where there is none.
pub(crate) fn redacted(path: &str, is_secret_key: impl Fn(&str) -> bool) -> Cow<'_, str> {
    if !may_hold_secret(path) {
        return Cow::Borrowed(path);
    }
    let mut redacted = String::new();
    // how much of the path is in `redacted`, or is to be taken over as it is
    let (mut copied, mut at) = (0, 0);
    let mut before = "";
    for segment in path.split('/') {
        if is_secret(segment, before) {
            redacted.extend([&path[copied..at], REDACTED]);
            copied = at + segment.len();
        } else if segment.contains('=') {
            let mut part_at = at;
            for part in segment.split([';', '&']) {
                if let Some((key, value)) = part.split_once('=')
                    && !value.is_empty()
                    && is_secret_key(key)
                {
                    redacted.extend([&path[copied..part_at + key.len() + 1], REDACTED]);
                    copied = part_at + part.len();
                }
                part_at += part.len() + 1;
            }
        }
        at += segment.len() + 1;
        if !segment.is_empty() {
            before = segment;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(path);
    }
    redacted.push_str(&path[copied..]);
    redacted.into()
}

/// A cheap look at what nearly all paths are: short segments that follow plain words.
fn may_hold_secret(path: &str) -> bool {
    let path = path.as_bytes();
    let (mut before, mut start): (&[u8], _) = (b"", 0);
    for (at, byte) in path.iter().enumerate() {
        match byte {
            b'=' => return true,
            b'/' => {
                let segment = &path[start..at];
                if stands_out(segment, before) {
                    return true;
                }
                if !segment.is_empty() {
                    before = segment;
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    stands_out(&path[start..], before)
}

fn stands_out(segment: &[u8], before: &[u8]) -> bool {
    let bearer = matches!(segment, [b'b' | b'B', b'e' | b'E', b'a' | b'A', ..]);
    segment.len() >= SHORTEST || bearer || names_secret(before)
}

fn is_secret(segment: &str, before: &str) -> bool {
    if !is_word(segment) && names_secret(before.as_bytes()) || is_bearer(segment) {
        return true;
    }
    segment.len() >= SHORTEST
        && (PREFIXES.iter().any(|prefix| segment.starts_with(prefix))
            || is_jwt(segment)
            || is_random(segment))
}

/// True if what follows this segment is a secret. Asked for every segment, so by length first.
fn names_secret(segment: &[u8]) -> bool {
    let words: &[&[u8]] = match segment.len() {
        3 => &[b"jwt", b"otp"],
        5 => &[b"token"],
        6 => &[b"apikey", b"bearer", b"passwd", b"secret", b"tokens"],
        7 => &[b"api-key", b"api_key", b"secrets", b"session"],
        8 => &[b"password"],
        10 => &[b"credential", b"magic-link"],
        11 => &[b"credentials"],
        12 => &[b"access-token", b"access_token"],
        13 => &[b"refresh-token", b"refresh_token"],
        14 => &[
            b"password-reset",
            b"password_reset",
            b"reset-password",
            b"reset_password",
        ],
        _ => return false,
    };
    is_one_of(segment, words)
}

/// A part of the service's own paths, as `/password/reset` has one.
fn is_word(segment: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_');
    segment.len() <= 20 && segment.bytes().all(plain)
}

fn is_bearer(segment: &str) -> bool {
    let (word, rest) = segment.split_at_checked(6).unwrap_or_default();
    word.eq_ignore_ascii_case("bearer") && rest.starts_with(['%', '+', ':', '=', ' '])
}

fn is_jwt(segment: &str) -> bool {
    segment.starts_with("eyJ") && segment.contains('.')
}

/// Text as machines make it up: long, in one piece, of capitals, small letters and digits.
fn is_random(segment: &str) -> bool {
    let has = |test: fn(&u8) -> bool| segment.as_bytes().iter().any(test);
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'%');
    segment.len() >= 32
        && segment.bytes().all(part)
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual(path: &str) -> Cow<'_, str> {
        redacted(path, crate::secret_key::speaks_of_secrets)
    }

    #[test]
    fn secrets_in_paths_go() {
        for (path, expected) in [
            ("/reset-password/8fZk2", "/reset-password/REDACTED"),
            ("/v1/token/abc1/use", "/v1/token/REDACTED/use"),
            ("/password/reset/", "/password/reset/"),
            ("/Bearer%20abc/x", "/REDACTED/x"),
            ("/a/eyJhbGciOiJIUzI1NiJ9.e30.c2ln/b", "/a/REDACTED/b"),
            ("/hooks/sk_live_4eC39HqLyjWDarjt", "/hooks/REDACTED"),
            ("/s/aZ3kP0qLm9XbT7rVw2YcN5dJh8FgU4eK", "/s/REDACTED"),
            ("/cart;jsessionid=1A2B;v=2", "/cart;jsessionid=REDACTED;v=2"),
            ("/login/token=a&x=1", "/login/token=REDACTED&x=1"),
        ] {
            assert_eq!(usual(path), expected);
            assert_eq!(usual(expected), expected, "what is redacted stays so");
        }
    }

    #[test]
    fn ids_and_words_stay() {
        for path in [
            "",
            "/",
            "//",
            "/orders/7",
            "/orders/018f3a52-7b9e-7c11-9c0e-0242ac120002",
            "/blobs/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "/auth/login",
            "/a=b",
            "/session",
            "/caf\u{e9}/bearer\u{e9}",
        ] {
            assert!(
                matches!(usual(path), Cow::Borrowed(same) if same == path),
                "{path}"
            );
        }
    }
}
