//! The middleware that records calls and sends trace headers.

use std::borrow::Cow;

use async_trait::async_trait;
use hopline_core::{Context, FutureExt, InstrumentationScope};
use hopline_http::HeaderInjector;
use hopline_http::client::{Call, ClientSpans, ResendCount, ResponseInfo, Untraced};
use http::{Extensions, HeaderMap};
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next, Result};

use crate::body;
use crate::class;

/// Records each call as a client span and sends trace headers. See the front page of the [crate](crate).
///
/// Wraps any client. It sends trace headers to every host, and no baggage: a client that follows redirects itself sends
/// the headers of the first request to each host on the way. Baggage, and hosts that get no headers, are options of
/// [`ClientBuilder`](crate::ClientBuilder), whose clients decide for each hop.
///
/// # Examples
///
/// ```
/// use hopline_reqwest::{TraceMiddleware, reqwest_middleware::ClientBuilder};
///
/// let trace = TraceMiddleware::new().until_body_end();
/// # let (tracer, spans) = hopline_testing::tracer("gateway");
/// # let trace = trace.tracer(tracer);
/// # let plain = reqwest::Client::builder().no_proxy().build().unwrap();
/// # #[cfg(any())]
/// let plain = reqwest::Client::new();
/// let client = ClientBuilder::new(plain).with(trace).build();
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// client.get("http://127.0.0.1:9/").send().await.unwrap_err(); // a closed port
/// # });
/// spans.one("GET").failed("connection_refused");
/// ```
#[derive(Clone, Debug)]
pub struct TraceMiddleware {
    spans: ClientSpans,
    /// True if each hop of a redirect is a call of this middleware, so that headers are decided for its host.
    sees_hops: bool,
}

hopline_http::client_options!(
    TraceMiddleware,
    spans,
    "hopline_reqwest::TraceMiddleware::new()"
);

static SCOPE: InstrumentationScope =
    InstrumentationScope::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

impl TraceMiddleware {
    /// Creates a middleware with the options of the environment.
    pub fn new() -> Self {
        Self {
            spans: ClientSpans::new(&SCOPE),
            sees_hops: false,
        }
    }

    /// Returns the trace headers of the [current context](Context::current), for calls with a plain
    /// [`reqwest::Client`].
    ///
    /// Records nothing: start a span for the work, as the [crate](crate#plain-clients) shows. Baggage is left out, because
    /// a redirect would send it to another host.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::{FutureExt, SpanBuilder};
    /// use hopline_reqwest::TraceMiddleware;
    ///
    /// # let (tracer, _spans) = hopline_testing::tracer("orders");
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let span = SpanBuilder::new("search");
    /// # let span = span.tracer(&tracer);
    /// let headers = async { TraceMiddleware::new().headers() }.in_span(span.start()).await;
    /// assert!(headers.contains_key("traceparent"));
    /// # });
    /// ```
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        Context::current().inject_trace(&mut HeaderInjector(&mut headers));
        headers
    }

    /// Decides about headers for each hop, by these lists.
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
    /// Dropping the call ends its span without an error.
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
        let mut span = self.spans.start(&call, || Cow::Borrowed(url.as_str()));
        if let Some(count) = span.request_bytes() {
            body::count(&mut request, count);
        }
        // a middleware outside may send the request again with the same extensions
        let sent = extensions.get().map_or(0, |ResendCount(before)| *before);
        extensions.insert(ResendCount(sent.saturating_add(1)));
        // taken out, so that the host can be borrowed from the request while they are written
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
                let host = response.url().host_str().unwrap_or_default();
                let info = ResponseInfo {
                    status: response.status(),
                    version: response.version(),
                    peer: response.remote_addr(),
                    keeps_with: self.spans.keeps_with(host),
                    headers: response.headers(),
                };
                self.spans.record_response(&mut span, &info);
                Ok(if self.spans.ends_with_body(&span, &info) {
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
