//! Assertions on one span.
//!
//! [`Spans::one`](crate::Spans::one) makes it; tests chain its methods.

use std::ops::Deref;

use hopline_core::SpanKind;
use hopline_core::export::{OwnedValue, SpanData};

/// One span with assertions that can be chained. Derefs to [`SpanData`].
///
/// # Panics
///
/// Each assertion panics if it does not hold; the message shows the span.
///
/// # Examples
///
/// ```
/// use hopline_core::{Incoming, SpanBuilder, SpanKind};
///
/// let (tracer, spans) = hopline_testing::tracer("orders");
/// let request = SpanBuilder::new("GET /orders").kind(SpanKind::Server).tracer(&tracer).parent(Incoming::default()).start();
/// request.set("order.id", 7);
/// request.fail("500");
/// request.end();
/// let span = spans.one("GET /orders").root().kind(SpanKind::Server).attribute("order.id", 7).failed("500");
/// assert_eq!(span.events.len(), 0); // any field of `SpanData`
/// ```
#[derive(Clone, Debug)]
pub struct SpanAssert {
    span: SpanData,
    all: Vec<SpanData>,
}

impl SpanAssert {
    pub(crate) fn new(span: SpanData, all: Vec<SpanData>) -> Self {
        Self { span, all }
    }

    /// Asserts that it has this attribute.
    #[track_caller]
    pub fn attribute(self, key: &str, value: impl Into<OwnedValue>) -> Self {
        let value = value.into();
        assert_eq!(
            self.span.attribute(key),
            Some(&value),
            "`{key}` of {:#?}",
            self.span
        );
        self
    }

    /// Asserts that it has no attribute with this key.
    #[track_caller]
    pub fn no_attribute(self, key: &str) -> Self {
        assert_eq!(
            self.span.attribute(key),
            None,
            "`{key}` of {:#?}",
            self.span
        );
        self
    }

    /// Asserts its kind.
    #[track_caller]
    pub fn kind(self, kind: SpanKind) -> Self {
        assert_eq!(self.span.kind, kind, "the kind of {:#?}", self.span);
        self
    }

    /// Asserts the name of the library that recorded it; `hopline` for spans of the application.
    #[track_caller]
    pub fn scope(self, name: &str) -> Self {
        assert_eq!(self.span.scope.name, name, "the scope of {:#?}", self.span);
        self
    }

    /// Asserts that it failed with this `error.type`.
    #[track_caller]
    pub fn failed(self, error_type: &str) -> Self {
        assert!(self.span.is_error(), "not an error: {:#?}", self.span);
        self.attribute("error.type", error_type)
    }

    /// Asserts that it did not fail.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(!self.span.is_error(), "an error: {:#?}", self.span);
        self.no_attribute("error.type")
    }

    /// Asserts that its parent is a span of this name.
    #[track_caller]
    pub fn child_of(self, name: &str) -> Self {
        let parent = self.all.iter().find(|span| {
            Some(span.span_id) == self.span.parent && span.trace_id == self.span.trace_id
        });
        assert_eq!(
            parent.map(|parent| parent.name.as_str()),
            Some(name),
            "the parent of {:#?}",
            self.span
        );
        self
    }

    /// Asserts that it has no parent.
    #[track_caller]
    pub fn root(self) -> Self {
        assert_eq!(self.span.parent, None, "the parent of {:#?}", self.span);
        self
    }
}

impl Deref for SpanAssert {
    type Target = SpanData;

    fn deref(&self) -> &SpanData {
        &self.span
    }
}
