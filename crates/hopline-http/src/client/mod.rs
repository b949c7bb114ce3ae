//! Client spans of HTTP, and the headers that are sent with a call.
//!
//! Called by [`ClientLayer`](https://docs.rs/hopline-tower) and [`TraceMiddleware`](https://docs.rs/hopline-reqwest).

mod body;
mod call;
mod call_span;
mod extension;
mod hosts;
mod options;

use std::borrow::Cow;
use std::cell::OnceCell;

use hopline_core::{
    Context, InstrumentationScope, Literal, Name, Span, SpanBuilder, SpanKind, attr, semconv,
};
use http::{HeaderMap, StatusCode};

use crate::attribute::{self, protocol_version};
use crate::grpc::{self, is_grpc, is_grpc_web};
use crate::headers::CallInjector;
use crate::host::is_internal;
use crate::ip_text::IpText;
use crate::method::RequestMethod;
use crate::server_timing::is_kept;

pub use body::CallBody;
pub use call::{Call, ResponseInfo};
pub use call_span::CallSpan;
pub use extension::{CallerContext, ResendCount, Untraced, UrlTemplate};
#[doc(hidden)]
pub use hosts::Hosts;
#[doc(hidden)]
pub use options::ClientOptions;

/// gRPC methods that name spans of this process's calls.
static CALLED: grpc::KnownMethods = grpc::KnownMethods::new();

/// Records calls as client spans and writes trace headers: the base of a client's instrumentation.
///
/// Its options are the methods that [`client_options!`](crate::client_options) and
/// [`client_host_options!`](crate::client_host_options) generate, for this type as for each client that is built on it.
///
/// # Examples
///
/// ```
/// use hopline_core::InstrumentationScope;
/// use hopline_http::client::{Call, ClientSpans, ResponseInfo};
/// use http::{Extensions, HeaderMap, Method, StatusCode, Version};
///
/// static SCOPE: InstrumentationScope = InstrumentationScope::new("my-client", "1.0.0");
///
/// let spans = ClientSpans::new(&SCOPE).baggage_to(["billing.example.com"]);
/// # let (tracer, seen) = hopline_testing::tracer("gateway");
/// # let spans = spans.tracer(tracer);
/// let mut headers = HeaderMap::new();
/// let call = Call {
///     method: &Method::GET,
///     version: Version::HTTP_11,
///     host: "billing.example.com",
///     port: Some(443),
///     path: "/invoices/7",
///     headers: &headers,
///     extensions: &Extensions::new(),
/// };
/// let mut span = spans.start(&call, || "https://billing.example.com/invoices/7".into());
/// spans.inject(span.context_ref(), "billing.example.com", &mut headers);
/// assert!(headers.contains_key("traceparent"));
///
/// // … send the request, then:
/// spans.record_response(&mut span, &ResponseInfo {
///     status: StatusCode::OK,
///     version: Version::HTTP_11,
///     peer: None,
///     keeps_with: spans.keeps_with("billing.example.com"),
///     headers: &HeaderMap::new(),
/// });
/// # drop(span);
/// # hopline_testing::assert_tree(&seen.all(), "GET ▸ gateway  200");
/// ```
///
/// ```text
/// GET ▸ gateway  200
/// ```
#[derive(Clone, Debug)]
pub struct ClientSpans {
    /// The scope of the spans.
    scope: &'static InstrumentationScope,
    /// The values that the builder methods set.
    options: ClientOptions,
}

crate::client_options!(ClientSpans);
crate::client_host_options!(ClientSpans);

impl ClientSpans {
    /// Records spans under this instrumentation scope, with the options of the environment.
    pub fn new(scope: &'static InstrumentationScope) -> Self {
        Self {
            scope,
            options: ClientOptions::from_env(),
        }
    }

    /// Starts the span of a call. `url` is called only if the span is recorded.
    ///
    /// The name is `{method}`, `{method} {template}` with a [`UrlTemplate`], or the method of a gRPC call.
    pub fn start<'a>(&self, call: &Call<'a>, url: impl FnOnce() -> Cow<'a, str>) -> CallSpan {
        let method = RequestMethod::new(call.method);
        let template = call.extensions.get().map(|UrlTemplate(template)| *template);
        let resent = call.extensions.get().map(|ResendCount(count)| *count);
        let grpc = GrpcMethod::of(call);
        let builder = match (grpc.known, template) {
            (Some(grpc), _) => SpanBuilder::new(Name::dynamic(grpc)),
            (None, Some(template)) => SpanBuilder::new(template).prefix(method.in_name()),
            (None, None) => SpanBuilder::new(method.in_name()),
        };
        let builder = builder
            .kind(SpanKind::Client)
            .scope(self.scope)
            .method(call.method.as_str())
            .path(call.path)
            .route(template);
        // the closure fills the cells if it runs; the attributes that it returns borrow from them
        let (raw, full) = (OnceCell::new(), OnceCell::new());
        let attributes = || {
            let raw: &Cow<'_, str> = raw.get_or_init(url);
            let full: &Cow<'_, str> = full.get_or_init(|| self.options.redaction.url(raw));
            [
                attr(semconv::HTTP_REQUEST_METHOD, Literal(method.attribute())),
                attr(attribute::METHOD_ORIGINAL, method.original()),
                attr(attribute::URL_FULL, full),
                attr(attribute::URL_TEMPLATE, template.map(Literal)),
                attr(semconv::SERVER_ADDRESS, call.address()),
                attr(semconv::SERVER_PORT, call.port),
                attr(attribute::RESEND_COUNT, resent),
                attr(attribute::RPC_SYSTEM, grpc.system().map(Literal)),
                attr(attribute::RPC_METHOD, grpc.method()),
                attr(attribute::RPC_METHOD_ORIGINAL, grpc.unknown),
            ]
        };
        let tracer = self.options.tracer.as_ref();
        let span = match call.extensions.get::<CallerContext>() {
            Some(caller) => builder
                .child_of(&caller.nearest())
                .tracer(tracer)
                .attributes(attributes)
                .start(),
            None => builder.tracer(tracer).attributes(attributes).start(),
        };
        if span.is_recording() {
            self.record_options(&span, call, full.get());
        }
        CallSpan::new(span, &self.options, call, grpc.method())
    }

    /// Records what only some services ask for: older attribute names, and headers.
    fn record_options(&self, span: &Span, call: &Call<'_>, url: Option<&Cow<'_, str>>) {
        let options = &self.options;
        if options.older_names.http {
            span.set_all(|| {
                [
                    attr(attribute::older::METHOD, call.method.as_str()),
                    attr(attribute::older::URL, url.map(|url| &**url)),
                    attr(attribute::older::PEER_NAME, call.address()),
                    attr(attribute::older::PEER_PORT, call.port),
                ]
            });
        }
        options
            .request_headers
            .record(span.context_ref(), call.headers, &options.redaction);
    }

    /// Writes the trace headers for a call to this host.
    ///
    /// Replaces a `traceparent` and `tracestate` that the application set, if the context has a span. Keeps a `baggage`
    /// that the application set, and appends the context's members with other keys.
    pub fn inject(&self, context: &Context, host: &str, headers: &mut HeaderMap) {
        let options = &self.options;
        if options.no_headers_to.contains(host) {
            return;
        }
        let mut headers = CallInjector(headers);
        // most contexts have no baggage, so the host is checked only after that
        let none = context.baggage().is_empty();
        if !none && (is_internal(host) || options.baggage_to.contains(host)) {
            context.inject(&mut headers);
        } else {
            context.inject_trace(&mut headers);
        }
    }

    /// Records the head of the response. A status of 400 and more fails the span, with the status as `error.type`.
    pub fn record_response(&self, span: &mut CallSpan, response: &ResponseInfo<'_>) {
        if !span.is_observed() {
            return;
        }
        span.set_response(response.status, response.version);
        if span.is_recording() {
            self.record_head(span, response);
        }
        if is_grpc(response.version, response.headers) || is_grpc_web(response.headers) {
            body::record_grpc_status(span, response.headers);
        }
        let sent = span.span_context();
        let sent = sent.filter(|_| response.keeps_with && span.is_recording());
        if sent.is_some_and(|sent| is_kept(response.headers, sent.trace_id())) {
            span.context_ref().keep_downstream();
        }
        // the size of the response becomes known later, and must not change the span
        if span.counts_response() && !self.ends_span_with_body(span, response) {
            span.end();
        }
    }

    fn record_head(&self, span: &Span, response: &ResponseInfo<'_>) {
        let peer = response.peer.map(|peer| IpText::new(peer.ip()));
        span.set_all(|| {
            [
                attr(semconv::HTTP_RESPONSE_STATUS_CODE, response.status.as_u16()),
                attr(
                    attribute::PROTOCOL_VERSION,
                    protocol_version(response.version).map(Literal),
                ),
                attr(attribute::PEER_ADDRESS, peer.as_ref().map(IpText::as_str)),
                attr(attribute::PEER_PORT, response.peer.map(|peer| peer.port())),
            ]
        });
        let options = &self.options;
        if options.older_names.http {
            span.set(attribute::older::STATUS_CODE, response.status.as_u16());
        }
        let context = span.context_ref();
        options
            .response_headers
            .record(context, response.headers, &options.redaction);
        record_status(context, response.status);
    }

    /// Returns true if the caller keeps its part of a trace when this host announces that it keeps its own.
    pub fn keeps_with(&self, host: &str) -> bool {
        self.options.keep_with.contains(host)
    }

    /// Returns true if the response's body must be a [`CallBody`] with the span.
    ///
    /// That is the case with the options `until_body_end` and `body_sizes`, and for gRPC, whose status follows the body.
    pub fn ends_with_body(&self, span: &CallSpan, response: &ResponseInfo<'_>) -> bool {
        self.ends_span_with_body(span, response) || span.counts_response()
    }

    /// Returns true if the span ends with the response's body.
    fn ends_span_with_body(&self, span: &CallSpan, response: &ResponseInfo<'_>) -> bool {
        self.options.until_body_end
            || span.is_observed() && is_grpc(response.version, response.headers)
    }

    /// The options, for the macros that define the builder methods.
    #[doc(hidden)]
    pub fn options_mut(&mut self) -> &mut ClientOptions {
        &mut self.options
    }
}

/// The method of a gRPC call; neither field is set for other calls.
struct GrpcMethod<'a> {
    /// A method that may name spans.
    known: Option<&'a str>,
    /// A method for which [`CALLED`] has no room: a proxy passes on any path that its callers send.
    unknown: Option<&'a str>,
}

impl<'a> GrpcMethod<'a> {
    /// Reads the method from a call's path, and learns it.
    fn of(call: &Call<'a>) -> Self {
        let called = is_grpc(call.version, call.headers)
            .then(|| grpc::method(call.path))
            .flatten();
        let known = called.filter(|method| CALLED.learn(method));
        Self {
            known,
            unknown: called.filter(|_| known.is_none()),
        }
    }

    /// Returns the value of `rpc.system.name`.
    fn system(&self) -> Option<&'static str> {
        self.method().map(|_| "grpc")
    }

    /// Returns the value of `rpc.method`.
    fn method(&self) -> Option<&'a str> {
        self.known.or(self.unknown.map(|_| "_OTHER"))
    }
}

/// Fails a client span for a status of 400 and more: both classes are errors to the caller.
fn record_status(span: &Context, status: StatusCode) {
    if status.is_client_error() || status.is_server_error() {
        span.fail(Name::dynamic(status.as_str()));
    }
}
