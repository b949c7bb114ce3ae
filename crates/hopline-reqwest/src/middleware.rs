//! The middleware.

use std::cell::OnceCell;

use async_trait::async_trait;
use hopline_core::{
    FutureExt, Kind, Literal, Name, OlderNames, Span, SpanBuilder, Tracer, attr, semconv,
};
use hopline_http::{
    HeaderInjector, RequestMethod, SpanName, attribute, fail_client, is_internal_host, is_kept,
    protocol_version, redact_url,
};
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};

use crate::resend;
use crate::template::UrlTemplate;

/// Records each call as a client span and sends its context along. See the [crate](crate).
///
/// # Examples
///
/// ```
/// use hopline_reqwest::TraceMiddleware;
/// use reqwest_middleware::ClientBuilder;
///
/// let trace = TraceMiddleware::new().baggage_to(["billing.example.com"]);
/// let client = ClientBuilder::new(reqwest::Client::new()).with(trace).build();
/// ```
#[derive(Clone, Debug)]
pub struct TraceMiddleware {
    tracer: Option<Tracer>,
    older_names: OlderNames,
    baggage_hosts: Vec<String>,
    kept_by: Vec<String>,
}

impl TraceMiddleware {
    /// Records with the tracer of whatever is current, else with the installed one.
    pub fn new() -> Self {
        Self {
            tracer: None,
            older_names: OlderNames::from_env(),
            baggage_hosts: Vec::new(),
            kept_by: Vec::new(),
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

    /// Sends baggage to these hosts as well, which are written as in the URL.
    #[must_use]
    pub fn baggage_to<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.baggage_hosts
            .extend(hosts.into_iter().map(str::to_ascii_lowercase));
        self
    }

    /// Keeps the caller's part of a trace, too, when one of these hosts says that it keeps its part.
    ///
    /// It says so where a trace that was not sampled has failed there
    /// ([`announce_kept`](https://docs.rs/hopline-tower) of its layer), and counts for the trace that was sent and no
    /// other. The caller's plan must have a keep rule, or its part is not recorded in the first place.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_reqwest::TraceMiddleware;
    ///
    /// let trace = TraceMiddleware::new().keep_with(["payments.internal"]);
    /// ```
    #[must_use]
    pub fn keep_with<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.kept_by
            .extend(hosts.into_iter().map(str::to_ascii_lowercase));
        self
    }

    fn start(&self, request: &Request, template: Option<UrlTemplate>, resent: Option<u32>) -> Span {
        let method = RequestMethod::new(request.method());
        let template = template.map(|template| template.0);
        let url = request.url();
        let name = SpanName::new(method.in_name(), template);
        let builder = SpanBuilder::new(Name::dynamic(name.as_str())).kind(Kind::Client);
        let builder = builder
            .method(request.method().as_str())
            .path(url.path())
            .route(template);
        // filled by the closure, if it runs, and outliving what it returns
        let redacted = OnceCell::new();
        let span = builder.start(self.tracer.as_ref(), || {
            let full = redacted.get_or_init(|| redact_url(url.as_str()));
            [
                attr(semconv::HTTP_REQUEST_METHOD, Literal(method.attribute())),
                attr(attribute::METHOD_ORIGINAL, method.original()),
                attr(attribute::URL_FULL, full),
                attr(attribute::URL_TEMPLATE, template.map(Literal)),
                attr(semconv::SERVER_ADDRESS, url.host_str()),
                attr(semconv::SERVER_PORT, url.port_or_known_default()),
                attr(attribute::RESEND_COUNT, resent),
            ]
        });
        if self.older_names.http {
            let redacted = redacted.get_or_init(|| redact_url(url.as_str()));
            span.set_all(|| {
                [
                    attr(attribute::older::METHOD, request.method().as_str()),
                    attr(attribute::older::URL, redacted),
                    attr(attribute::older::PEER_NAME, url.host_str()),
                    attr(attribute::older::PEER_PORT, url.port_or_known_default()),
                ]
            });
        }
        span
    }

    fn inject(&self, span: &Span, request: &mut Request) {
        let host = request.url().host_str().unwrap_or_default();
        let trusted = is_internal_host(host) || names(&self.baggage_hosts, host);
        let mut headers = HeaderInjector(request.headers_mut());
        if trusted {
            span.context_ref().inject(&mut headers);
        } else {
            span.context_ref().inject_trace(&mut headers);
        }
    }

    fn finish(&self, span: &Span, result: &Result<Response>) {
        match result {
            Ok(response) => {
                span.set_all(|| {
                    [
                        attr(
                            semconv::HTTP_RESPONSE_STATUS_CODE,
                            response.status().as_u16(),
                        ),
                        attr(
                            attribute::PROTOCOL_VERSION,
                            protocol_version(response.version()).map(Literal),
                        ),
                    ]
                });
                if self.older_names.http {
                    span.set(attribute::older::STATUS_CODE, response.status().as_u16());
                }
                if span.is_recording() {
                    fail_client(span.context_ref(), response.status());
                    self.listen(span, response);
                }
            }
            Err(error) => span.fail(error_type(error)),
        }
    }
}

impl TraceMiddleware {
    /// Hears whether the service that answered, after redirects, keeps the trace.
    fn listen(&self, span: &Span, response: &Response) {
        let host = response.url().host_str().unwrap_or_default();
        let sent = span.span_context().filter(|_| names(&self.kept_by, host));
        if sent.is_some_and(|sent| is_kept(response.headers(), sent.trace_id())) {
            span.context_ref().keep_downstream();
        }
    }
}

fn names(hosts: &[String], host: &str) -> bool {
    hosts.iter().any(|named| named.eq_ignore_ascii_case(host))
}

impl Default for TraceMiddleware {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Middleware for TraceMiddleware {
    /// # Cancellation
    ///
    /// If the call is dropped its span ends, without an error: to stop waiting is the caller's right.
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let resent = resend::count(extensions);
        let span = self.start(&request, extensions.get::<UrlTemplate>().copied(), resent);
        self.inject(&span, &mut request);
        let result = next
            .run(request, extensions)
            .in_context(span.context())
            .await;
        self.finish(&span, &result);
        result
    }
}

/// The first of reqwest's own classes that fits, the most telling first.
fn error_type(error: &Error) -> &'static str {
    let Error::Reqwest(error) = error else {
        return "middleware";
    };
    let classes = [
        (error.is_timeout(), "timeout"),
        (error.is_connect(), "connect"),
        (error.is_redirect(), "redirect"),
        (error.is_body(), "body"),
        (error.is_decode(), "decode"),
        (error.is_upgrade(), "upgrade"),
        (error.is_builder(), "builder"),
    ];
    classes
        .into_iter()
        .find_map(|(is, class)| is.then_some(class))
        .unwrap_or("request")
}
