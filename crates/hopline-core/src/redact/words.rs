//! The words of keys that name secrets, and of similar keys that do not. All in small letters.

/// Keys that are secret as a whole: codes of OAuth, sessions of servers, what the conventions for `url.full` name.
pub(super) fn is_secret_name(key: &[u8]) -> bool {
    matches!(
        key,
        b"key" | b"code" | b"sid" | b"connect.sid" | b"awsaccesskeyid" | b"x-honeycomb-team"
    )
}

/// Words that make any key secret, at any place in it.
pub(super) fn is_secret_word(word: &[u8]) -> bool {
    let secret = matches!(
        word,
        b"auth"
            | b"bearer"
            | b"card"
            | b"clientcert"
            | b"creds"
            | b"cvc"
            | b"cvv"
            | b"hmac"
            | b"jwt"
            | b"otp"
            | b"pwd"
            | b"saml"
            | b"secrets"
            | b"sig"
            | b"ssn"
            | b"totp"
    );
    // run-together forms: `newpassword`, `accesstoken`, `sessionid`, `passwordconfirm`
    secret || ends_with_secret(word) || starts_with_secret(word)
}

fn ends_with_secret(word: &[u8]) -> bool {
    let endings: &[&[u8]] = match word.last() {
        Some(b'd') => &[b"password", b"passwd", b"pwd", b"sessid", b"sessionid"],
        Some(b'e') => &[b"signature", b"passphrase", b"passcode"],
        Some(b'l') => &[b"credential"],
        Some(b'n') => &[b"token", b"session", b"assertion", b"authorization"],
        Some(b's') => &[b"tokens", b"credentials", b"passwords"],
        Some(b't') => &[b"secret"],
        Some(b'y') => return word.strip_suffix(b"key").is_some_and(guards),
        _ => return false,
    };
    endings.iter().any(|ending| word.ends_with(ending))
}

fn starts_with_secret(word: &[u8]) -> bool {
    const ABOUT: [&[u8]; 7] = [
        b"id", b"key", b"hash", b"value", b"data", b"string", b"cookie",
    ];
    let rest = |start: &[u8]| word.strip_prefix(start);
    match word.first() {
        Some(b'p') => rest(b"password").is_some_and(|rest| rest != b"less"),
        Some(b's' | b't') => {
            let rest = rest(b"session").or_else(|| rest(b"token"));
            rest.is_some_and(|rest| ABOUT.contains(&rest))
        }
        Some(b'a') => word.starts_with(b"aspsession"),
        _ => false,
    }
}

/// Two words that name a secret anywhere in a key: `access_key_id`, `client-cert-chain`.
pub(super) fn is_secret_pair(before: &[u8], word: &[u8]) -> bool {
    match word {
        b"key" | b"keys" => guards(before),
        b"cert" | b"certificate" => before == b"client",
        _ => false,
    }
}

/// Words that name a secret at the end of a key: `db_pass`, but not `pass_count`.
pub(super) fn is_secret_at_end(before: &[u8], word: &[u8]) -> bool {
    match word {
        b"pass" | b"pin" | b"pw" | b"cookie" | b"cookies" | b"verifier" => true,
        b"cert" | b"certificate" | b"pem" => true,
        // `key` alone is a plain name; words before it make it a secret, unless they name a lookup
        b"key" => !before.is_empty() && !is_lookup(before),
        b"code" => confirms(before),
        _ => word.strip_suffix(b"code").is_some_and(confirms),
    }
}

/// Purposes of secret keys.
fn guards(word: &[u8]) -> bool {
    const USES: [&[u8]; 17] = [
        b"access",
        b"account",
        b"admin",
        b"api",
        b"app",
        b"auth",
        b"encryption",
        b"license",
        b"master",
        b"pass",
        b"private",
        b"secret",
        b"session",
        b"shared",
        b"signing",
        b"subscription",
        b"token",
    ];
    USES.iter().any(|end| word.ends_with(end))
}

/// Purposes of secret codes.
fn confirms(word: &[u8]) -> bool {
    const USES: [&[u8]; 19] = [
        b"access",
        b"activation",
        b"auth",
        b"authorization",
        b"backup",
        b"confirm",
        b"confirmation",
        b"device",
        b"login",
        b"magic",
        b"mfa",
        b"otp",
        b"pass",
        b"recovery",
        b"reset",
        b"security",
        b"sms",
        b"verification",
        b"verify",
    ];
    USES.contains(&word)
}

/// Purposes of keys that are no secrets: to find or to order things.
fn is_lookup(word: &[u8]) -> bool {
    matches!(
        word,
        b"attribute"
            | b"bucket"
            | b"cache"
            | b"column"
            | b"composite"
            | b"config"
            | b"dedup"
            | b"deduplication"
            | b"doc"
            | b"document"
            | b"end"
            | b"entity"
            | b"etag"
            | b"event"
            | b"feature"
            | b"field"
            | b"file"
            | b"filter"
            | b"foreign"
            | b"group"
            | b"grouping"
            | b"hash"
            | b"i18n"
            | b"idempotency"
            | b"idempotent"
            | b"index"
            | b"issue"
            | b"item"
            | b"job"
            | b"label"
            | b"lang"
            | b"language"
            | b"last"
            | b"locale"
            | b"lookup"
            | b"map"
            | b"message"
            | b"name"
            | b"natural"
            | b"next"
            | b"object"
            | b"order"
            | b"page"
            | b"partition"
            | b"prev"
            | b"previous"
            | b"primary"
            | b"product"
            | b"project"
            | b"property"
            | b"public"
            | b"query"
            | b"range"
            | b"record"
            | b"resource"
            | b"routing"
            | b"row"
            | b"search"
            | b"section"
            | b"shard"
            | b"sort"
            | b"space"
            | b"start"
            | b"string"
            | b"surrogate"
            | b"tab"
            | b"table"
            | b"tag"
            | b"task"
            | b"topic"
            | b"translation"
            | b"unique"
            | b"view"
            | b"websocket"
    )
}

/// Suffixes of keys that describe a secret without holding it.
pub(super) fn is_measure(word: &[u8]) -> bool {
    matches!(
        word,
        b"alg"
            | b"algorithm"
            | b"count"
            | b"expiration"
            | b"expires"
            | b"expiry"
            | b"format"
            | b"len"
            | b"length"
            | b"limit"
            | b"method"
            | b"policy"
            | b"size"
            | b"status"
            | b"timeout"
            | b"ttl"
            | b"type"
            | b"version"
    )
}

/// `max_tokens`: how much text, in units of language models.
pub(super) fn is_quantity(before: &[u8], word: &[u8]) -> bool {
    word == b"tokens"
        && matches!(
            before,
            b"cached"
                | b"completion"
                | b"input"
                | b"max"
                | b"min"
                | b"num"
                | b"output"
                | b"prompt"
                | b"reasoning"
                | b"total"
        )
}
