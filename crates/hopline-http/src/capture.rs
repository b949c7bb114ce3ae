//! Headers that are recorded because somebody asked for them.

use std::borrow::Cow;

use hopline_core::redact::{REDACTED, Redaction};
use hopline_core::{Context, Name, Value, attr};
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::wanted_headers::WantedHeaders;

/// Names of headers to record, each as an array of its lines: `http.request.header.x-tenant-id`.
///
/// Those that code names, and those that the operator does, in lists separated by commas:
/// `OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST`, `…_SERVER_RESPONSE`, `…_CLIENT_REQUEST` and
/// `…_CLIENT_RESPONSE`. They are read once in a process; what is not a name is said in a notice and passed over.
///
/// Credentials are never recorded, even if their headers are listed: [`Redaction::header`] redacts lines under names
/// of secrets (`authorization`, `cookie`, `x-api-key`, client certificates), credentials of any scheme, well-known tokens, and
/// secrets in URLs and parameters. Values marked as sensitive are `REDACTED` too.
#[derive(Clone, Debug, Default)]
pub struct Capture(Vec<Captured>);

#[derive(Clone, Debug)]
struct Captured {
    name: HeaderName,
    key: String,
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
                    name,
                });
            }
        }
        Self(all)
    }
}

impl Captured {
    fn text<'a>(&self, line: &'a HeaderValue, redaction: &Redaction) -> Cow<'a, str> {
        if line.is_sensitive() {
            return REDACTED.into();
        }
        let name = self.name.as_str();
        match shown(line.as_bytes()) {
            Cow::Borrowed(text) => redaction.header(name, text),
            Cow::Owned(text) => redaction.header(name, &text).into_owned().into(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_redacted_and_shown_as_text() {
        let shown = |name: &'static str, value: HeaderValue| {
            let capture = Capture::of_server_requests([HeaderName::from_static(name)]);
            capture.0[0]
                .text(&value, &Redaction::default())
                .into_owned()
        };
        let line = |text: &[u8]| HeaderValue::from_bytes(text).unwrap();
        assert_eq!(shown("authorization", line(b"hunter2")), "REDACTED");
        let beyond_ascii = line("http://h/caf\u{e9}?token=hunter2".as_bytes());
        assert_eq!(
            shown("referer", beyond_ascii),
            "http://h/caf\u{e9}?token=REDACTED"
        );
        assert_eq!(shown("x-tenant-id", line(b"acme")), "acme");
        assert_eq!(shown("x-name", line(b"J\xfcrgen")), "J\u{fffd}rgen");
        assert_eq!(shown("x-name", line(b"a\xc2\x9b31m\tb")), "a\u{fffd}31m\tb");
        let mut sensitive = line(b"acme");
        sensitive.set_sensitive(true);
        assert_eq!(shown("x-tenant-id", sensitive), "REDACTED");
    }
}
