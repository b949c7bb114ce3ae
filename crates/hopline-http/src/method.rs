//! Bounded request methods: a known one, or `_OTHER` for the rest.
//!
//! Called for each request and call; the name of a span begins with the method.

use std::sync::OnceLock;

use http::Method;

/// The methods of RFC 9110, PATCH and QUERY.
const KNOWN: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY",
];

/// A request method as spans record it: a known method, or `_OTHER`, so that callers cannot create span names.
///
/// The known methods are those of RFC 9110, `PATCH` and `QUERY`. `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`, a list
/// separated by commas, replaces them; it is read once in a process.
///
/// Borrows the method of the request: nothing is allocated.
///
/// # Examples
///
/// ```
/// use hopline_http::RequestMethod;
/// use http::Method;
///
/// assert_eq!(RequestMethod::new(&Method::PUT).attribute(), "PUT");
/// let brew = Method::from_bytes(b"BREW").unwrap();
/// let brew = RequestMethod::new(&brew);
/// assert_eq!((brew.attribute(), brew.in_name(), brew.original()), ("_OTHER", "HTTP", Some("BREW")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestMethod<'a> {
    /// The method in the list of known ones, if it is there.
    known: Option<&'static str>,
    /// The method as it was sent.
    sent: &'a str,
}

impl<'a> RequestMethod<'a> {
    /// Looks up a method among the known ones. Case-sensitive, as methods are (RFC 9110, section 9.1).
    pub fn new(method: &'a Method) -> Self {
        Self::among(known(), method.as_str())
    }

    /// Returns the value of `http.request.method`: the method or `_OTHER`.
    pub fn attribute(&self) -> &'static str {
        self.known.unwrap_or("_OTHER")
    }

    /// Returns the method for a span's name: the method or `HTTP`, as the semantic conventions require.
    pub fn in_name(&self) -> &'static str {
        self.known.unwrap_or("HTTP")
    }

    /// Returns the value of `http.request.method_original` if the method is not known. Cut to 32 bytes.
    pub fn original(&self) -> Option<&'a str> {
        // methods are ASCII, so every byte is a character
        let short = self.sent.get(..32).unwrap_or(self.sent);
        self.known.is_none().then_some(short)
    }

    /// Looks up a method in a list.
    fn among(known: &'static [&'static str], sent: &'a str) -> Self {
        Self {
            known: known.iter().find(|method| **method == sent).copied(),
            sent,
        }
    }
}

/// Returns the known methods: those of the variable, else those of the standard.
fn known() -> &'static [&'static str] {
    // `OnceLock`: all threads read the list, and the first request writes it
    static LIST: OnceLock<Vec<&'static str>> = OnceLock::new();
    LIST.get_or_init(
        || match std::env::var("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS") {
            Ok(list) if !list.trim().is_empty() => parse(list),
            _ => KNOWN.to_vec(),
        },
    )
}

/// Parses the variable. The text is leaked once, so that span names can borrow from it.
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
    fn an_unknown_method_is_other() {
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
