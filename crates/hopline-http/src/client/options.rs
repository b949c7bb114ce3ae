//! Options of client spans, defined once for each client layer and middleware.

use hopline_core::redact::Redaction;
use hopline_core::{Tracer, semconv::OlderNames};

use super::hosts::Hosts;
use crate::headers::HeaderCapture;

/// The values behind the methods of [`client_options!`](crate::client_options). Its fields are public for that macro.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "of the macro alone")]
pub struct ClientOptions {
    /// Tracer to record with.
    pub tracer: Option<Tracer>,
    /// Older attribute names.
    pub older_names: OlderNames,
    /// Hosts that get baggage beside the internal ones.
    pub baggage_to: Hosts,
    /// Hosts that get no headers.
    pub no_headers_to: Hosts,
    /// Hosts whose announcement of a kept trace is followed.
    pub keep_with: Hosts,
    /// Redaction of URLs and headers.
    pub redaction: Redaction,
    /// Request headers to record.
    pub request_headers: HeaderCapture,
    /// Response headers to record.
    pub response_headers: HeaderCapture,
    /// True if spans end with the body.
    pub until_body_end: bool,
    /// True if calls that await their response are counted.
    pub active_requests: bool,
    /// True if the sizes of bodies are measured.
    pub body_sizes: bool,
}

impl ClientOptions {
    /// Reads the defaults from the environment.
    pub(crate) fn from_env() -> Self {
        Self {
            tracer: None,
            older_names: OlderNames::from_env(),
            baggage_to: Hosts::default(),
            no_headers_to: Hosts::default(),
            keep_with: Hosts::default(),
            redaction: Redaction::default(),
            request_headers: HeaderCapture::from_client_requests([]),
            response_headers: HeaderCapture::from_client_responses([]),
            until_body_end: false,
            active_requests: false,
            body_sizes: false,
        }
    }
}

/// Adds the options of [`ClientSpans`](crate::client::ClientSpans) to a type as builder methods.
///
/// Client layers and middleware share these options. The macro is their one definition and their one documentation. It
/// takes the type, the field that holds the `ClientSpans`, and an expression for the examples.
///
/// Methods: `tracer`, `older_names`, `keep_with`, `redaction`, `request_headers`, `response_headers`, `until_body_end`,
/// `active_requests`, `body_sizes`.
/// A client that decides about headers for each hop adds [`client_host_options!`](crate::client_host_options).
///
/// # Examples
///
/// ```
/// use hopline_core::InstrumentationScope;
/// use hopline_http::client::ClientSpans;
///
/// pub struct TraceLayer {
///     spans: ClientSpans,
/// }
///
/// hopline_http::client_options!(TraceLayer, spans, "my_client::TraceLayer::new()");
///
/// static SCOPE: InstrumentationScope = InstrumentationScope::new("my-client", "1.0.0");
/// let layer = TraceLayer { spans: ClientSpans::new(&SCOPE) };
/// let layer = layer.keep_with(["payments.internal"]).until_body_end();
/// ```
#[macro_export]
macro_rules! client_options {
    ($owner:ident $(, $spans:ident, $new:literal)?) => {
        impl $owner {
            /// Records with this tracer. Defaults to the tracer of the current context, else the installed one.
            #[must_use]
            pub fn tracer(mut self, tracer: $crate::__macro::Tracer) -> Self {
                self$(.$spans)?.options_mut().tracer = Some(tracer);
                self
            }

            /// Records older attribute names beside the current ones, such as `http.status_code`. Defaults to
            /// `OTEL_SEMCONV_STABILITY_OPT_IN`.
            #[must_use]
            pub fn older_names(mut self, names: $crate::__macro::OlderNames) -> Self {
                self$(.$spans)?.options_mut().older_names = names;
                self
            }

            /// Keeps the caller's part of a trace if one of these hosts announces that it keeps its part. Defaults to no
            /// hosts.
            ///
            /// A host announces this for a trace that was not sampled and failed there
            /// ([`announce_kept`](https://docs.rs/hopline-tower) of its layer). The announcement must name the trace of
            /// the call. The caller's plan needs a keep rule, or its part is not recorded in the first place.
            /// `*.shop.internal` means all names below, `*` all hosts.
            $(#[doc = concat!(
                "\n# Examples\n\n```\nlet trace = ", $new, ".keep_with([\"payments.internal\"]);\n```",
            )])?
            #[must_use]
            pub fn keep_with<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
                self$(.$spans)?.options_mut().keep_with.extend(hosts);
                self
            }

            /// Redacts URLs by these rules. Defaults to [`Redaction::default`](hopline_http::Redaction).
            $(#[doc = concat!(
                "\n# Examples\n\n```\nuse hopline_http::Redaction;\nlet trace = ", $new, ".redaction(Redaction::default().query_keys([\"email\"]));\n```",
            )])?
            #[must_use]
            pub fn redaction(mut self, redaction: $crate::__macro::Redaction) -> Self {
                self$(.$spans)?.options_mut().redaction = redaction;
                self
            }

            /// Records these request headers as `http.request.header.<name>`, beside those in
            /// `OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST`. Credentials stay
            /// [redacted](hopline_http::HeaderCapture). Replaces the names of an earlier call.
            $(#[doc = concat!(
                "\n# Examples\n\n```\nuse http::HeaderName;\nlet trace = ", $new, ".request_headers([HeaderName::from_static(\"x-tenant-id\")]);\n```",
            )])?
            #[must_use]
            pub fn request_headers(
                mut self,
                names: impl IntoIterator<Item = $crate::__macro::HeaderName>,
            ) -> Self {
                self$(.$spans)?.options_mut().request_headers =
                    $crate::__macro::HeaderCapture::from_client_requests(names);
                self
            }

            /// Records these response headers as `http.response.header.<name>`, beside those in
            /// `OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE`. Credentials stay
            /// [redacted](hopline_http::HeaderCapture). Replaces the names of an earlier call.
            #[must_use]
            pub fn response_headers(
                mut self,
                names: impl IntoIterator<Item = $crate::__macro::HeaderName>,
            ) -> Self {
                self$(.$spans)?.options_mut().response_headers =
                    $crate::__macro::HeaderCapture::from_client_responses(names);
                self
            }

            /// Ends spans with the last byte of the response's body instead of its head, and fails them if the body
            /// fails.
            ///
            /// A body that is dropped before its end ends its span without an error.
            #[must_use]
            pub fn until_body_end(mut self) -> Self {
                self$(.$spans)?.options_mut().until_body_end = true;
                self
            }

            /// Also counts the calls that await the end of their span: `http.client.active_requests`, if the tracer has a
            /// [meter](hopline_http::__macro::TracerBuilder::meter). Not of gRPC.
            #[must_use]
            pub fn active_requests(mut self) -> Self {
                self$(.$spans)?.options_mut().active_requests = true;
                self
            }

            /// Also measures the bytes of bodies, if the tracer has a
            /// [meter](hopline_http::__macro::TracerBuilder::meter): `http.client.request.body.size` and
            /// `http.client.response.body.size`. Not of gRPC.
            ///
            /// Bytes are counted as they pass, before compression of the request and after decompression of the response
            /// inside the client. Both sizes are reported when the response's body ends or is dropped, or when the call
            /// fails. A client that does not see the body of a request reports its `content-length`, if it has one.
            #[must_use]
            pub fn body_sizes(mut self) -> Self {
                self$(.$spans)?.options_mut().body_sizes = true;
                self
            }
        }
    };
}

/// Adds the lists of hosts that get baggage, and that get no headers, to a type as builder methods.
///
/// For clients in which each hop of a redirect is a call of its own; a list that is checked only for the first hop would
/// not hold. Takes the same arguments as [`client_options!`](crate::client_options).
#[macro_export]
macro_rules! client_host_options {
    ($owner:ident $(, $spans:ident, $new:literal)?) => {
        impl $owner {
            /// Sends baggage to these hosts as well as to [internal](hopline_http::Host::is_internal) ones.
            ///
            /// `*.corp.example` means all names below, `*` all hosts. Of a URL or a host with a port, only the host is
            /// used.
            $(#[doc = concat!(
                "\n# Examples\n\n```\nlet trace = ", $new, ".baggage_to([\"*.corp.example\"]);\n```",
            )])?
            #[must_use]
            pub fn baggage_to<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
                self$(.$spans)?.options_mut().baggage_to.extend(hosts);
                self
            }

            /// Sends no trace headers and no baggage to these hosts, written as for [`baggage_to`](Self::baggage_to).
            #[must_use]
            pub fn no_headers_to<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
                self$(.$spans)?.options_mut().no_headers_to.extend(hosts);
                self
            }
        }
    };
}
