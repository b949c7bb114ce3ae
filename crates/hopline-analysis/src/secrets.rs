//! Detection of secrets in attributes: card numbers, e-mail addresses, tokens, passwords.
//!
//! The self-check uses it on exported spans. The tests for keys and tokens are core's, which redact what edges record;
//! the lists here are separate on purpose: a word that is missing there must be found here, so they must not be shared.

use hopline_core::export::OwnedValue;
use hopline_core::redact::{REDACTED, is_secret_key, is_secret_value};

/// The kind of secret that this value looks like.
///
/// A heuristic that prefers silence: a value is reported only if it has the form of a card number, an e-mail address, a
/// token or a password. Ids, UUIDs and placeholders do not have these forms.
pub(crate) fn suspicion(key: &str, value: &OwnedValue) -> Option<&'static str> {
    match value {
        OwnedValue::Text(text) => in_key(key, text).or_else(|| in_text(text)),
        OwnedValue::I64(number) => is_card(&number.to_string()).then_some("a card number"),
        OwnedValue::Array(values) => values.iter().find_map(|value| suspicion(key, value)),
        OwnedValue::Bool(_) | OwnedValue::F64(_) => None,
    }
}

/// The kind of secret that this text contains.
pub(crate) fn in_text(text: &str) -> Option<&'static str> {
    if has_card(text) {
        Some("a card number")
    } else if has_email(text) {
        Some("an e-mail address")
    } else if has_token(text) {
        Some("a token")
    } else if has_named_secret(text) {
        Some("a password or key")
    } else {
        None
    }
}

/// A key whose name is that of a secret, with a value that is not masked.
fn in_key(key: &str, text: &str) -> Option<&'static str> {
    const KEYS: [&str; 6] = [
        "authorization",
        "cookie",
        "password",
        "passwd",
        "api_key",
        "secret",
    ];
    let key = key.to_ascii_lowercase();
    // core's test for keys is for names that callers choose; attributes such as `session.id` would fail it
    let header = ["http.request.header.", "http.response.header."]
        .iter()
        .find_map(|prefix| key.strip_prefix(prefix));
    let named = KEYS.iter().any(|word| key.ends_with(word)) || header.is_some_and(is_secret_key);
    (named && !is_masked(text)).then_some("a value under a secret's name")
}

fn is_masked(text: &str) -> bool {
    text.is_empty()
        || text.starts_with(REDACTED)
        || text.chars().all(|c| matches!(c, '*' | '?' | '…'))
}

/// 13 to 19 digits, also in groups, with a correct check digit (ISO/IEC 7812).
fn has_card(text: &str) -> bool {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric() && c != ' ' && c != '-');
    parts.into_iter().any(|part| {
        let whole = part.split([' ', '-']).any(is_card);
        whole || groups_of_digits(part).iter().any(|digits| is_card(digits))
    })
}

/// Neighbouring groups of digits, joined, as card numbers are printed.
fn groups_of_digits(part: &str) -> Vec<String> {
    let mut joined = vec![String::new()];
    for word in part.split([' ', '-']) {
        let group = (2..=7).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit());
        match joined.last_mut() {
            Some(last) if group && last.len() < 20 => last.push_str(word),
            _ => joined.push(String::new()),
        }
    }
    joined
}

/// True for 13 to 19 digits with a correct Luhn check digit.
fn is_card(digits: &str) -> bool {
    if !(13..=19).contains(&digits.len())
        || !digits.bytes().all(|byte| byte.is_ascii_digit())
        || digits.starts_with('0')
    {
        return false;
    }
    let sum = digits.bytes().rev().enumerate().map(|(place, byte)| {
        let digit = u32::from(byte - b'0');
        if place % 2 == 0 {
            digit
        } else {
            digit * 2 / 10 + digit * 2 % 10
        }
    });
    sum.sum::<u32>() % 10 == 0
}

/// An `@` between a local part and a domain with a top-level domain of letters.
fn has_email(text: &str) -> bool {
    text.match_indices('@').any(|(at, _)| {
        let local = |c: char| c.is_ascii_alphanumeric() || "._%+-".contains(c);
        let before = text[..at].rsplit(|c| !local(c)).next().unwrap_or_default();
        let domain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        let after = text[at + 1..]
            .split(|c| !domain(c))
            .next()
            .unwrap_or_default()
            .trim_end_matches('.');
        let last = after.rsplit_once('.').map_or("", |(_, last)| last);
        !before.is_empty()
            && before != "REDACTED"
            && last.len() >= 2
            && last.bytes().all(|byte| byte.is_ascii_alphabetic())
    })
}

/// A known token format, or credentials after `bearer` or `basic`.
fn has_token(text: &str) -> bool {
    if is_secret_value(text) {
        return true;
    }
    let lower = text.to_ascii_lowercase();
    ["bearer ", "basic "].iter().any(|scheme| {
        let given = lower
            .split(scheme)
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next());
        given.is_some_and(|token| token.len() >= 8 && !is_masked(&token.to_ascii_uppercase()))
    })
}

/// `password=…`, `token: …` and the like.
fn has_named_secret(text: &str) -> bool {
    const NAMES: [&str; 9] = [
        "password",
        "passwd",
        "pwd",
        "secret",
        "token",
        "api_key",
        "apikey",
        "access_key",
        "client_secret",
    ];
    let lower = text.to_ascii_lowercase();
    NAMES.iter().any(|name| {
        lower.match_indices(name).any(|(at, _)| {
            let rest = text[at + name.len()..].trim_start_matches(['"', '\'', ' ']);
            let Some(value) = rest.strip_prefix(['=', ':']) else {
                return false;
            };
            let value = value.trim_start_matches(['"', '\'', ' ', '=']);
            let value: String = value
                .chars()
                .take_while(|c| !c.is_whitespace() && !"&\"',;)".contains(*c))
                .collect();
            // a placeholder or a cast is not a secret
            !is_masked(&value) && !value.starts_with(['$', '?', ':', '@', '%', '{'])
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_detected() {
        for text in [
            "card 4242424242424242",
            "4242 4242 4242 4242",
            "pan=5555-5555-5555-4444;",
            "mail to jane.doe@example.org please",
            "Bearer abcdefgh12345678",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.sflKxwRJ",
            "https://h/p?token=abc",
            "password=hunter2",
            "{\"password\": \"hunter2\"}",
            "AKIAIOSFODNN7EXAMPLE",
        ] {
            assert!(in_text(text).is_some(), "{text}");
        }
    }

    #[test]
    fn ids_placeholders_and_masks_are_not_secrets() {
        for text in [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "550e8400-e29b-41d4-a716-446655440000",
            "http://REDACTED:REDACTED@127.0.0.1:4003/charge?token=REDACTED",
            "http://REDACTED:REDACTED@db.internal/x",
            "UPDATE users SET password = $1 WHERE token = ? AND pwd = :pwd",
            "INSERT INTO users (name, password) VALUES (?)",
            "1234567890123456",
            "2026-11-24 12:00:00",
            "tokenizer: fast",
        ] {
            assert_eq!(in_text(text), None, "{text}");
        }
    }

    #[test]
    fn a_secrets_name_makes_any_value_suspect() {
        let text = |text: &str| OwnedValue::from(text);
        assert!(suspicion("http.request.header.authorization", &text("x")).is_some());
        assert!(suspicion("db.password", &OwnedValue::Array(vec![text("x")])).is_some());
        assert!(suspicion("db.password", &text("REDACTED")).is_none());
        assert!(suspicion("user.id", &OwnedValue::from(4_242_424_242_424_242_i64)).is_some());
    }
}
