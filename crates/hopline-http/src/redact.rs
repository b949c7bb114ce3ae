//! URLs without their secrets.

use std::borrow::Cow;

/// Query keys whose values the semantic conventions redact; here in any case, which hides more.
const CONVENTION: [&str; 7] = [
    "AWSAccessKeyId",
    "Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Goog-Signature",
    "sig",
];

/// Words that, alone or as a part between `_`, `-` and `.`, make a key's value a secret, in any case.
const WORDS: [&str; 18] = [
    "apikey",
    "assertion",
    "auth",
    "authorization",
    "card",
    "cvv",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "pwd",
    "secret",
    "session",
    "token",
    "credential",
    "credentials",
    "signature",
    "tokens",
];

/// Whole keys that are secrets as well: codes of OAuth, keys of APIs.
const KEYS: [&str; 8] = [
    "access_key",
    "api_key",
    "api-key",
    "code",
    "key",
    "otp",
    "pin",
    "private_key",
];

const REDACTED: &str = "REDACTED";

/// A URL without its user, password and secret query values; all else stays as it is.
///
/// User and password become `REDACTED:REDACTED`, values as [`redact_query`] says, in a fragment as well.
pub fn redact_url(url: &str) -> Cow<'_, str> {
    let (before, fragment) = split_at_first(url, '#');
    let (base, query) = split_at_first(before, '?');
    let base = redact_user(base);
    let query = query.strip_prefix('?').map(redact_query);
    let fragment = redact_query(fragment);
    if matches!(
        (&base, &query, &fragment),
        (
            Cow::Borrowed(_),
            None | Some(Cow::Borrowed(_)),
            Cow::Borrowed(_)
        )
    ) {
        return Cow::Borrowed(url);
    }
    let mark = if query.is_some() { "?" } else { "" };
    [
        &*base,
        mark,
        query.as_deref().unwrap_or_default(),
        &*fragment,
    ]
    .concat()
    .into()
}

/// A query, without the `?`, in which the values of secret keys are `REDACTED`.
///
/// Those are the seven keys that the conventions name, and, beyond them, keys that speak of passwords,
/// tokens, secrets, sessions, cards and the like. Keys stay, and so does the order.
pub fn redact_query(query: &str) -> Cow<'_, str> {
    let secret = |pair: &str| {
        pair.split_once('=')
            .is_some_and(|(key, value)| !value.is_empty() && is_secret(key))
    };
    if !query.split('&').any(secret) {
        return Cow::Borrowed(query);
    }
    let mut redacted = String::with_capacity(query.len());
    for (index, pair) in query.split('&').enumerate() {
        if index > 0 {
            redacted.push('&');
        }
        match pair.split_once('=') {
            Some((key, _)) if secret(pair) => redacted.extend([key, "=", REDACTED]),
            _ => redacted.push_str(pair),
        }
    }
    redacted.into()
}

/// The text before the first of these characters, and the text from it on.
fn split_at_first(text: &str, c: char) -> (&str, &str) {
    text.split_at(text.find(c).unwrap_or(text.len()))
}

fn redact_user(base: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = base.split_once("://") else {
        return Cow::Borrowed(base);
    };
    let (authority, path) = split_at_first(rest, '/');
    match authority.rsplit_once('@') {
        Some((_, host)) => [scheme, "://", REDACTED, ":", REDACTED, "@", host, path]
            .concat()
            .into(),
        None => Cow::Borrowed(base),
    }
}

fn is_secret(key: &str) -> bool {
    let key = key.trim_start_matches('#');
    // a key that is percent-encoded on purpose could say anything
    let convention = CONVENTION
        .iter()
        .any(|known| known.eq_ignore_ascii_case(key));
    if convention || key.contains('%') {
        return true;
    }
    let same = |word: &&str| word.eq_ignore_ascii_case(key);
    if KEYS.iter().any(same) {
        return true;
    }
    let lower = key.to_ascii_lowercase();
    let spoken = |word: &&str| {
        lower
            .split(['_', '-', '.', '[', ']'])
            .any(|part| part == *word)
    };
    // camelCase and run-together forms: `accessToken`, `newpassword`
    WORDS
        .iter()
        .any(|word| spoken(word) || (word.len() > 4 && lower.ends_with(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_secret_values_go() {
        for (url, redacted) in [
            (
                "http://h/p?page=2&sort=asc#top",
                "http://h/p?page=2&sort=asc#top",
            ),
            ("http://user@h:80/p", "http://REDACTED:REDACTED@h:80/p"),
            ("http://u:p@w@h/p@q", "http://REDACTED:REDACTED@h/p@q"),
            (
                "http://h/?sig=a%20b&x=1&X-Amz-Signature=2",
                "http://h/?sig=REDACTED&x=1&X-Amz-Signature=REDACTED",
            ),
            (
                "/p?access_token=1&SIG=2",
                "/p?access_token=REDACTED&SIG=REDACTED",
            ),
            (
                "http://u:p@h?token=1#f?token=2",
                "http://REDACTED:REDACTED@h?token=REDACTED#f?token=REDACTED",
            ),
        ] {
            assert_eq!(redact_url(url), redacted);
        }
    }

    #[test]
    fn keys_that_speak_of_secrets_are_known_in_their_forms() {
        for key in [
            "token",
            "Access_Token",
            "refreshToken",
            "user[password]",
            "api-key",
            "code",
            "x-auth",
            "%74oken",
            "jwt",
        ] {
            assert_eq!(redact_query(&format!("{key}=v")), format!("{key}=REDACTED"));
        }
        for key in ["author", "page", "codec", "sessions", "discard", "q"] {
            assert_eq!(redact_query(&format!("{key}=v")), format!("{key}=v"));
        }
        assert_eq!(
            redact_query("token&token=&a"),
            "token&token=&a",
            "nothing there to redact"
        );
    }
}
