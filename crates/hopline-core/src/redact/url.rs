//! Redaction of URLs and header lines.

use std::borrow::Cow;
use std::sync::Arc;

use crate::redact::key::is_secret_key;
use crate::redact::pairs::Pairs;
use crate::redact::rules::{Nested, Rules, without_user};
use crate::redact::{REDACTED, pairs, path, percent, value};

/// Redacts a path.
type PathFn = fn(&str) -> Cow<'_, str>;

const NESTED: Nested = Nested(3);

/// Redaction of URLs and header lines: secrets are replaced by `REDACTED`.
///
/// | part | redacted |
/// |---|---|
/// | user and password | always ([conventions for `url.full`]), also without a scheme: `//u:p@h` |
/// | query and fragment | values under [secret keys](is_secret_key), which include the seven that the conventions name; or under [other keys](Self::query_keys) instead |
/// | any value | [secrets by their form](crate::redact::is_secret_value); values that are URLs or queries are redacted too, three levels deep |
/// | path | text behind a word such as `token` or `/password/reset` and is no plain word; matrix parameters (`;jsessionid=…`); long random text; or what [another function](Self::path_by) removes |
///
/// Pairs are separated by `&` or `;`. Percent-encoding is decoded once at each level.
///
/// [is_secret_key]: super::is_secret_key
/// [is_secret_value]: super::is_secret_value
/// [conventions for `url.full`]: https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/
///
/// # Examples
///
/// ```
/// use hopline_core::redact::Redaction;
///
/// let usual = Redaction::default();
/// assert_eq!(usual.url("https://u:p@h/x?sig=1&page=2"), "https://REDACTED:REDACTED@h/x?sig=REDACTED&page=2");
/// assert_eq!(usual.path("/reset-password/8fZk2/form"), "/reset-password/REDACTED/form");
/// assert_eq!(usual.query("next=/cb?token=1&page=2"), "next=/cb?token=REDACTED&page=2");
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
    /// The default redaction.
    pub const USUAL: Self = Self {
        keys: None,
        path: None,
    };

    /// Redacts values under these keys, in any case, instead of those that [name secrets](super::is_secret_key).
    /// Values that are secrets by their form are redacted in any case.
    #[must_use]
    pub fn query_keys<'a>(mut self, keys: impl IntoIterator<Item = &'a str>) -> Self {
        self.keys = Some(keys.into_iter().map(Into::into).collect());
        self
    }

    /// Redacts paths by this function instead of by recognition.
    #[must_use]
    pub fn path_by(mut self, path: fn(&str) -> Cow<'_, str>) -> Self {
        self.path = Some(path);
        self
    }

    /// Redacts a URL, or the part of one from the path on.
    pub fn url<'a>(&self, url: &'a str) -> Cow<'a, str> {
        self.url_in(url, NESTED)
    }

    /// Redacts a path.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::borrow::Cow;
    /// use hopline_core::redact::Redaction;
    ///
    /// let usual = Redaction::default();
    /// assert_eq!(usual.path("/orders/7"), "/orders/7");
    /// let hide = Redaction::default().path_by(|_| Cow::Borrowed("/…"));
    /// assert_eq!(hide.path("/orders/7"), "/…");
    /// ```
    pub fn path<'a>(&self, path: &'a str) -> Cow<'a, str> {
        self.path_in(path, NESTED)
    }

    /// Redacts a query, without the `?`. Keys and their order are kept.
    pub fn query<'a>(&self, query: &'a str) -> Cow<'a, str> {
        pairs::redacted(query, Pairs::Query, self, NESTED)
    }

    /// Redacts one line of a header, or of another named list such as the headers of a message.
    ///
    /// The whole line is redacted if its [name](super::is_secret_key) is secret, regardless of
    /// [keys](Self::query_keys), or if it is [a secret by its form](super::is_secret_value). In other lines URLs and
    /// parameters (`a=1; token=…`) are redacted.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::redact::Redaction;
    ///
    /// let usual = Redaction::default();
    /// assert_eq!(usual.header("x-api-key", "1"), "REDACTED");
    /// assert_eq!(usual.header("sec-websocket-protocol", "bearer, abc"), "REDACTED");
    /// assert_eq!(usual.header("referer", "https://h/?token=1"), "https://h/?token=REDACTED");
    /// assert_eq!(usual.header("x-tenant-id", "acme"), "acme");
    /// ```
    pub fn header<'a>(&self, name: &str, line: &'a str) -> Cow<'a, str> {
        if is_secret_key(name) || value::is_secret_line(line) || offers_secret(name, line) {
            return Cow::Borrowed(REDACTED);
        }
        if is_url(line) {
            self.url(line)
        } else if line.contains('=') {
            pairs::redacted(line, Pairs::Header, self, NESTED)
        } else {
            Cow::Borrowed(line)
        }
    }

    fn path_in<'a>(&self, path: &'a str, nested: Nested) -> Cow<'a, str> {
        match self.path {
            Some(own) => own(path),
            None => path::redacted(path, self, nested),
        }
    }

    fn url_in<'a>(&self, url: &'a str, nested: Nested) -> Cow<'a, str> {
        let end = url.bytes().position(|byte| matches!(byte, b'?' | b'#'));
        let (base, rest) = url.split_at(end.unwrap_or(url.len()));
        let (query, fragment) = split_at_first(rest, b'#');
        let safe_base = self.base(base, nested);
        let pairs = |text: &'a str| pairs::redacted(text, Pairs::Query, self, nested);
        let query = query.strip_prefix('?').map(pairs);
        let fragment = fragment
            .strip_prefix('#')
            .map(|fragment| self.fragment(fragment, nested));
        let same = |part: &Option<Cow<'_, str>>| matches!(part, None | Some(Cow::Borrowed(_)));
        if safe_base == base && same(&query) && same(&fragment) {
            return Cow::Borrowed(url);
        }
        let mut redacted = safe_base.into_owned();
        for (mark, part) in [('?', query), ('#', fragment)] {
            if let Some(part) = part {
                redacted.push(mark);
                redacted.push_str(&part);
            }
        }
        redacted.into()
    }

    /// Pairs, or the path of a page that routes by fragments, with a query of its own.
    fn fragment<'a>(&self, fragment: &'a str, nested: Nested) -> Cow<'a, str> {
        let (route, query) = split_at_first(fragment, b'?');
        let mark = route.bytes().find(|byte| b"/=".contains(byte));
        if mark != Some(b'/') {
            return pairs::redacted(fragment, Pairs::Query, self, nested);
        }
        let safe_route = path::redacted(route, self, nested);
        let safe_query = pairs::redacted(query, Pairs::Query, self, nested);
        if matches!(
            (&safe_route, &safe_query),
            (Cow::Borrowed(_), Cow::Borrowed(_))
        ) {
            return Cow::Borrowed(fragment);
        }
        Cow::Owned([&*safe_route, &*safe_query].concat())
    }

    /// Scheme, authority and path.
    fn base<'a>(&self, base: &'a str, nested: Nested) -> Cow<'a, str> {
        if base.starts_with('/') && !base.starts_with("//") {
            return self.path_in(base, nested);
        }
        let slashes = base.as_bytes().windows(2).position(|two| two == b"//");
        // a scheme's colon, or nothing, is before the slashes of an authority
        let start = slashes
            .filter(|&at| at == 0 || base.as_bytes()[at - 1] == b':' && !base[..at].contains('/'));
        let Some(start) = start.map(|at| at + 2) else {
            return self.without_scheme(base, nested);
        };
        let (scheme, rest) = base.split_at(start);
        let (authority, path) = split_at_first(rest, b'/');
        match (without_user(authority), self.path_in(path, nested)) {
            (None, safe) if safe == path => Cow::Borrowed(base),
            (None, path) => [scheme, authority, &path].concat().into(),
            (Some(host), path) => [scheme, REDACTED, ":", REDACTED, "@", host, &path]
                .concat()
                .into(),
        }
    }

    /// A path, or `user:password@host`.
    fn without_scheme<'a>(&self, base: &'a str, nested: Nested) -> Cow<'a, str> {
        let (first, path) = split_at_first(base, b'/');
        if let Some(host) = without_user(first)
            && let Some((user, _)) = first.split_once(':')
            && user.len() < first.len() - host.len()
            && !["mailto", "acct", "sip", "sips", "xmpp", "im"].contains(&user)
        {
            let path = self.path_in(path, nested);
            return [REDACTED, ":", REDACTED, "@", host, &path].concat().into();
        }
        self.path_in(base, nested)
    }
}

impl Rules for Redaction {
    #[cold]
    fn inner(&self, text: &str, plus: bool, Nested(depth): Nested) -> Option<Cow<'static, str>> {
        let decoded = percent::decoded(text, plus);
        if value::is_secret_value(&decoded) {
            return Some(Cow::Borrowed(REDACTED));
        }
        let is_url = is_url(&decoded);
        // not the end of a text in base64
        if !is_url && !decoded.trim_end_matches('=').contains('=') {
            return None;
        }
        let Some(depth) = depth.checked_sub(1) else {
            // deeper than redaction looks, so all of it is a secret
            return Some(Cow::Borrowed(REDACTED));
        };
        let safe = if is_url {
            self.url_in(&decoded, Nested(depth))
        } else {
            pairs::redacted(&decoded, Pairs::Query, self, Nested(depth))
        };
        if safe == decoded {
            return None;
        }
        let is_encoded = matches!(decoded, Cow::Owned(_));
        Some(Cow::Owned(if is_encoded {
            percent::encode(&safe)
        } else {
            safe.into_owned()
        }))
    }

    fn is_secret(&self, key: &str) -> bool {
        match &self.keys {
            Some(keys) => {
                let key = percent::decoded(key, true);
                keys.iter().any(|secret| secret.eq_ignore_ascii_case(&key))
            }
            None => is_secret_key(key),
        }
    }
}

/// True for what begins with a path or a scheme, or has a query.
fn is_url(text: &str) -> bool {
    text.starts_with('/') || text.contains('?') || text.contains("//")
}

/// WebSocket clients in browsers can send a token in no other header: `bearer, …`.
fn offers_secret(name: &str, line: &str) -> bool {
    name.eq_ignore_ascii_case("sec-websocket-protocol")
        && line
            .split(',')
            .any(|protocol| is_secret_key(protocol.trim()))
}

/// The text before the first of these ASCII characters, and the text from it on. By bytes: URLs are short.
fn split_at_first(text: &str, c: u8) -> (&str, &str) {
    let at = text.bytes().position(|byte| byte == c);
    text.split_at(at.unwrap_or(text.len()))
}
