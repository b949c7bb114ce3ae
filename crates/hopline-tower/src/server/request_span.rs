//! The span of a request, from the first header to the last byte of the response.
//!
//! | moment | called by | method |
//! |---|---|---|
//! | the request arrives | `service.rs` | fields filled by [`PooledSpan::new`](super::pooled_span::PooledSpan::new) |
//! | the inner service runs | `future.rs`, `body.rs` | [`in_scope`](RequestSpan::in_scope) |
//! | the head of the response is there | `future.rs` | [`response_head`](RequestSpan::response_head) |
//! | data and trailers are sent | `body.rs` | [`first_byte`](RequestSpan::first_byte), [`trailers`](RequestSpan::trailers) |
//! | the last byte is sent | `future.rs`, `body.rs` | [`end`](RequestSpan::end) |
//! | the service, or the body, fails or panics | `future.rs`, `body.rs` | [`fail`](RequestSpan::fail) |
//! | future or body is dropped before its end | `pooled_span.rs` | [`close`](RequestSpan::close) |

use std::sync::{Arc, Once};

use bytes::Buf;
use hopline_core::{Context, Literal, Name, Span, attr, contained, notify, semconv};
use hopline_http::body::data_bytes;
use hopline_http::server::record_status;
use hopline_http::{SpanName, attribute};
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{Response, StatusCode};
use http_body::{Body, Frame};

use super::grpc::GrpcCall;
use super::metrics::RequestMetrics;
use super::options::Options;
use super::route_cell::RouteCell;
use super::trace_headers::TraceHeaders;

/// The span and what is recorded with it later. It ends once; if it is [closed](Self::close) before, it was cancelled.
#[derive(Debug, Default)]
pub(crate) struct RequestSpan {
    /// None once it has ended.
    pub(crate) span: Option<Span>,
    /// The method in the span's name.
    pub(crate) method: &'static str,
    /// The status of the response, recorded at the end.
    pub(crate) status: Option<StatusCode>,
    /// The method is HEAD: no body follows.
    pub(crate) is_head_method: bool,
    /// The method is CONNECT: no body follows a success.
    pub(crate) is_connect_method: bool,
    /// Records older attribute names beside the current ones.
    pub(crate) older_names: bool,
    /// The trace headers to write.
    pub(crate) headers: TraceHeaders,
    /// The body was polled at least once.
    pub(crate) is_polled: bool,
    /// The first byte of the body was sent.
    pub(crate) has_first_byte: bool,
    /// The gRPC call, if the request is one.
    pub(crate) grpc: GrpcCall,
    /// Bytes of the body that the head has announced and that are not yet sent.
    pub(crate) bytes_left: Option<u64>,
    /// The cell for a route that becomes known late, until it is read.
    pub(crate) route: Option<RouteCell>,
    /// The notice to give if the request succeeds without a route.
    pub(crate) unrouted_notice: Option<&'static str>,
    /// Options that use the response.
    pub(crate) options: Option<Arc<Options>>,
    /// The metrics to report at the end. None without a meter; a box that was used once stays for the next request.
    pub(crate) metrics: Option<Box<RequestMetrics>>,
}

impl RequestSpan {
    /// Runs `f` with the request's context current. A panic fails the span and is passed on.
    #[inline]
    pub(crate) fn in_scope<R>(&mut self, f: impl FnOnce() -> R) -> R {
        let mut guard = PanicGuard {
            span: self,
            has_returned: false,
        };
        let result = match &mut guard.span.span {
            Some(span) => span.in_scope(f),
            None => f(),
        };
        guard.has_returned = true;
        result
    }

    /// Returns true if the span is recording.
    #[inline]
    pub(crate) fn is_recording(&self) -> bool {
        recording(&self.span).is_some()
    }

    /// Starts a gRPC call with the path as the server routes it: the prefix of a nest is not part of the method.
    pub(crate) fn start_grpc(&mut self, path: &str) {
        self.grpc.start(recording(&self.span), path);
    }

    /// Runs a hook of the application if the span is recording. A panic in it is reported by a notice.
    pub(crate) fn run_hook(&self, hook: impl FnOnce(&Context)) {
        let Some(span) = recording(&self.span) else {
            return;
        };
        let effect = || "a hook of a TraceLayer panicked; its request continues".to_owned();
        contained("hook", effect, || hook(span.context_ref()));
    }

    /// Records the head of the response, and writes the trace headers. Returns true if no body follows.
    pub(crate) fn response_head<B: Body>(&mut self, response: &mut Response<B>) -> bool {
        let status = response.status();
        let headers = response.headers();
        if self.grpc.is_active() {
            self.grpc.read_head(recording(&self.span), headers);
        }
        if self.grpc.is_active() {
            // the method is a better name than the route
            (self.route, self.unrouted_notice) = (None, None);
        }
        if let Some(span) = recording(&self.span) {
            record_status(span.context_ref(), status);
            // a stream has no known length, so other responses need no look at their headers
            if response.body().size_hint().exact().is_none() && is_sse(response.headers()) {
                span.set(attribute::STREAM, Literal("sse"));
            }
        }
        self.status = Some(status);
        self.read_route();
        if let Some(text) = self.unrouted_notice.take().filter(|_| status.is_success()) {
            notify_unrouted(text);
        }
        if let Some(options) = self.options.take() {
            self.apply_options(&options, response);
        }
        if let Some(span) = &self.span {
            self.headers.write(span, response.headers_mut());
        }
        let has_no_body = matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::SWITCHING_PROTOCOLS
        );
        self.is_head_method || has_no_body || (self.is_connect_method && status.is_success())
    }

    /// Records the time to the first byte, once: at data of the body that is not its last.
    pub(crate) fn first_byte(&mut self) {
        if !std::mem::replace(&mut self.has_first_byte, true)
            && let Some(span) = &self.span
            && let Some(time) = span.context_ref().elapsed()
        {
            span.set(attribute::TIME_TO_FIRST_BYTE, time.as_secs_f64());
        }
    }

    /// Counts a frame of the response that was sent.
    #[inline]
    pub(crate) fn sent<D: Buf>(&mut self, frame: &Frame<D>) {
        if let Some(metrics) = &mut self.metrics {
            metrics.count_response(|| data_bytes(frame));
        }
    }

    /// Reads data for the gRPC call.
    pub(crate) fn grpc_data(&mut self, bytes: &[u8]) {
        self.grpc.read_data(recording(&self.span), bytes);
    }

    /// Reads the trailers, which hold the status of a gRPC call.
    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        self.grpc.read_trailers(recording(&self.span), trailers);
    }

    /// Fails the span and ends it.
    pub(crate) fn fail(&mut self, error_type: &'static str) {
        self.read_route();
        if let Some(span) = &self.span {
            span.fail(error_type);
        }
        if let Some(metrics) = &mut self.metrics {
            metrics.fail(error_type);
        }
        self.end();
    }

    /// Ends the span. No effect after the first time.
    pub(crate) fn end(&mut self) {
        // without a response, nothing shows whether the method exists
        if self.grpc.is_active() && self.status.is_some() {
            self.grpc.end(recording(&self.span));
        }
        let Some(span) = self.span.take() else { return };
        let (status, older_names) = (self.status, self.older_names);
        let attrs = move || {
            let status = status.map(|status| status.as_u16());
            let older = status.filter(|_| older_names);
            [
                attr(semconv::HTTP_RESPONSE_STATUS_CODE, status),
                attr(attribute::older::STATUS_CODE, older),
            ]
        };
        match self
            .metrics
            .as_deref_mut()
            .filter(|metrics| metrics.is_running())
        {
            Some(metrics) => metrics.end(span, attrs, self.status, &self.grpc),
            None => span.end_with(attrs),
        }
    }

    /// Ends a span that has not ended, as cancelled, and drops everything that it holds.
    pub(crate) fn close(&mut self) {
        self.read_route();
        if let Some(span) = &self.span {
            // a body that was never polled was replaced by a layer outside, so the client may still be there
            if self.is_polled || self.status.is_none() {
                span.cancel();
                if let Some(metrics) = &mut self.metrics {
                    metrics.fail("cancelled");
                }
            } else if let Some(metrics) = &mut self.metrics {
                metrics.forget_response();
            }
            self.end();
        }
        *self = Self {
            metrics: self.metrics.take(),
            ..Self::default()
        };
        if let Some(metrics) = &mut self.metrics {
            metrics.recycle();
        }
    }

    /// Names the span by a late route, if there is one.
    fn read_route(&mut self) {
        let Some(cell) = self.route.take() else {
            return;
        };
        if let (Some(span), Some(route)) = (&self.span, cell.get()) {
            let name = SpanName::new(self.method, Some(route));
            span.rename(Name::dynamic(name.as_str()));
            span.set(semconv::HTTP_ROUTE, route);
            if let Some(metrics) = &mut self.metrics {
                metrics.set_route(route);
            }
            self.unrouted_notice = None;
        }
    }

    /// Records the response's headers, and runs the hook.
    fn apply_options<B>(&self, options: &Options, response: &mut Response<B>) {
        self.run_hook(|context| {
            options
                .response_headers
                .record(context, response.headers(), &options.redaction);
        });
        let Some(hook) = options.on_response.as_deref() else {
            return;
        };
        // the hook takes `Parts`, which are moved out of the response and back, also if the hook panics
        let mut parts = Response::new(()).into_parts().0;
        parts.status = response.status();
        parts.version = response.version();
        std::mem::swap(&mut parts.headers, response.headers_mut());
        std::mem::swap(&mut parts.extensions, response.extensions_mut());
        self.run_hook(|context| hook(context, &parts));
        std::mem::swap(&mut parts.headers, response.headers_mut());
        std::mem::swap(&mut parts.extensions, response.extensions_mut());
    }
}

/// A function of the field alone, so that other fields can be borrowed beside it.
#[inline]
fn recording(span: &Option<Span>) -> Option<&Span> {
    span.as_ref().filter(|span| span.is_recording())
}

/// Returns true for a response of server-sent events.
fn is_sse(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// Gives the notice once in a process: the layer's place does not change while it runs.
#[cold]
fn notify_unrouted(text: &'static str) {
    static GIVEN: Once = Once::new();
    GIVEN.call_once(|| notify("route", || text.to_owned()));
}

/// Watches a piece of code of the application for a panic.
struct PanicGuard<'a> {
    span: &'a mut RequestSpan,
    has_returned: bool,
}

impl Drop for PanicGuard<'_> {
    /// Fails the span if the guarded code panicked.
    #[inline]
    fn drop(&mut self) {
        if !self.has_returned {
            self.span.fail("panic");
        }
    }
}
