//! `Server-Timing` of a response: the input's lines are its field lines.

use hopline_core::SpanContext;
use hopline_http::server_timing::{announce_kept, is_kept};
use http::{HeaderMap, HeaderValue};

const SPAN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// An announcement of a kept trace is read behind any other text, and nothing without the id of the trace counts as one.
pub fn server_timing(data: &[u8]) {
    let span: SpanContext = SPAN.parse().expect("it is valid");
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(line) = HeaderValue::from_bytes(line) {
            headers.append("server-timing", line);
        }
    }
    let id = span.trace_id().to_string();
    let says = |line: &[u8]| line.windows(id.len()).any(|text| text == id.as_bytes());
    let kept = is_kept(&headers, span.trace_id());
    assert!(!kept || headers.values().any(|line| says(line.as_bytes())));
    announce_kept(&mut headers, &span);
    assert!(is_kept(&headers, span.trace_id()));
}
