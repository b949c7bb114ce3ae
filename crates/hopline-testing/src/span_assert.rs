//! One span, to be looked at.

use std::ops::Deref;

use hopline_core::SpanKind;
use hopline_core::export::{OwnedValue, SpanData};

/// One span, with readable assertions that can be chained. Derefs to [`SpanData`].
///
/// Every assertion panics with the span if it does not hold.
#[derive(Clone, Debug)]
pub struct SpanAssert {
    span: SpanData,
    all: Vec<SpanData>,
}

impl SpanAssert {
    pub(crate) fn new(span: SpanData, all: Vec<SpanData>) -> Self {
        Self { span, all }
    }

    /// It has this attribute.
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

    /// It has no attribute of this key.
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

    /// It is of this kind.
    #[track_caller]
    pub fn kind(self, kind: SpanKind) -> Self {
        assert_eq!(self.span.kind, kind, "the kind of {:#?}", self.span);
        self
    }

    /// The library of this name recorded it; `hopline` stands for the application.
    #[track_caller]
    pub fn scope(self, name: &str) -> Self {
        assert_eq!(self.span.scope.name, name, "the scope of {:#?}", self.span);
        self
    }

    /// It failed, with this `error.type`.
    #[track_caller]
    pub fn failed(self, error_type: &str) -> Self {
        assert!(self.span.is_error(), "not an error: {:#?}", self.span);
        self.attribute("error.type", error_type)
    }

    /// It did not fail.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(!self.span.is_error(), "an error: {:#?}", self.span);
        self.no_attribute("error.type")
    }

    /// A span of this name is its parent.
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

    /// It begins its trace.
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
