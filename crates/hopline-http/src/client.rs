//! How calls are recorded and what is sent with them, whatever client makes them.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::SocketAddr;

use hopline_core::{
    Context, Kind, Literal, Name, OlderNames, Scope, Span, SpanBuilder, Tracer, attr, semconv,
};
use http::{Extensions, HeaderMap, HeaderName, Method, StatusCode, Version};

use crate::address::IpText;
use crate::attribute;
use crate::body::grpc_status;
use crate::capture::Capture;
use crate::carrier::CallInjector;
use crate::grpc::{self, is_grpc, is_grpc_web};
use crate::host::is_internal_host;
use crate::hosts::Hosts;
use crate::method::RequestMethod;
use crate::server_timing::is_kept;
use crate::status::{fail_client, protocol_version};
use hopline_core::redact::Redaction;

pub use crate::body::CallBody;
pub use crate::extension::{CallerContext, ResendCount, Untraced, UrlTemplate};

/// Methods that name spans of this process's calls.
static CALLED: grpc::KnownMethods = grpc::KnownMethods::new();

/// Client spans of HTTP and the headers that go with them: what an instrumentation of a client is made of.
///
/// # Examples
///
/// ```
/// use hopline_core::Scope;
/// use hopline_http::client::{Answer, Call, ClientSpans};
/// use http::{Extensions, HeaderMap, Method, StatusCode, Version};
///
/// static SCOPE: Scope = Scope::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
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
/// let span = spans.start(&call, || "https://billing.example.com/invoices/7".into());
/// spans.inject(span.context_ref(), "billing.example.com", &mut headers);
/// // … send it …
/// spans.answered(&span, &Answer {
///     status: StatusCode::OK,
///     version: Version::HTTP_11,
///     peer: None,
///     heard: spans.hears("billing.example.com"),
///     headers: &HeaderMap::new(),
/// });
/// # drop(span);
/// # hopline_testing::assert_tree(&seen.all(), "GET ▸ gateway  200");
/// ```
#[derive(Clone, Debug)]
pub struct ClientSpans {
    scope: &'static Scope,
    tracer: Option<Tracer>,
    older_names: OlderNames,
    baggage_to: Hosts,
    silent_to: Hosts,
    kept_by: Hosts,
    redaction: Redaction,
    request_headers: Capture,
    response_headers: Capture,
    until_body_end: bool,
}

/// A request about to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Its method.
    pub method: &'a Method,
    /// The version it is written for; the answer's is what is recorded.
    pub version: Version,
    /// The host of its URL.
    pub host: &'a str,
    /// The port of its URL, or the one that its scheme implies.
    pub port: Option<u16>,
    /// The path of its URL.
    pub path: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// May hold a [`UrlTemplate`], a [`ResendCount`] and a [`CallerContext`].
    pub extensions: &'a Extensions,
}

/// An answer's head.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Its status.
    pub status: StatusCode,
    /// The version that was agreed on.
    pub version: Version,
    /// The connection's other end.
    pub peer: Option<SocketAddr>,
    /// Whether who answered [is heard](ClientSpans::hears).
    pub heard: bool,
    /// Its headers.
    pub headers: &'a HeaderMap,
}

impl ClientSpans {
    /// Records in the name of this library, with the tracer of whatever is current, else with the installed one.
    pub fn new(scope: &'static Scope) -> Self {
        Self {
            scope,
            tracer: None,
            older_names: OlderNames::from_env(),
            baggage_to: Hosts::default(),
            silent_to: Hosts::default(),
            kept_by: Hosts::default(),
            redaction: Redaction::default(),
            request_headers: Capture::of_client_requests([]),
            response_headers: Capture::of_client_responses([]),
            until_body_end: false,
        }
    }

    /// Records with this tracer.
    #[must_use]
    pub fn tracer(mut self, tracer: Tracer) -> Self {
        self.tracer = Some(tracer);
        self
    }

    /// Whether older attribute names stand beside the current ones; what the environment says, if not said.
    #[must_use]
    pub fn older_names(mut self, names: OlderNames) -> Self {
        self.older_names = names;
        self
    }

    /// Sends baggage to these hosts as well. `*.corp.example` means all below, `*` all hosts; a scheme, port or path is
    /// ignored.
    #[must_use]
    pub fn baggage_to<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.baggage_to.extend(hosts);
        self
    }

    /// Sends no trace headers and no baggage to these hosts. `*.partner.example` means all below, `*` all hosts; a
    /// scheme, port or path is ignored.
    #[must_use]
    pub fn no_headers_to<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.silent_to.extend(hosts);
        self
    }

    /// Keeps the caller's part of a trace, too, when one of these hosts says that it keeps its part.
    #[must_use]
    pub fn keep_with<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.kept_by.extend(hosts);
        self
    }

    /// What of URLs is not recorded.
    #[must_use]
    pub fn redaction(mut self, redaction: Redaction) -> Self {
        self.redaction = redaction;
        self
    }

    /// Records these headers of requests, beside those that the [operator](Capture) wants.
    #[must_use]
    pub fn request_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.request_headers = Capture::of_client_requests(names);
        self
    }

    /// Records these headers of responses, beside those that the [operator](Capture) wants.
    #[must_use]
    pub fn response_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.response_headers = Capture::of_client_responses(names);
        self
    }

    /// Spans end with the last byte of the answer's body instead of its head.
    #[must_use]
    pub fn until_body_end(mut self) -> Self {
        self.until_body_end = true;
        self
    }

    /// Starts the span of a call; `url` is only run if it is recorded.
    pub fn start<'a>(&self, call: &Call<'a>, url: impl FnOnce() -> Cow<'a, str>) -> Span {
        let method = RequestMethod::new(call.method);
        let template = call
            .extensions
            .get::<UrlTemplate>()
            .map(|template| template.0);
        let resent = call.extensions.get::<ResendCount>().map(|count| count.0);
        let called = is_grpc(call.version, call.headers)
            .then(|| grpc::method(call.path))
            .flatten();
        // a proxy passes on what strangers call
        let grpc = called.filter(|method| CALLED.learn(method));
        let unknown = called.filter(|_| grpc.is_none());
        let builder = match (grpc, template) {
            (Some(grpc), _) => SpanBuilder::new(Name::dynamic(grpc)),
            (None, Some(template)) => SpanBuilder::new(template).prefix(method.in_name()),
            (None, None) => SpanBuilder::new(method.in_name()),
        };
        let builder = builder
            .kind(Kind::Client)
            .scope(self.scope)
            .method(call.method.as_str())
            .path(call.path)
            .route(template);
        // filled by the closure, if it runs, and outliving what it returns
        let raw = OnceCell::new();
        let full = OnceCell::new();
        let attributes = || {
            let raw: &Cow<'_, str> = raw.get_or_init(url);
            let full: &Cow<'_, str> = full.get_or_init(|| self.redaction.url(raw));
            [
                attr(semconv::HTTP_REQUEST_METHOD, Literal(method.attribute())),
                attr(attribute::METHOD_ORIGINAL, method.original()),
                attr(attribute::URL_FULL, full),
                attr(attribute::URL_TEMPLATE, template.map(Literal)),
                attr(semconv::SERVER_ADDRESS, host(call)),
                attr(semconv::SERVER_PORT, call.port),
                attr(attribute::RESEND_COUNT, resent),
                attr(attribute::RPC_SYSTEM, called.map(|_| Literal("grpc"))),
                attr(attribute::RPC_METHOD, grpc.or(unknown.map(|_| "_OTHER"))),
                attr(attribute::RPC_METHOD_ORIGINAL, unknown),
            ]
        };
        let span = match call.extensions.get::<CallerContext>() {
            Some(caller) => builder
                .child_of(&caller.nearest())
                .tracer(self.tracer.as_ref())
                .attributes(attributes)
                .start(),
            None => builder
                .tracer(self.tracer.as_ref())
                .attributes(attributes)
                .start(),
        };
        if !span.is_recording() {
            return span;
        }
        if self.older_names.http {
            span.set_all(|| {
                [
                    attr(attribute::older::METHOD, call.method.as_str()),
                    attr(attribute::older::URL, full.get().map(|full| &**full)),
                    attr(attribute::older::PEER_NAME, host(call)),
                    attr(attribute::older::PEER_PORT, call.port),
                ]
            });
        }
        self.request_headers
            .record(span.context_ref(), call.headers, &self.redaction);
        span
    }

    /// Writes the headers that this host is to have.
    ///
    /// A `traceparent` and `tracestate` that the application set are replaced by those of the context, if that has a
    /// span. A `baggage` that it set stays: the context's follows after a comma, without the keys that are there.
    pub fn inject(&self, context: &Context, host: &str, headers: &mut HeaderMap) {
        if self.silent_to.contains(host) {
            return;
        }
        let mut headers = CallInjector(headers);
        // mostly there is none, whichever the host is
        let none = context.baggage().is_empty();
        if !none && (is_internal_host(host) || self.baggage_to.contains(host)) {
            context.inject(&mut headers);
        } else {
            context.inject_trace(&mut headers);
        }
    }

    /// The answer's head is there. A status from 400 on is a failure, and `error.type` is the status then.
    pub fn answered(&self, span: &Span, answer: &Answer<'_>) {
        if !span.is_recording() {
            return;
        }
        let peer = answer.peer.map(|peer| IpText::new(peer.ip()));
        span.set_all(|| {
            [
                attr(semconv::HTTP_RESPONSE_STATUS_CODE, answer.status.as_u16()),
                attr(
                    attribute::PROTOCOL_VERSION,
                    protocol_version(answer.version).map(Literal),
                ),
                attr(attribute::PEER_ADDRESS, peer.as_ref().map(IpText::as_str)),
                attr(attribute::PEER_PORT, answer.peer.map(|peer| peer.port())),
            ]
        });
        if self.older_names.http {
            span.set(attribute::older::STATUS_CODE, answer.status.as_u16());
        }
        self.response_headers
            .record(span.context_ref(), answer.headers, &self.redaction);
        fail_client(span.context_ref(), answer.status);
        if is_grpc(answer.version, answer.headers) || is_grpc_web(answer.headers) {
            grpc_status(span, answer.headers);
        }
        let sent = span.span_context().filter(|_| answer.heard);
        if sent.is_some_and(|sent| is_kept(answer.headers, sent.trace_id())) {
            span.context_ref().keep_downstream();
        }
    }

    /// True if it counts when this host says that it [keeps its part](Self::keep_with).
    pub fn hears(&self, host: &str) -> bool {
        self.kept_by.contains(host)
    }

    /// True if the span is to last as long as the answer's body, in a [`CallBody`].
    ///
    /// It does where [that is wanted](Self::until_body_end), and for gRPC, whose outcome comes behind the body.
    pub fn lasts(&self, span: &Span, answer: &Answer<'_>) -> bool {
        self.until_body_end || span.is_recording() && is_grpc(answer.version, answer.headers)
    }
}

fn host<'a>(call: &Call<'a>) -> Option<&'a str> {
    let host = call.host;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    Some(bare.unwrap_or(host)).filter(|host| !host.is_empty())
}
