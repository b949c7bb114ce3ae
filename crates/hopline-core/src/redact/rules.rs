//! The rules by which the parts of a URL are redacted.

use std::borrow::Cow;

/// Depth to which URLs within values of URLs are redacted.
#[derive(Clone, Copy)]
pub(super) struct Nested(pub(super) u8);

/// The rules as pairs and paths use them: a value may be a URL again.
pub(super) trait Rules {
    /// The replacement of a value of more than one word, if it is or holds a secret. `plus`: `+` is a space.
    fn inner(&self, text: &str, plus: bool, nested: Nested) -> Option<Cow<'static, str>>;

    /// True if values under this key are redacted.
    fn is_secret(&self, key: &str) -> bool;
}

/// The host of an authority that names a user; `None` if it names none. The user is separated at the last `@`, as
/// browsers do.
pub(super) fn without_user(authority: &str) -> Option<&str> {
    let at = authority
        .bytes()
        .rposition(|byte| byte == b'@')
        .filter(|at| *at > 0)?;
    authority.get(at + 1..)
}
