//! Headers that are recorded as span attributes, by the application's list and the operator's.
//!
//! Called by the layers when a request or a response is recorded.

use std::borrow::Cow;

use hopline_core::redact::{REDACTED, Redaction};
use hopline_core::{Context, Name, Value, attr};
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::wanted::WantedHeaders;

/// Headers to record, each as an array of its field lines: `http.request.header.x-tenant-id`.
///
/// The list has the names that the application passes, and those that the operator sets in a variable, separated by
/// commas: `OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST`, `…_SERVER_RESPONSE`, `…_CLIENT_REQUEST`,
/// `…_CLIENT_RESPONSE`. The variables are read once in a process. Words that are not header names are ignored and
/// reported by a notice.
///
/// Credentials are never recorded, even if their headers are listed. [`Redaction::header`] redacts lines under secret
/// names (`authorization`, `cookie`, `x-api-key`, client certificates), credentials of any scheme, well-known tokens,
/// and secrets in URLs and parameters. Values marked as [sensitive](HeaderValue::is_sensitive) are `REDACTED` too.
///
/// # Examples
///
/// ```
/// use hopline_http::{HeaderCapture, Redaction};
/// use http::{HeaderMap, HeaderName, HeaderValue};
///
/// let names = ["x-tenant-id", "authorization"].map(HeaderName::from_static);
/// let capture = HeaderCapture::from_server_requests(names);
/// let mut headers = HeaderMap::new();
/// headers.insert("x-tenant-id", HeaderValue::from_static("acme"));
/// headers.insert("authorization", HeaderValue::from_static("Bearer hunter2"));
/// # use hopline_core::{SpanBuilder};
/// # let (tracer, spans) = hopline_testing::tracer("orders");
/// # let span = SpanBuilder::new("request").tracer(&tracer).start();
/// capture.record(span.context_ref(), &headers, &Redaction::default());
/// # span.end();
///
/// let span = &spans.named("request")[0];
/// let lines = |key: &str| format!("{:?}", span.attribute(key).unwrap());
/// assert!(lines("http.request.header.x-tenant-id").contains("acme"));
/// assert!(!lines("http.request.header.authorization").contains("hunter2"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct HeaderCapture(Vec<Captured>);

#[derive(Clone, Debug)]
struct Captured {
    name: HeaderName,
    key: String,
}

impl HeaderCapture {
    /// Records these headers of received requests.
    pub fn from_server_requests(names: impl IntoIterator<Item = HeaderName>) -> Self {
        let wanted = &WantedHeaders::from_env().server_requests;
        Self::new("http.request.header.", wanted, names)
    }

    /// Records these headers of the responses to received requests.
    pub fn from_server_responses(names: impl IntoIterator<Item = HeaderName>) -> Self {
        let wanted = &WantedHeaders::from_env().server_responses;
        Self::new("http.response.header.", wanted, names)
    }

    /// Records these headers of sent requests.
    pub fn from_client_requests(names: impl IntoIterator<Item = HeaderName>) -> Self {
        let wanted = &WantedHeaders::from_env().client_requests;
        Self::new("http.request.header.", wanted, names)
    }

    /// Records these headers of the responses to sent requests.
    pub fn from_client_responses(names: impl IntoIterator<Item = HeaderName>) -> Self {
        let wanted = &WantedHeaders::from_env().client_responses;
        Self::new("http.response.header.", wanted, names)
    }

    /// Reads the variables eagerly, so that mistakes in them are reported at startup.
    pub fn read_variables() {
        WantedHeaders::from_env();
    }

    /// Returns true if no header is recorded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Records the listed headers that are present on a span.
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
        match readable(line.as_bytes()) {
            Cow::Borrowed(text) => redaction.header(name, text),
            Cow::Owned(text) => redaction.header(name, &text).into_owned().into(),
        }
    }
}

/// Decodes a line as UTF-8, and replaces control characters, which terminals obey. A header holds none in ASCII except
/// the tabulator.
fn readable(line: &[u8]) -> Cow<'_, str> {
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
    fn lines_are_redacted_and_readable() {
        let shown = |name: &'static str, value: HeaderValue| {
            let capture = HeaderCapture::from_server_requests([HeaderName::from_static(name)]);
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
