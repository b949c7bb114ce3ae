//! Keys under which secrets stand.

/// True if what stands under this key or header name is likely a secret.
///
/// It is asked for every key of every query, so words are looked at by their length first.
pub(crate) fn speaks_of_secrets(key: &str) -> bool {
    let key = key.as_bytes();
    // a key that is percent-encoded on purpose could say anything
    key.contains(&b'%')
        || is_convention(key)
        || is_whole_key(key)
        || key
            .split(|byte| matches!(byte, b'_' | b'-' | b'.' | b'[' | b']'))
            .any(is_word)
        || ends_with_word(key)
}

/// The keys whose values the semantic conventions redact; here in any case, which hides more.
fn is_convention(key: &[u8]) -> bool {
    let words: &[&[u8]] = match key.len() {
        3 => &[b"sig"],
        9 => &[b"signature"],
        14 => &[b"awsaccesskeyid"],
        15 => &[b"x-amz-signature"],
        16 => &[b"x-amz-credential", b"x-goog-signature"],
        20 => &[b"x-amz-security-token"],
        _ => return false,
    };
    is_one_of(key, words)
}

/// Whole keys that are secrets as well: codes of OAuth, keys of APIs, sessions of servers.
fn is_whole_key(key: &[u8]) -> bool {
    let words: &[&[u8]] = match key.len() {
        3 => &[b"key", b"otp", b"pin"],
        4 => &[b"code"],
        7 => &[b"api_key", b"api-key"],
        9 => &[b"phpsessid"],
        10 => &[b"access_key", b"jsessionid"],
        11 => &[b"private_key"],
        _ => return false,
    };
    is_one_of(key, words)
}

/// Words that, alone or as a part of a key, make its value a secret.
fn is_word(part: &[u8]) -> bool {
    let words: &[&[u8]] = match part.len() {
        3 => &[b"cvv", b"jwt", b"pwd"],
        4 => &[b"auth", b"card"],
        len => long_words(len),
    };
    is_one_of(part, words)
}

/// Run-together forms: `accessToken`, `newpassword`.
fn ends_with_word(key: &[u8]) -> bool {
    (5..=13.min(key.len())).any(|len| is_one_of(&key[key.len() - len..], long_words(len)))
}

fn long_words(len: usize) -> &'static [&'static [u8]] {
    match len {
        5 => &[b"token"],
        6 => &[b"apikey", b"passwd", b"secret", b"tokens"],
        7 => &[b"session"],
        8 => &[b"password"],
        9 => &[b"assertion", b"signature"],
        10 => &[b"credential", b"passphrase"],
        11 => &[b"credentials"],
        13 => &[b"authorization"],
        _ => &[],
    }
}

/// True if this is one of these small words, in any case. Most differ in their first letter, which is a cheap look.
pub(crate) fn is_one_of(text: &[u8], words: &[&[u8]]) -> bool {
    let Some(first) = text.first().map(u8::to_ascii_lowercase) else {
        return false;
    };
    words
        .iter()
        .any(|word| word.first() == Some(&first) && word.eq_ignore_ascii_case(text))
}
