//! Trace ids in responses: `Server-Timing: trace;desc=…`, from the draft of Trace Context Level 3.
//!
//! Server layers write the header; clients read it to keep their part of a trace that failed in the callee.

use hopline_core::{SpanContext, TraceFlags, TraceId};
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::headers::split;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const METRIC: &str = "trace";

/// Adds a header that announces that this service keeps the trace: the span context with the sampled flag set.
///
/// # Examples
///
/// ```
/// use hopline_http::server_timing::{announce_kept, is_kept};
///
/// let span = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00".parse()?;
/// let mut headers = http::HeaderMap::new();
/// announce_kept(&mut headers, &span);
/// assert_eq!(
///     headers["server-timing"],
///     "trace;desc=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
/// );
/// assert!(is_kept(&headers, span.trace_id()));
/// # Ok::<(), hopline_core::propagation::ParseTraceParentError>(())
/// ```
pub fn announce_kept(headers: &mut HeaderMap, span: &SpanContext) {
    let flags = span.flags() | TraceFlags::SAMPLED;
    announce_trace(
        headers,
        &SpanContext::new(span.trace_id(), span.span_id(), flags),
    );
}

/// Adds a header with the span context of the request: trace id, span id, and the sampled flag as it is.
///
/// # Examples
///
/// ```
/// use hopline_http::server_timing::{announce_trace, is_kept};
///
/// let span = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00".parse()?;
/// let mut headers = http::HeaderMap::new();
/// announce_trace(&mut headers, &span);
/// assert!(headers.contains_key("server-timing"));
/// assert!(!is_kept(&headers, span.trace_id()), "it is not sampled");
/// # Ok::<(), hopline_core::propagation::ParseTraceParentError>(())
/// ```
pub fn announce_trace(headers: &mut HeaderMap, span: &SpanContext) {
    // cannot fail: the value has only hexadecimal digits and dashes
    if let Ok(value) = HeaderValue::try_from(format!("{METRIC};desc={span}")) {
        headers.append(SERVER_TIMING, value);
    }
}

/// Returns true if the response announces that its service keeps this trace.
///
/// Malformed metrics and those of other traces are ignored.
pub fn is_kept(headers: &HeaderMap, trace_id: TraceId) -> bool {
    let lines = headers.get_all(SERVER_TIMING).iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    let mut metrics = texts.flat_map(|text| split(text, ','));
    metrics.any(|metric| {
        described(metric).is_some_and(|span| span.is_sampled() && span.trace_id() == trace_id)
    })
}

/// Parses the span context in the description of the metric `trace`.
fn described(metric: &str) -> Option<SpanContext> {
    let mut parts = split(metric, ';').map(str::trim);
    parts
        .next()
        .filter(|name| name.eq_ignore_ascii_case(METRIC))?;
    let desc = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim_end()
            .eq_ignore_ascii_case("desc")
            .then_some(value)
    })?;
    desc.trim().trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn kept(lines: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SERVER_TIMING, HeaderValue::from_str(line).unwrap());
        }
        is_kept(&headers, TRACE.parse().unwrap())
    }

    #[test]
    fn the_metric_is_found_among_other_metrics() {
        let desc = format!("00-{TRACE}-00f067aa0ba902b7-01");
        for line in [
            format!("trace;desc={desc}"),
            format!("Trace ; dur=5 ; Desc = {desc}"),
            format!("trace;desc=\"{desc}\""),
            format!("db;dur=53, trace;desc={desc}"),
            format!("db;desc=\"a, b; \\\" c\",trace;desc={desc}"),
        ] {
            assert!(kept(&[&line]), "{line}");
            assert!(kept(&["cache;dur=1", &line]), "{line}");
        }
    }

    #[test]
    fn a_malformed_metric_or_one_of_another_trace_is_ignored() {
        for line in [
            String::new(),
            "trace".to_owned(),
            format!("trace;desc=00-{TRACE}-00f067aa0ba902b7-00"),
            format!(
                "trace;desc=00-{}-00f067aa0ba902b7-01",
                TRACE.replace('4', "5")
            ),
            format!("trace;desc=00-{TRACE}-0000000000000000-01"),
            format!("trace;desc={TRACE}"),
            format!("tracer;desc=00-{TRACE}-00f067aa0ba902b7-01"),
            format!("db;desc=\"x,trace;desc=00-{TRACE}-00f067aa0ba902b7-01\""),
        ] {
            assert!(!kept(&[&line]), "{line}");
        }
    }
}
