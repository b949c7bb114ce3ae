//! Attributes that a gRPC answer adds to a request's span: its method, as soon as it is known, and its status.

use hopline_core::{Literal, Name, attr};
use hopline_http::attribute;
use hopline_http::grpc::{Status, is_web_trailers};
use http::HeaderMap;

use crate::KNOWN;
use crate::root::Root;

impl Root {
    /// The body's trailers, which hold the status of a gRPC call.
    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        if self.is_grpc {
            self.grpc_status(Status::of(trailers));
        }
    }

    /// Bytes of the body of a gRPC answer: a message shows that the server knows the method.
    pub(crate) fn grpc_bytes(&mut self, bytes: &[u8]) {
        if self.is_grpc_web && is_web_trailers(bytes) {
            self.grpc_status(Status::of_web_trailers(bytes));
        } else if !bytes.is_empty() {
            self.grpc_method(true);
        }
    }

    /// The head of an answer of gRPC.
    pub(crate) fn grpc_head(&mut self, headers: &HeaderMap) {
        if !self.grpc_named && self.grpc.is_none() {
            self.grpc_unknown(None);
        }
        self.grpc_status(Status::of(headers));
    }

    /// A call of gRPC begins: if its method is known, its span is named before the answer.
    pub(crate) fn grpc_call(&mut self, method: Option<&str>) {
        self.is_grpc = true;
        self.grpc = method.map(Box::from);
        if method.is_some_and(|method| KNOWN.contains(method)) {
            self.grpc_method(true);
        }
    }

    /// The status of a gRPC call, where it is known by now.
    fn grpc_status(&mut self, status: Option<Status>) {
        let Some(status) = status else { return };
        self.grpc_method(status.is_of_method());
        let Some(span) = self.recorded() else { return };
        span.set(attribute::RPC_STATUS, Literal(status.name()));
        if status.is_server_error() {
            span.fail(status.name());
        }
    }

    /// Names the span by its method if the server knows that, and there is room for one more.
    pub(crate) fn grpc_method(&mut self, known: bool) {
        let Some(method) = self.grpc.take() else {
            return;
        };
        if !(known && KNOWN.learn(&method)) {
            return self.grpc_unknown(Some(&method));
        }
        self.grpc_named = true;
        if let Some(span) = self.recorded() {
            span.rename(Name::dynamic(&method));
            span.set_all(|| {
                [
                    attr(attribute::RPC_SYSTEM, Literal("grpc")),
                    attr(attribute::RPC_METHOD, &*method),
                ]
            });
        }
    }

    fn grpc_unknown(&mut self, method: Option<&str>) {
        self.grpc_named = true;
        if let Some(span) = self.recorded() {
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
