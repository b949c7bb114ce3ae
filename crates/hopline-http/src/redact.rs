//! URLs without their secrets.

use std::borrow::Cow;
use std::sync::Arc;

use crate::redact_path;
use crate::secret_key::speaks_of_secrets;

pub(crate) const REDACTED: &str = "REDACTED";

/// What takes the secrets out of a path.
type PathFn = fn(&str) -> Cow<'_, str>;

/// What of a URL is recorded as `REDACTED`.
///
/// In any case that is the user and the password ([conventions for `url.full`]). Of the query it is the values of
/// the seven keys that the conventions name, and, beyond them, of keys that speak of passwords, tokens, secrets,
/// sessions, cards and the like, unless [other keys](Redaction::query_keys) are said. Of the path it is what can be
/// recognised: what follows a word such as `token` or `reset-password` and is no plain word itself, JSON web
/// tokens, long random text, and values of secret keys (`;jsessionid=…`), unless [another
/// function](Redaction::path_by) is given.
///
/// [conventions for `url.full`]: https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/
///
/// # Examples
///
/// ```
/// use hopline_http::Redaction;
///
/// let usual = Redaction::default();
/// assert_eq!(usual.url("https://u:p@h/x?sig=1&page=2"), "https://REDACTED:REDACTED@h/x?sig=REDACTED&page=2");
/// assert_eq!(usual.path("/reset-password/8fZk2/form"), "/reset-password/REDACTED/form");
///
/// let own = Redaction::default().query_keys(["email"]);
/// assert_eq!(own.query("sig=1&email=a%40b"), "sig=1&email=REDACTED");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Redaction {
    keys: Option<Arc<[Box<str>]>>,
    path: Option<PathFn>,
}

impl Redaction {
    /// What is redacted where nothing else is said.
    pub const USUAL: Self = Self {
        keys: None,
        path: None,
    };

    /// These keys, in any case, instead of all that are redacted otherwise; none if there are none.
    #[must_use]
    pub fn query_keys<'a>(mut self, keys: impl IntoIterator<Item = &'a str>) -> Self {
        self.keys = Some(keys.into_iter().map(Into::into).collect());
        self
    }

    /// Gives paths to this function instead of looking for what can be recognised.
    #[must_use]
    pub fn path_by(mut self, path: fn(&str) -> Cow<'_, str>) -> Self {
        self.path = Some(path);
        self
    }

    /// A URL, or the part of one from the path on; a query in the fragment is looked at as well.
    pub fn url<'a>(&self, url: &'a str) -> Cow<'a, str> {
        let (before, fragment) = split_at_first(url, b'#');
        let (base, query) = split_at_first(before, b'?');
        let base = self.base(base);
        let query = query.strip_prefix('?').map(|query| self.query(query));
        let fragment = self.query(fragment);
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

    /// A path.
    pub fn path<'a>(&self, path: &'a str) -> Cow<'a, str> {
        match self.path {
            Some(own) => own(path),
            None => redact_path::redacted(path, |key| self.is_secret(key)),
        }
    }

    /// A query, without the `?`. Keys stay, and so does the order.
    pub fn query<'a>(&self, query: &'a str) -> Cow<'a, str> {
        let mut redacted = String::new();
        // how much of the query is in `redacted`, or is to be taken over as it is
        let (mut copied, mut at) = (0, 0);
        // by bytes: queries are short, and `=` and `&` are no part of a longer character
        for pair in query.as_bytes().split(|byte| *byte == b'&') {
            if let Some(key) = pair.iter().position(|byte| *byte == b'=')
                && key + 1 < pair.len()
                && self.is_secret(&query[at..at + key])
            {
                redacted.extend([&query[copied..=at + key], REDACTED]);
                copied = at + pair.len();
            }
            at += pair.len() + 1;
        }
        if copied == 0 {
            return Cow::Borrowed(query);
        }
        redacted.push_str(&query[copied..]);
        redacted.into()
    }

    /// Scheme, authority and path.
    fn base<'a>(&self, base: &'a str) -> Cow<'a, str> {
        let mark = base.as_bytes().windows(3).position(|three| three == b"://");
        let Some((scheme, rest)) = mark.map(|at| (&base[..at], &base[at + 3..])) else {
            return self.path(base);
        };
        let (authority, path) = split_at_first(rest, b'/');
        let at = authority.bytes().rposition(|byte| byte == b'@');
        let user = at.map(|at| (&authority[..at], &authority[at + 1..]));
        match (user, self.path(path)) {
            (None, Cow::Borrowed(same)) if same.len() == path.len() => Cow::Borrowed(base),
            (None, path) => [scheme, "://", authority, &path].concat().into(),
            (Some((_, host)), path) => {
                let user = [scheme, "://", REDACTED, ":", REDACTED, "@", host, &path];
                user.concat().into()
            }
        }
    }

    fn is_secret(&self, key: &str) -> bool {
        let key = key.trim_start_matches('#');
        match &self.keys {
            Some(keys) => keys.iter().any(|secret| secret.eq_ignore_ascii_case(key)),
            None => speaks_of_secrets(key),
        }
    }
}

/// The text before the first of these ASCII characters, and the text from it on. By bytes: URLs are short.
fn split_at_first(text: &str, c: u8) -> (&str, &str) {
    let at = text.bytes().position(|byte| byte == c);
    text.split_at(at.unwrap_or(text.len()))
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
            ("http://h/token/s3cret?a=1", "http://h/token/REDACTED?a=1"),
            (
                "http://u@h/token/s3cret",
                "http://REDACTED:REDACTED@h/token/REDACTED",
            ),
        ] {
            assert_eq!(Redaction::default().url(url), redacted);
        }
    }

    #[test]
    fn keys_that_speak_of_secrets_are_known_in_their_forms() {
        let usual = Redaction::default();
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
            "AWSAccessKeyId",
        ] {
            assert_eq!(usual.query(&format!("{key}=v")), format!("{key}=REDACTED"));
        }
        for key in [
            "author",
            "page",
            "codec",
            "sessions",
            "discard",
            "q",
            "\u{e9}token1",
        ] {
            assert_eq!(usual.query(&format!("{key}=v")), format!("{key}=v"));
        }
        assert_eq!(
            usual.query("token&token=&a"),
            "token&token=&a",
            "nothing there to redact"
        );
    }

    #[test]
    fn the_keys_and_the_paths_can_be_replaced() {
        let own = Redaction::default().query_keys(["Email"]);
        assert_eq!(own.query("email=1&token=2"), "email=REDACTED&token=2");
        let none = Redaction::default().query_keys([]);
        assert_eq!(none.query("token=2"), "token=2");
        assert_eq!(
            none.url("http://u@h/?token=2"),
            "http://REDACTED:REDACTED@h/?token=2"
        );
        let paths = Redaction::default().path_by(|_| Cow::Borrowed("/"));
        assert_eq!(paths.path("/customers/ann"), "/");
        assert_eq!(paths.url("http://h/customers/ann?a=1"), "http://h/?a=1");
    }
}
