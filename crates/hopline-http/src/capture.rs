//! Headers that are recorded because somebody asked for them.

use std::borrow::Cow;

use hopline_core::{Context, Name, Value, attr};
use http::header::{
    AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, SET_COOKIE,
};

use crate::redact::{REDACTED, Redaction};
use crate::secret_key::speaks_of_secrets;
use crate::wanted_headers::WantedHeaders;

/// Names of headers to record, each as an array of its lines: `http.request.header.x-tenant-id`.
///
/// Those that code names, and those that the operator does, in lists separated by commas:
/// `OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST`, `…_SERVER_RESPONSE`, `…_CLIENT_REQUEST` and
/// `…_CLIENT_RESPONSE`. They are read once in a process; what is not a name is said in a notice and passed over.
///
/// Credentials are never recorded, whoever asks for them: lines of `authorization`, `proxy-authorization`, `cookie`,
/// `set-cookie`, of names that speak of keys, tokens or secrets, and values marked as sensitive are `REDACTED`.
#[derive(Clone, Debug, Default)]
pub struct Capture(Vec<Captured>);

#[derive(Clone, Debug)]
struct Captured {
    name: HeaderName,
    key: String,
    secret: bool,
}

impl Capture {
    /// Headers of requests that came in.
    pub fn of_server_requests(names: impl IntoIterator<Item = HeaderName>) -> Self {
        let wanted = &WantedHeaders::from_env().server_requests;
        Self::new("http.request.header.", wanted, names)
    }

    /// Headers of responses to them.
    pub fn of_server_responses(names: impl IntoIterator<Item = HeaderName>) -> Self {
        let wanted = &WantedHeaders::from_env().server_responses;
        Self::new("http.response.header.", wanted, names)
    }

    /// Headers of requests that go out.
    pub fn of_client_requests(names: impl IntoIterator<Item = HeaderName>) -> Self {
        let wanted = &WantedHeaders::from_env().client_requests;
        Self::new("http.request.header.", wanted, names)
    }

    /// Headers of responses to them.
    pub fn of_client_responses(names: impl IntoIterator<Item = HeaderName>) -> Self {
        let wanted = &WantedHeaders::from_env().client_responses;
        Self::new("http.response.header.", wanted, names)
    }

    /// Reads the variables now, so that what is wrong with them is said at the start.
    pub fn read_variables() {
        WantedHeaders::from_env();
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Records what there is of them on a span.
    pub fn record(&self, span: &Context, headers: &HeaderMap, redaction: &Redaction) {
        for captured in &self.0 {
            let lines = headers.get_all(&captured.name).iter();
            let texts: Vec<_> = lines.map(|line| captured.text(line, redaction)).collect();
            if !texts.is_empty() {
                let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
                let value: Value<'_> = texts.as_slice().into();
                span.set_all(|| [attr(Name::dynamic(&captured.key), value)]);
            }
        }
    }

    fn new(
        prefix: &str,
        wanted: &[HeaderName],
        names: impl IntoIterator<Item = HeaderName>,
    ) -> Self {
        let mut all: Vec<Captured> = Vec::new();
        for name in wanted.iter().cloned().chain(names) {
            if all.iter().all(|known| known.name != name) {
                all.push(Captured {
                    key: format!("{prefix}{name}"),
                    secret: is_secret(&name),
                    name,
                });
            }
        }
        Self(all)
    }
}

impl Captured {
    fn text<'a>(&self, line: &'a HeaderValue, redaction: &Redaction) -> Cow<'a, str> {
        let bearer = line
            .as_bytes()
            .get(..7)
            .is_some_and(|word| word.eq_ignore_ascii_case(b"bearer "));
        if self.secret || line.is_sensitive() || bearer {
            return REDACTED.into();
        }
        let text = shown(line.as_bytes());
        // a location or a referrer
        let is_url = text.contains('?') || text.contains("://");
        match text {
            Cow::Borrowed(text) if is_url => redaction.url(text),
            Cow::Owned(text) if is_url => redaction.url(&text).into_owned().into(),
            text => text,
        }
    }
}

/// What is not ASCII as far as it is UTF-8, and without the control characters there. Those of ASCII cannot stand in a
/// header, but for the tabulator.
fn shown(line: &[u8]) -> Cow<'_, str> {
    let harmful = |c: char| c.is_control() && c != '\t';
    let text = String::from_utf8_lossy(line);
    if text.contains(harmful) {
        text.replace(harmful, "\u{fffd}").into()
    } else {
        text
    }
}

fn is_secret(name: &HeaderName) -> bool {
    [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE].contains(name)
        || speaks_of_secrets(name.as_str())
        || name.as_str().ends_with("-key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_recorded() {
        let shown = |name: &'static str, value: &[u8]| {
            let capture = Capture::of_server_requests([HeaderName::from_static(name)]);
            let value = HeaderValue::from_bytes(value).unwrap();
            capture.0[0]
                .text(&value, &Redaction::default())
                .into_owned()
        };
        for name in [
            "authorization",
            "cookie",
            "set-cookie",
            "x-api-key",
            "x-auth-token",
            "proxy-authorization",
        ] {
            assert_eq!(shown(name, b"hunter2"), "REDACTED", "{name}");
        }
        assert_eq!(shown("x-forwarded-access", b"Bearer hunter2"), "REDACTED");
        assert_eq!(
            shown("referer", b"http://h/?token=hunter2"),
            "http://h/?token=REDACTED"
        );
        let beyond_ascii = shown("referer", "http://h/caf\u{e9}?token=hunter2".as_bytes());
        assert_eq!(beyond_ascii, "http://h/caf\u{e9}?token=REDACTED");
        assert_eq!(shown("x-tenant-id", b"acme"), "acme");
        assert_eq!(shown("x-name", b"J\xfcrgen"), "J\u{fffd}rgen");
        assert_eq!(shown("x-name", b"a\xc2\x9b31m\tb"), "a\u{fffd}31m\tb");
    }
}
