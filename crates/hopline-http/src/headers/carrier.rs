//! Carriers over `HeaderMap`: a context is read from a request's headers and written to a call's.

use hopline_core::propagation::{BAGGAGE, TRACEPARENT, TRACESTATE};
use hopline_core::{Baggage, Extract, Inject};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Reads a context from the headers of a request.
///
/// Passes on each field line of a name, in order, as bytes: the parsers of the core decide about duplicates and
/// malformed values.
///
/// # Examples
///
/// ```
/// use hopline_core::Incoming;
/// use hopline_http::HeaderExtractor;
/// use http::{HeaderMap, HeaderValue};
///
/// let mut headers = HeaderMap::new();
/// headers.insert("baggage", HeaderValue::from_static("tenant_id=acme"));
/// let incoming = Incoming::extract(&HeaderExtractor(&headers));
/// assert_eq!(incoming.baggage.get("tenant_id").as_deref(), Some("acme"));
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a newtype around the headers")]
pub struct HeaderExtractor<'a>(pub &'a HeaderMap);

impl Extract for HeaderExtractor<'_> {
    fn each_value(&self, name: &str, found: &mut dyn FnMut(&[u8])) {
        // a static name is looked up without being parsed again
        let values = match trace_header(name) {
            Some(known) if lacks_by_scan(self.0, known) => return,
            Some(known) => self.0.get_all(known),
            None => self.0.get_all(name),
        };
        values.iter().for_each(|value| found(value.as_bytes()));
    }
}

/// Number of headers up to which a scan is faster than a hash: standard names differ from ours in their first byte of
/// representation.
const MAX_SCAN: usize = 16;

/// Writes a context into the headers of a request. Replaces the headers of the same name.
///
/// A value that is not valid in a header is left out, as is any value if the map is full. Nothing panics.
///
/// # Examples
///
/// ```
/// use hopline_core::Inject;
/// use hopline_http::HeaderInjector;
///
/// let mut headers = http::HeaderMap::new();
/// HeaderInjector(&mut headers).set("tracestate", "vendor=1");
/// HeaderInjector(&mut headers).set("baggage", "not\na value");
/// assert_eq!(headers["tracestate"], "vendor=1");
/// assert!(!headers.contains_key("baggage"));
/// ```
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a newtype around the headers")]
pub struct HeaderInjector<'a>(pub &'a mut HeaderMap);

impl Inject for HeaderInjector<'_> {
    fn set(&mut self, name: &'static str, value: &str) {
        let (Some(name), Ok(value)) = (header_name(name), HeaderValue::from_str(value)) else {
            return;
        };
        // if the application has filled the map, the request is sent without trace headers
        let _ = self.0.try_insert(name, value);
    }

    fn remove(&mut self, name: &'static str) {
        match trace_header(name) {
            Some(known) if lacks_by_scan(self.0, known) => {}
            Some(known) => drop(self.0.remove(known)),
            None => drop(self.0.remove(name)),
        }
    }
}

/// Converts a name. The names that hopline sends need no allocation.
fn header_name(name: &'static str) -> Option<HeaderName> {
    let known = trace_header(name).cloned();
    known.or_else(|| HeaderName::from_bytes(name.as_bytes()).ok())
}

/// Writes a context into the headers of a call, and keeps the baggage that the application set there.
pub(crate) struct CallInjector<'a>(pub(crate) &'a mut HeaderMap);

impl Inject for CallInjector<'_> {
    fn set(&mut self, name: &'static str, value: &str) {
        if name == BAGGAGE && has(self.0, BAGGAGE) {
            // the parts were read from headers, so the result is valid in one
            if let Ok(joined) = HeaderValue::from_bytes(&joined_baggage(self.0, value)) {
                self.0.insert(BAGGAGE, joined);
            }
        } else {
            HeaderInjector(self.0).set(name, value);
        }
    }

    fn remove(&mut self, name: &'static str) {
        if name != BAGGAGE {
            HeaderInjector(self.0).remove(name);
        }
    }
}

/// Appends to the application's baggage the members of `more` that have other keys, within the limits of W3C Baggage
/// (section 3.3.2: 64 members, 8192 bytes).
#[cold]
fn joined_baggage(headers: &HeaderMap, more: &str) -> Vec<u8> {
    const MAX_BYTES: usize = 8192;
    const MAX_MEMBERS: usize = 64;
    let lines = || headers.get_all(BAGGAGE).iter().map(HeaderValue::as_bytes);
    let (set, dropped) = Baggage::parse(lines());
    let mut room = MAX_MEMBERS.saturating_sub(set.len() + dropped as usize);
    let mut joined = lines().collect::<Vec<_>>().join(&b","[..]);
    for member in more.split(',') {
        let key = member.split_once('=').map_or(member, |(key, _)| key);
        if set.get(key).is_none() && room > 0 && joined.len() + 1 + member.len() <= MAX_BYTES {
            joined.push(b',');
            joined.extend_from_slice(member.as_bytes());
            room -= 1;
        }
    }
    joined
}

/// Returns true if the header is there.
fn has(headers: &HeaderMap, name: &str) -> bool {
    match trace_header(name) {
        Some(known) if lacks_by_scan(headers, known) => false,
        _ => headers.contains_key(name),
    }
}

/// Returns true if a scan of a small map shows that it lacks the header. False in a large map, which is then searched.
#[inline]
fn lacks_by_scan(headers: &HeaderMap, known: &HeaderName) -> bool {
    headers.keys_len() <= MAX_SCAN && headers.keys().all(|name| name != known)
}

/// Returns the parsed form of a name that hopline sends.
#[inline]
fn trace_header(name: &str) -> Option<&'static HeaderName> {
    static TRACEPARENT_NAME: HeaderName = HeaderName::from_static(TRACEPARENT);
    static TRACESTATE_NAME: HeaderName = HeaderName::from_static(TRACESTATE);
    static BAGGAGE_NAME: HeaderName = HeaderName::from_static(BAGGAGE);
    match name {
        TRACEPARENT => Some(&TRACEPARENT_NAME),
        TRACESTATE => Some(&TRACESTATE_NAME),
        BAGGAGE => Some(&BAGGAGE_NAME),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hopline_core::Incoming;

    #[test]
    fn all_lines_are_read_and_one_is_written() {
        let mut headers = HeaderMap::new();
        headers.append(
            "traceparent",
            HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        );
        headers.append("tracestate", HeaderValue::from_static("a=1"));
        headers.append("tracestate", HeaderValue::from_static("b=2"));
        let parent = Incoming::extract(&HeaderExtractor(&headers))
            .parent
            .unwrap();
        assert_eq!(parent.tracestate().as_str(), "a=1,b=2");

        let mut injector = HeaderInjector(&mut headers);
        injector.set("tracestate", "c=3");
        injector.set("baggage", "not\na value");
        assert_eq!(headers.get_all("tracestate").iter().count(), 1);
        assert!(headers.get("baggage").is_none());
    }

    fn joined(lines: &[&[u8]], more: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(BAGGAGE, HeaderValue::from_bytes(line).unwrap());
        }
        CallInjector(&mut headers).set(BAGGAGE, more);
        headers
    }

    #[test]
    fn the_application_s_baggage_stays_and_the_context_s_follows() {
        for (lines, more, sent) in [
            (&[&b"a=1;p"[..]][..], "b=2", &b"a=1;p,b=2"[..]),
            (&[b"a=1", b"b=2"], "c=3;q,d=4", b"a=1,b=2,c=3;q,d=4"),
            // a proxy that copies all headers does not make them grow
            (&[b"a=1,b=2"], "a=1,b=2", b"a=1,b=2"),
            (&[b"a=mine"], "a=context,b=2", b"a=mine,b=2"),
            (&[b"bad \xff,a=1"], "b=2", b"bad \xff,a=1,b=2"),
            (&[], "b=2", b"b=2"),
        ] {
            let headers = joined(lines, more);
            let lines: Vec<_> = headers.get_all(BAGGAGE).iter().collect();
            assert_eq!((lines.len(), lines[0].as_bytes()), (1, sent));
        }
        let full = format!("k={}", "v".repeat(8180));
        assert_eq!(
            joined(&[full.as_bytes()], "b=23456789012,c=3")[BAGGAGE],
            format!("{full},c=3")
        );
        let many = (0..63)
            .map(|i| format!("k{i}=v"))
            .collect::<Vec<_>>()
            .join(",");
        assert_eq!(
            joined(&[many.as_bytes()], "b=2,c=3")[BAGGAGE],
            format!("{many},b=2")
        );
    }
}
