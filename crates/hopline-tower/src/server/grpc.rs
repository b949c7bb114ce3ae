//! The gRPC call in a request: its method, once the server is known to have it, and its status.
//!
//! A caller chooses the path, so its method names the span only if the server shows that it has the method:
//!
//! | event | the pending method |
//! |---|---|
//! | the method is declared, or was answered before | names the span at the start |
//! | a message in the body, or a status that only methods return | is learned and names the span |
//! | any other status, or the end of the response | `rpc.method` is `_OTHER` |
//! | the response is not gRPC, or there is none | is discarded |

use hopline_core::{Literal, Name, Span, SpanKind, attr};
use hopline_http::attribute;
use hopline_http::grpc::{self, KnownMethods, Status, is_grpc, is_grpc_web, is_web_trailers};
use http::{HeaderMap, Method, Request, Version};

/// The methods that this process has answered, or that a layer declared.
static KNOWN: KnownMethods = KnownMethods::new();

/// Adds a declared method, such as `shop.Orders/Get`.
pub(crate) fn declare(method: &str) {
    KNOWN.learn(method.trim_start_matches('/'));
}

/// Returns true for calls of gRPC and gRPC-web.
pub(crate) fn is_call<Q>(request: &Request<Q>) -> bool {
    // calls are POST requests, so other requests need no look at their headers
    request.method() == Method::POST
        && (is_grpc(request.version(), request.headers()) || is_grpc_web(request.headers()))
}

/// The state of a call, from its request to its trailers. Empty for other requests and for those that nothing observes.
///
/// Each method takes the span if it is recording.
#[derive(Debug, Default)]
pub(crate) struct GrpcCall {
    /// True for an observed call, until its response turns out not to be gRPC.
    is_active: bool,
    /// The response is gRPC-web, with trailers in its body.
    is_web: bool,
    /// The method, until it is certain whether the server has it.
    pending: Option<Box<str>>,
    /// The span has its `rpc.method`.
    is_named: bool,
    /// The method that names the span.
    method: Option<Box<str>>,
    /// The last status that was read.
    status: Option<Status>,
}

impl GrpcCall {
    /// Returns true for an observed call whose response, if it is there, is gRPC.
    #[inline]
    pub(crate) fn is_active(&self) -> bool {
        self.is_active
    }

    /// Returns the method, if it is known that the server has it.
    pub(crate) fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    /// Returns the status, if the response has one so far.
    pub(crate) fn status(&self) -> Option<Status> {
        self.status
    }

    /// Starts a call. If its method is known, it names the span before the response.
    pub(crate) fn start(&mut self, span: Option<&Span>, path: &str) {
        let method = grpc::method(path);
        self.is_active = true;
        self.pending = method.map(Box::from);
        if method.is_some_and(|method| KNOWN.contains(method)) {
            self.decide(span, true);
        }
    }

    /// Reads the head of the response to an active call.
    pub(crate) fn read_head(&mut self, span: Option<&Span>, headers: &HeaderMap) {
        self.is_web = is_grpc_web(headers);
        self.is_active = self.is_web || is_grpc(Version::HTTP_2, headers);
        if self.is_active {
            if !self.is_named && self.pending.is_none() {
                self.name_other(span, None);
            }
            self.record(span, Status::from_headers(headers));
        }
    }

    /// Reads data of the body: a message shows that the server has the method.
    pub(crate) fn read_data(&mut self, span: Option<&Span>, bytes: &[u8]) {
        if !self.is_active {
            return;
        }
        if self.is_web && is_web_trailers(bytes) {
            self.record(span, Status::from_web_trailers(bytes));
        } else if !bytes.is_empty() {
            self.decide(span, true);
        }
    }

    /// Reads the trailers.
    pub(crate) fn read_trailers(&mut self, span: Option<&Span>, trailers: &HeaderMap) {
        if self.is_active {
            self.record(span, Status::from_headers(trailers));
        }
    }

    /// Ends a call that was answered: a method that is still pending is not known.
    pub(crate) fn end(&mut self, span: Option<&Span>) {
        if self.is_active {
            self.decide(span, false);
        }
    }

    /// Records a status, if there is one, and decides about the pending method by it.
    fn record(&mut self, span: Option<&Span>, status: Option<Status>) {
        let Some(status) = status else { return };
        self.status = Some(status);
        self.decide(span, status.is_from_method());
        if let Some(span) = span {
            status.record(span.context_ref(), SpanKind::Server);
        }
    }

    /// Names the span by the pending method if the server has it and the set of methods has room.
    fn decide(&mut self, span: Option<&Span>, is_known: bool) {
        let Some(method) = self.pending.take() else {
            return;
        };
        if !(is_known && KNOWN.learn(&method)) {
            return self.name_other(span, Some(&method));
        }
        self.is_named = true;
        if let Some(span) = span {
            span.rename(Name::dynamic(&method));
            span.set_all(|| {
                [
                    attr(attribute::RPC_SYSTEM, Literal("grpc")),
                    attr(attribute::RPC_METHOD, &*method),
                ]
            });
        }
        self.method = Some(method);
    }

    /// Records a call whose method does not name the span.
    fn name_other(&mut self, span: Option<&Span>, method: Option<&str>) {
        self.is_named = true;
        if let Some(span) = span {
            span.set_all(|| {
                [
                    attr(attribute::RPC_SYSTEM, Literal("grpc")),
                    attr(attribute::RPC_METHOD, Literal("_OTHER")),
                    attr(attribute::RPC_METHOD_ORIGINAL, method),
                ]
            });
        }
    }
}
