//! Header maps as carriers of a context.

use hopline_core::{BAGGAGE, Extract, Inject, TRACEPARENT, TRACESTATE};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Reads a context from the headers of a request: every field line of a name, in order.
#[derive(Clone, Copy, Debug)]
pub struct HeaderExtractor<'a>(pub &'a HeaderMap);

impl Extract for HeaderExtractor<'_> {
    fn each_value(&self, name: &str, found: &mut dyn FnMut(&[u8])) {
        // a constant is looked up without reading its name again
        let values = match own(name) {
            Some(own) if surely_lacks(self.0, own) => return,
            Some(own) => self.0.get_all(own),
            None => self.0.get_all(name),
        };
        values.iter().for_each(|value| found(value.as_bytes()));
    }
}

/// Among so few headers it is seen in less time than a name is hashed that there is none of ours: names that HTTP
/// knows are told from it by their kind alone.
const FEW: usize = 16;

/// Writes a context into the headers of a request, instead of what is there.
///
/// What a header cannot hold is left out; nothing panics.
#[derive(Debug)]
pub struct HeaderInjector<'a>(pub &'a mut HeaderMap);

impl Inject for HeaderInjector<'_> {
    fn set(&mut self, name: &'static str, value: &str) {
        let (Some(name), Ok(value)) = (header_name(name), HeaderValue::from_str(value)) else {
            return;
        };
        // a full map is the application's; a request without trace headers is better than none
        let _ = self.0.try_insert(name, value);
    }

    fn remove(&mut self, name: &'static str) {
        match own(name) {
            Some(own) if surely_lacks(self.0, own) => {}
            Some(own) => drop(self.0.remove(own)),
            None => drop(self.0.remove(name)),
        }
    }
}

/// The names that hopline sends cost no allocation.
fn header_name(name: &'static str) -> Option<HeaderName> {
    let own = own(name).cloned();
    own.or_else(|| HeaderName::from_bytes(name.as_bytes()).ok())
}

/// True if there is no baggage in the headers, as far as that is seen at once.
pub(crate) fn surely_lack_baggage(headers: &HeaderMap) -> bool {
    own(BAGGAGE).is_some_and(|own| surely_lacks(headers, own))
}

#[inline]
fn surely_lacks(headers: &HeaderMap, own: &HeaderName) -> bool {
    headers.keys_len() <= FEW && headers.keys().all(|name| name != own)
}

#[inline]
fn own(name: &str) -> Option<&'static HeaderName> {
    static PARENT: HeaderName = HeaderName::from_static(TRACEPARENT);
    static STATE: HeaderName = HeaderName::from_static(TRACESTATE);
    static PAIRS: HeaderName = HeaderName::from_static(BAGGAGE);
    match name {
        TRACEPARENT => Some(&PARENT),
        TRACESTATE => Some(&STATE),
        BAGGAGE => Some(&PAIRS),
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
}
