//! The request's span on its way from future to body.

use hopline_core::{Name, Span, semconv};
use hopline_http::{SpanName, announce_kept, attribute, fail_server};
use http::{Response, StatusCode};

use crate::route::RouteCell;

/// Ends once. A span that is dropped before it was told the outcome was cut short, and says so.
#[derive(Debug)]
pub(crate) struct Root {
    /// None once it has ended.
    pub(crate) span: Option<Span>,
    pub(crate) method: &'static str,
    pub(crate) head_only: bool,
    pub(crate) older_names: bool,
    pub(crate) announce_kept: bool,
    pub(crate) cell: Option<RouteCell>,
}

impl Root {
    /// Runs with the request's context current. A panic is the request's failure, and goes on.
    #[inline]
    pub(crate) fn in_scope<R>(&mut self, f: impl FnOnce() -> R) -> R {
        let mut watch = Watch {
            root: self,
            passed: false,
        };
        let result = match &mut watch.root.span {
            Some(span) => span.in_scope(f),
            None => f(),
        };
        watch.passed = true;
        result
    }

    /// The answer's head is there. True if nothing follows it.
    pub(crate) fn head<B>(&self, response: &mut Response<B>) -> bool {
        let status = response.status();
        if let Some(span) = &self.span {
            span.set(semconv::HTTP_RESPONSE_STATUS_CODE, status.as_u16());
            if self.older_names {
                span.set(attribute::older::STATUS_CODE, status.as_u16());
            }
            fail_server(span.context_ref(), status);
            if let Some(route) = self.cell.as_ref().and_then(RouteCell::get) {
                span.rename(Name::dynamic(
                    SpanName::new(self.method, Some(route)).as_str(),
                ));
                span.set(semconv::HTTP_ROUTE, route);
            }
            if self.announce_kept
                && span.context_ref().promise_keep()
                && let Some(context) = span.span_context()
            {
                announce_kept(response.headers_mut(), &context);
            }
        }
        let bodyless = matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::SWITCHING_PROTOCOLS
        );
        self.head_only || bodyless
    }

    pub(crate) fn fail(&mut self, error_type: &'static str) {
        if let Some(span) = self.span.take() {
            span.fail(error_type);
        }
    }

    pub(crate) fn end(&mut self) {
        self.span = None;
    }

    /// Moves the span on; this one has nothing to end any more.
    pub(crate) fn pass_on(&mut self) -> Self {
        let (span, cell) = (self.span.take(), self.cell.take());
        Self {
            span,
            cell,
            ..*self
        }
    }
}

impl Drop for Root {
    /// Not an error by itself: mostly the client is gone.
    fn drop(&mut self) {
        if let Some(span) = &self.span {
            span.cancel();
        }
    }
}

struct Watch<'a> {
    root: &'a mut Root,
    passed: bool,
}

impl Drop for Watch<'_> {
    /// Not passed means that a panic is passing by.
    #[inline]
    fn drop(&mut self) {
        if !self.passed {
            self.root.fail("panic");
        }
    }
}
