//! Signs of a secret in a statement's text. [`Redacted`](super::Redacted) asks before text is recorded verbatim.

/// Substrings, in lower case, of names that suggest a secret: columns, functions that take a password or a key,
/// connection strings.
///
/// Independent of the list for HTTP headers and query parameters in hopline-http: names in SQL differ, and the crates
/// do not depend on each other.
const SECRET_NAMES: [&str; 23] = [
    "auth",
    "cookie",
    "cred",
    "crypt",
    "cvc",
    "cvv",
    "dblink",
    "digest",
    "hmac",
    "identified",
    "jwt",
    "key",
    "md5",
    "otp",
    "passp",
    "passw",
    "pgp_",
    "pwd",
    "salt",
    "secret",
    "set_config",
    "sha",
    "token",
];

/// Returns true if the text contains a name that suggests a secret, or a URL, which may contain a password.
pub(super) fn mentions_secret(sql: &str) -> bool {
    let lower = sql.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|part| lower.contains(part)) || lower.contains("://")
}
