//! The request's span on its way from future to body.

use std::sync::{Arc, Once};

use hopline_core::{Literal, Name, Span, attr, notify, semconv};
use hopline_http::grpc::{is_grpc, is_grpc_web};
use hopline_http::{SpanName, announce_kept, announce_trace, attribute, fail_server};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode, Version};
use http_body::Body;

use crate::layer::Tell;
use crate::options::Options;
use crate::route::RouteCell;

const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// Ends once. A span that is closed before it was told the outcome was cut short, and says so.
#[derive(Debug, Default)]
pub(crate) struct Root {
    /// None once it has ended.
    pub(crate) span: Option<Span>,
    pub(crate) method: &'static str,
    /// Of the answer, to be recorded with the end.
    pub(crate) status: Option<StatusCode>,
    pub(crate) head_only: bool,
    pub(crate) connect: bool,
    pub(crate) older_names: bool,
    pub(crate) tell: Tell,
    /// The body was asked for.
    pub(crate) polled: bool,
    /// The first byte has gone out.
    pub(crate) first_byte: bool,
    pub(crate) is_grpc: bool,
    /// The answer is of gRPC-web, whose trailers are in the body.
    pub(crate) is_grpc_web: bool,
    /// Bytes of the body that the head has promised and that are still to come.
    pub(crate) left: Option<u64>,
    /// The method of a gRPC request, until it is certain whether the server knows it.
    pub(crate) grpc: Option<Box<str>>,
    /// The span has its `rpc.method`.
    pub(crate) grpc_named: bool,
    /// Where a route that is known late is found, until it was.
    pub(crate) cell: Option<RouteCell>,
    /// The notice to give if the request succeeds without a route.
    pub(crate) unrouted: Option<&'static str>,
    /// Present if something is to be done with the answer.
    pub(crate) options: Option<Arc<Options>>,
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

    /// The span, if there is something to be recorded on it.
    #[inline]
    pub(crate) fn recorded(&self) -> Option<&Span> {
        self.span.as_ref().filter(|span| span.is_recording())
    }

    /// The answer's head is there. True if nothing follows it.
    pub(crate) fn head<B: Body>(&mut self, response: &mut Response<B>) -> bool {
        let status = response.status();
        let headers = response.headers();
        if self.is_grpc {
            self.is_grpc_web = is_grpc_web(headers);
            self.is_grpc = self.is_grpc_web || is_grpc(Version::HTTP_2, headers);
        }
        if self.is_grpc {
            // a method is a better name than a route
            (self.cell, self.unrouted) = (None, None);
            self.grpc_head(headers);
        }
        if let Some(span) = self.recorded() {
            fail_server(span.context_ref(), status);
            // an answer of a known length is no stream, so its headers need no look
            if response.body().size_hint().exact().is_none() && is_sse(response.headers()) {
                span.set(attribute::STREAM, Literal("sse"));
            }
        }
        self.status = Some(status);
        self.learn_route();
        if let Some(text) = self.unrouted.take().filter(|_| status.is_success()) {
            unrouted(text);
        }
        if let Some(options) = self.options.take() {
            self.show(&options, response);
        }
        if let Some(span) = &self.span {
            tell(self.tell, span, response.headers_mut());
        }
        let bodyless = matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::SWITCHING_PROTOCOLS
        );
        self.head_only || bodyless || (self.connect && status.is_success())
    }

    /// Bytes of the body go out, and it is not at its end with them.
    pub(crate) fn bytes(&mut self) {
        if !std::mem::replace(&mut self.first_byte, true)
            && let Some(span) = &self.span
            && let Some(time) = span.context_ref().elapsed()
        {
            span.set(attribute::TIME_TO_FIRST_BYTE, time.as_secs_f64());
        }
    }

    pub(crate) fn fail(&mut self, error_type: &'static str) {
        self.learn_route();
        if let Some(span) = &self.span {
            span.fail(error_type);
        }
        self.end();
    }

    pub(crate) fn end(&mut self) {
        // without an answer, it is unknown whether it is a method
        if self.is_grpc && self.status.is_some() {
            self.grpc_method(false);
        }
        let Some(span) = self.span.take() else { return };
        let status = self.status.map(|status| status.as_u16());
        let older = status.filter(|_| self.older_names);
        span.end_with(|| {
            [
                attr(semconv::HTTP_RESPONSE_STATUS_CODE, status),
                attr(attribute::older::STATUS_CODE, older),
            ]
        });
    }

    /// Ends what has not ended, and lets go of all that it holds. No error by itself: mostly the client is gone.
    pub(crate) fn close(&mut self) {
        self.learn_route();
        if let Some(span) = &self.span {
            // a body that was never asked for was replaced outside, and is no evidence about the client
            if self.polled || self.status.is_none() {
                span.cancel();
            }
            self.end();
        }
        *self = Self::default();
    }

    /// Names the span by a route that is known by now.
    fn learn_route(&mut self) {
        let Some(cell) = self.cell.take() else { return };
        if let (Some(span), Some(route)) = (&self.span, cell.get()) {
            let name = SpanName::new(self.method, Some(route));
            span.rename(Name::dynamic(name.as_str()));
            span.set(semconv::HTTP_ROUTE, route);
            self.unrouted = None;
        }
    }

    /// Records the answer's headers and runs the hook of the application.
    fn show<B>(&self, options: &Options, response: &mut Response<B>) {
        self.tell(|context| {
            options
                .response_headers
                .record(context, response.headers(), &options.redaction);
        });
        let Some(hook) = options.on_response.as_deref() else {
            return;
        };
        // the hook sees the parts as they are; they are put together again whatever it does
        let mut parts = Response::new(()).into_parts().0;
        parts.status = response.status();
        parts.version = response.version();
        std::mem::swap(&mut parts.headers, response.headers_mut());
        std::mem::swap(&mut parts.extensions, response.extensions_mut());
        self.tell(|context| hook(context, &parts));
        std::mem::swap(&mut parts.headers, response.headers_mut());
        std::mem::swap(&mut parts.extensions, response.extensions_mut());
    }
}

/// Writes what the response is to say of its trace.
fn tell(tell: Tell, span: &Span, headers: &mut HeaderMap) {
    let kept = tell.kept && span.context_ref().promise_keep();
    if !(kept || tell.server_timing || tell.trace_id) {
        return;
    }
    let Some(context) = span.span_context() else {
        return;
    };
    if kept {
        announce_kept(headers, &context);
    } else if tell.server_timing {
        announce_trace(headers, &context);
    }
    // an id is of hexadecimal digits, so this cannot fail
    if tell.trace_id
        && let Ok(id) = HeaderValue::try_from(context.trace_id().to_string())
    {
        headers.insert(X_TRACE_ID, id);
    }
}

fn is_sse(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// Once: it is a mistake in how the service is put together, and stays one.
#[cold]
fn unrouted(text: &'static str) {
    static GIVEN: Once = Once::new();
    GIVEN.call_once(|| notify("route", || text.to_owned()));
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
