//! Names of HTTP spans, for layers that learn the route after the start of the span.
//!
//! Spans whose route is known at the start take method and route as two parts, which the core joins.

/// The name `{method} {target}`, or `{method}`.
///
/// Names of up to 96 bytes are built on the stack: the trace copies the name anyway.
///
/// # Examples
///
/// ```
/// use hopline_http::SpanName;
///
/// assert_eq!(SpanName::new("GET", Some("/orders/{id}")).as_str(), "GET /orders/{id}");
/// assert_eq!(SpanName::new("GET", None).as_str(), "GET");
/// ```
#[derive(Clone, Debug)]
pub struct SpanName(Inner);

/// The text: bytes and their length, or a string.
#[derive(Clone, Debug)]
enum Inner {
    Stack([u8; STACK], usize),
    Heap(String),
}

/// Maximum length in bytes of a name that is built on the stack.
const STACK: usize = 96;

impl SpanName {
    /// Joins a method and an optional route or template. Do not pass a path: callers could create any number of names.
    pub fn new(method: &str, target: Option<&str>) -> Self {
        let Some(target) = target else {
            return Self::join([method, "", ""]);
        };
        Self::join([method, " ", target])
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // only whole strings are copied in, so the bytes are UTF-8
            Inner::Stack(bytes, len) => std::str::from_utf8(&bytes[..*len]).unwrap_or_default(),
            Inner::Heap(name) => name,
        }
    }

    /// Joins the parts on the stack if they fit, else on the heap.
    fn join(parts: [&str; 3]) -> Self {
        let len = parts.iter().map(|part| part.len()).sum();
        if len > STACK {
            return Self(Inner::Heap(parts.concat()));
        }
        let mut bytes = [0; STACK];
        let mut at = 0;
        for part in parts {
            bytes[at..at + part.len()].copy_from_slice(part.as_bytes());
            at += part.len();
        }
        Self(Inner::Stack(bytes, len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_length_are_whole() {
        assert_eq!(
            SpanName::new("GET", Some("/orders/{id}")).as_str(),
            "GET /orders/{id}"
        );
        assert_eq!(SpanName::new("GET", None).as_str(), "GET");
        for len in [STACK - 5, STACK - 4, STACK - 3, 1000] {
            let route = "r".repeat(len);
            assert_eq!(
                SpanName::new("GET", Some(&route)).as_str(),
                format!("GET {route}")
            );
        }
    }
}
