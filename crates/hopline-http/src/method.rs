//! Request methods, of which there are few.

use std::sync::OnceLock;

use http::Method;

/// The methods of RFC 9110, PATCH and QUERY.
const KNOWN: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY",
];

/// A request's method as spans show it: a known one, or `_OTHER`, so that callers cannot invent names.
///
/// `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`, a list separated by commas, replaces the known ones. It is
/// read once in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestMethod<'a> {
    known: Option<&'static str>,
    sent: &'a str,
}

impl<'a> RequestMethod<'a> {
    /// Looks a method up among the known ones, case-sensitively.
    pub fn new(method: &'a Method) -> Self {
        Self::among(known(), method.as_str())
    }

    /// The value of `http.request.method`.
    pub fn attribute(&self) -> &'static str {
        self.known.unwrap_or("_OTHER")
    }

    /// The method in a span's name.
    pub fn in_name(&self) -> &'static str {
        self.known.unwrap_or("HTTP")
    }

    /// The value of `http.request.method_original`, where the method is not a known one; at most 32 bytes.
    pub fn original(&self) -> Option<&'a str> {
        // methods are ASCII, so every byte is a character
        let short = self.sent.get(..32).unwrap_or(self.sent);
        self.known.is_none().then_some(short)
    }

    fn among(known: &'static [&'static str], sent: &'a str) -> Self {
        Self {
            known: known.iter().find(|method| **method == sent).copied(),
            sent,
        }
    }
}

fn known() -> &'static [&'static str] {
    static LIST: OnceLock<Vec<&'static str>> = OnceLock::new();
    LIST.get_or_init(
        || match std::env::var("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS") {
            Ok(list) if !list.trim().is_empty() => parse(list),
            _ => KNOWN.to_vec(),
        },
    )
}

/// The list lives as long as the process, so that span names can point into it.
fn parse(list: String) -> Vec<&'static str> {
    let list: &'static str = list.leak();
    list.split(',')
        .map(str::trim)
        .filter(|method| !method.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_methods_are_one() {
        let method = Method::from_bytes(b"get").unwrap();
        let read = RequestMethod::new(&method);
        assert_eq!(
            (read.attribute(), read.in_name(), read.original()),
            ("_OTHER", "HTTP", Some("get"))
        );
        let read = RequestMethod::new(&Method::PATCH);
        assert_eq!(
            (read.attribute(), read.in_name(), read.original()),
            ("PATCH", "PATCH", None)
        );
        let long = "X".repeat(1000);
        assert_eq!(
            RequestMethod::among(&KNOWN, &long).original().map(str::len),
            Some(32)
        );
    }

    #[test]
    fn the_list_can_be_replaced() {
        let known: &'static [&'static str] = parse(" GET, BREW ,".to_owned()).leak();
        assert_eq!(RequestMethod::among(known, "BREW").attribute(), "BREW");
        assert_eq!(RequestMethod::among(known, "POST").attribute(), "_OTHER");
    }
}
