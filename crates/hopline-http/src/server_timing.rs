//! What a response says of its trace: `Server-Timing: trace;desc=…`, Trace Context Level 3 (draft).

use hopline_core::{SpanContext, TraceFlags, TraceId};
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::quoted::split;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const METRIC: &str = "trace";

/// Says in a response that this service keeps the trace, whatever the request's sampled flag was.
///
/// # Examples
///
/// ```
/// use hopline_http::{announce_kept, is_kept};
///
/// let span = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00".parse()?;
/// let mut headers = http::HeaderMap::new();
/// announce_kept(&mut headers, &span);
/// assert_eq!(
///     headers["server-timing"],
///     "trace;desc=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
/// );
/// assert!(is_kept(&headers, span.trace_id()));
/// # Ok::<(), hopline_core::ParseTraceParentError>(())
/// ```
pub fn announce_kept(headers: &mut HeaderMap, span: &SpanContext) {
    let flags = span.flags() | TraceFlags::SAMPLED;
    announce_trace(
        headers,
        &SpanContext::new(span.trace_id(), span.span_id(), flags),
    );
}

/// Says in a response which trace its request is a part of, and whether that is sampled.
pub fn announce_trace(headers: &mut HeaderMap, span: &SpanContext) {
    // it is of hexadecimal digits and dashes, so this cannot fail
    if let Ok(value) = HeaderValue::try_from(format!("{METRIC};desc={span}")) {
        headers.append(SERVER_TIMING, value);
    }
}

/// True if a response says that its service keeps this trace.
///
/// What is malformed, or of another trace, does not count.
pub fn is_kept(headers: &HeaderMap, trace_id: TraceId) -> bool {
    let lines = headers.get_all(SERVER_TIMING).iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    let mut metrics = texts.flat_map(|text| split(text, ','));
    metrics.any(|metric| {
        described(metric).is_some_and(|span| span.is_sampled() && span.trace_id() == trace_id)
    })
}

/// What the metric named `trace` describes.
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
    fn the_metric_is_found_among_others() {
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
    fn what_does_not_say_it_of_this_trace_does_not_count() {
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
