//! Header maps as carriers of a context.

use hopline_core::{BAGGAGE, Extract, Inject, TRACEPARENT, TRACESTATE};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Reads a context from the headers of a request: every field line of a name, in order.
#[derive(Clone, Copy, Debug)]
pub struct HeaderExtractor<'a>(pub &'a HeaderMap);

impl Extract for HeaderExtractor<'_> {
    fn each_value(&self, name: &str, found: &mut dyn FnMut(&[u8])) {
        // a constant is looked up without reading its name again
        let Some(own) = OWN.iter().find(|own| own.as_str() == name) else {
            let values = self.0.get_all(name).iter();
            return values.for_each(|value| found(value.as_bytes()));
        };
        if self.0.keys_len() > FEW {
            let values = self.0.get_all(own).iter();
            return values.for_each(|value| found(value.as_bytes()));
        }
        let own = self.0.iter().filter(|(name, _)| *name == own);
        own.for_each(|(_, value)| found(value.as_bytes()));
    }
}

/// So few headers are looked through in less time than a name is hashed: names that HTTP knows are told from ours by
/// their kind alone.
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
        self.0.remove(name);
    }
}

static OWN: [HeaderName; 3] = [
    HeaderName::from_static(TRACEPARENT),
    HeaderName::from_static(TRACESTATE),
    HeaderName::from_static(BAGGAGE),
];

/// The names that hopline sends cost no allocation.
fn header_name(name: &'static str) -> Option<HeaderName> {
    let own = OWN.iter().find(|own| own.as_str() == name).cloned();
    own.or_else(|| HeaderName::from_bytes(name.as_bytes()).ok())
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
