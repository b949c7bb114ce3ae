//! The middleware.

use std::borrow::Cow;

use async_trait::async_trait;
use hopline_core::{Context, FutureExt, OlderNames, Scope, Tracer};
use hopline_http::client::{Answer, Call, ClientSpans, ResendCount, Untraced};
use hopline_http::{HeaderInjector, Redaction};
use http::{Extensions, HeaderMap, HeaderName};
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next, Result};

use crate::body;
use crate::class;

/// Records each call as a client span and sends trace headers along. See the [crate](crate).
///
/// Goes around any client. It sends no baggage there, and trace headers to every host: a client that follows redirects
/// itself takes the headers of the first request to the hosts that they lead to. Baggage, and hosts that get no
/// headers, are settings of [`builder`](crate::builder), whose clients decide anew for each hop.
///
/// # Examples
///
/// ```
/// use hopline_reqwest::TraceMiddleware;
/// use reqwest_middleware::ClientBuilder;
///
/// let trace = TraceMiddleware::new().until_body_end();
/// let client = ClientBuilder::new(reqwest::Client::new()).with(trace).build();
/// ```
#[derive(Clone, Debug)]
pub struct TraceMiddleware {
    spans: ClientSpans,
    /// True if each hop of a redirect passes through here, so that headers are decided for the host that gets them.
    sees_hops: bool,
}

static SCOPE: Scope = Scope::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

impl TraceMiddleware {
    /// Records with the tracer of the current context, else with the installed one.
    pub fn new() -> Self {
        Self {
            spans: ClientSpans::new(&SCOPE),
            sees_hops: false,
        }
    }

    /// Records with this tracer.
    #[must_use]
    pub fn tracer(self, tracer: Tracer) -> Self {
        self.with(|spans| spans.tracer(tracer))
    }

    /// Records older attribute names beside the current ones. Defaults to what the environment asks for.
    #[must_use]
    pub fn older_names(self, names: OlderNames) -> Self {
        self.with(|spans| spans.older_names(names))
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
        self.with(|spans| spans.keep_with(hosts))
    }

    /// Redacts URLs by these rules instead of the [default ones](Redaction).
    #[must_use]
    pub fn redaction(self, redaction: Redaction) -> Self {
        self.with(|spans| spans.redaction(redaction))
    }

    /// Records these headers of requests, each as `http.request.header.<name>`, beside those that variables name;
    /// credentials stay redacted.
    #[must_use]
    pub fn request_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.with(|spans| spans.request_headers(names))
    }

    /// Records these headers of responses, each as `http.response.header.<name>`, beside those that variables name;
    /// credentials stay redacted.
    #[must_use]
    pub fn response_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.with(|spans| spans.response_headers(names))
    }

    /// Spans end with the last byte of the answer's body instead of its head, and fail if the body does.
    ///
    /// A body that is dropped before its end ends its span without an error.
    #[must_use]
    pub fn until_body_end(self) -> Self {
        self.with(ClientSpans::until_body_end)
    }

    /// The trace headers of the [current context](Context::current), for code that makes its calls with a plain
    /// [`reqwest::Client`].
    ///
    /// Nothing is recorded: give the work a span of its own, as the [crate](crate#a-plain-client) shows. Baggage is not
    /// among them, since a redirect would take it to another host.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        Context::current().inject_trace(&mut HeaderInjector(&mut headers));
        headers
    }

    /// The same for a client that shows it each hop.
    pub(crate) fn for_hops<'a>(
        self,
        baggage_to: impl Iterator<Item = &'a str>,
        no_headers_to: impl Iterator<Item = &'a str>,
    ) -> Self {
        let spans = self.spans.baggage_to(baggage_to);
        Self {
            spans: spans.no_headers_to(no_headers_to),
            sees_hops: true,
        }
    }

    fn with(mut self, change: impl FnOnce(ClientSpans) -> ClientSpans) -> Self {
        self.spans = change(self.spans);
        self
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
        let span = self.spans.start(&call, || Cow::Borrowed(url.as_str()));
        // a middleware outside may send the request again, with the same extensions
        let sent = extensions.get().map_or(0, |ResendCount(before)| *before);
        extensions.insert(ResendCount(sent.saturating_add(1)));
        // out of the request, whose headers are written while the host is read
        let mut headers = std::mem::take(request.headers_mut());
        let host = request.url().host_str().unwrap_or_default();
        match self.sees_hops {
            true => self.spans.inject(span.context_ref(), host, &mut headers),
            false => span
                .context_ref()
                .inject_trace(&mut HeaderInjector(&mut headers)),
        }
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
                    heard: self
                        .spans
                        .hears(response.url().host_str().unwrap_or_default()),
                    headers: response.headers(),
                };
                self.spans.answered(&span, &answer);
                Ok(if self.spans.lasts(&span, &answer) {
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
