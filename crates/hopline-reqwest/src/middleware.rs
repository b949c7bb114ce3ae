//! The middleware.

use std::borrow::Cow;

use async_trait::async_trait;
use hopline_core::{Context, FutureExt, OlderNames, Scope, Tracer};
use hopline_http::Redaction;
use hopline_http::client::{Answer, Call, ClientSpans, ResendCount, Untraced};
use http::{Extensions, HeaderMap, HeaderName};
use reqwest::{Request, Response, Url};
use reqwest_middleware::{Middleware, Next, Result};

use crate::body;
use crate::class;

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
pub struct TraceMiddleware(ClientSpans);

static SCOPE: Scope = Scope::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

impl TraceMiddleware {
    /// Records with the tracer of whatever is current, else with the installed one.
    pub fn new() -> Self {
        Self(ClientSpans::new(&SCOPE))
    }

    /// Records with this tracer.
    #[must_use]
    pub fn tracer(self, tracer: Tracer) -> Self {
        Self(self.0.tracer(tracer))
    }

    /// Whether older attribute names stand beside the current ones; what the environment says, if not said.
    #[must_use]
    pub fn older_names(self, names: OlderNames) -> Self {
        Self(self.0.older_names(names))
    }

    /// Sends baggage to these hosts as well, which are written as in the URL; `*.corp.example` means all below.
    #[must_use]
    pub fn baggage_to<'a>(self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        Self(self.0.baggage_to(hosts))
    }

    /// Sends no trace headers and no baggage to these hosts; `*.partner.example` means all below.
    #[must_use]
    pub fn no_headers_to<'a>(self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        Self(self.0.no_headers_to(hosts))
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
    pub fn keep_with<'a>(self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        Self(self.0.keep_with(hosts))
    }

    /// What of URLs is not recorded, instead of [what usually is not](Redaction).
    #[must_use]
    pub fn redaction(self, redaction: Redaction) -> Self {
        Self(self.0.redaction(redaction))
    }

    /// Records these headers of requests, each as `http.request.header.<name>`, beside those that variables name;
    /// credentials stay redacted.
    #[must_use]
    pub fn request_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        Self(self.0.request_headers(names))
    }

    /// Records these headers of responses, each as `http.response.header.<name>`, beside those that variables name;
    /// credentials stay redacted.
    #[must_use]
    pub fn response_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        Self(self.0.response_headers(names))
    }

    /// Spans end with the last byte of the answer's body instead of its head, and fail if the body does.
    ///
    /// A body that is dropped before its end ends its span without an error.
    #[must_use]
    pub fn until_body_end(self) -> Self {
        Self(self.0.until_body_end())
    }

    /// The headers that a call to this URL takes along now, for code that makes its calls with a plain
    /// [`reqwest::Client`].
    ///
    /// They are those of the [current context](Context::current), as this middleware's policy has them for the host.
    /// Nothing is recorded: give the work a span of its own, as the [crate](crate#a-plain-client) shows.
    pub fn headers(&self, url: &Url) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let host = url.host_str().unwrap_or_default();
        self.0.inject(&Context::current(), host, &mut headers);
        headers
    }
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
        if extensions.get::<Untraced>().is_some() {
            return next.run(request, extensions).await;
        }
        let url = request.url();
        let host = url.host_str().unwrap_or_default();
        let call = Call {
            method: request.method(),
            version: request.version(),
            host,
            port: url.port_or_known_default(),
            path: url.path(),
            headers: request.headers(),
            extensions,
        };
        let span = self.0.start(&call, || Cow::Borrowed(url.as_str()));
        // a middleware outside may send the request again, with the same extensions
        let sent = extensions.get().map_or(0, |ResendCount(before)| *before);
        extensions.insert(ResendCount(sent.saturating_add(1)));
        // out of the request, whose headers are written while the host is read
        let mut headers = std::mem::take(request.headers_mut());
        let host = request.url().host_str().unwrap_or_default();
        self.0.inject(span.context_ref(), host, &mut headers);
        *request.headers_mut() = headers;

        let result = next
            .run(request, extensions)
            .in_context(span.context())
            .await;
        match result {
            Ok(response) => {
                let answer = Answer {
                    status: response.status(),
                    version: response.version(),
                    peer: response.remote_addr(),
                    heard: self.0.hears(response.url().host_str().unwrap_or_default()),
                    headers: response.headers(),
                };
                self.0.answered(&span, &answer);
                Ok(if self.0.lasts(&span, &answer) {
                    body::with_span(response, span)
                } else {
                    response
                })
            }
            Err(error) => {
                span.fail(class::of(&error));
                Err(error)
            }
        }
    }
}
