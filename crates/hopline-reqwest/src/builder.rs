//! A client that follows redirects in sight of the middleware.

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest_middleware::{ClientWithMiddleware, Middleware};

use crate::middleware::TraceMiddleware;
use crate::redirect::Redirects;

/// Begins a traced client that follows redirects itself: one span per hop, headers decided anew for each host.
///
/// [`traced`](crate::ClientExt::traced) makes one of a client that is there already, and then reqwest follows
/// below the middleware: one span and one set of headers for all hops.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use hopline_reqwest::TraceMiddleware;
///
/// let client = hopline_reqwest::builder()
///     .configure(|client| client.connect_timeout(Duration::from_secs(2)))
///     .trace(TraceMiddleware::new().no_headers_to(["*.partner.example"]))
///     .redirects(5)
///     .timeout(Duration::from_secs(10))
///     .build()?;
/// # Ok::<(), reqwest::Error>(())
/// ```
pub fn builder() -> Builder {
    Builder {
        client: reqwest::Client::builder(),
        trace: TraceMiddleware::new(),
        redirects: Redirects::default(),
        middleware: Vec::new(),
    }
}

/// What a traced client is made of; see [`builder`].
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    client: reqwest::ClientBuilder,
    trace: TraceMiddleware,
    redirects: Redirects,
    middleware: Vec<Arc<dyn Middleware>>,
}

impl Builder {
    /// Changes what the client has besides; a redirect policy that is set there does not count.
    ///
    /// # Limits
    ///
    /// A time-out that is set there is one for each hop of a redirect: the client sees hops, not calls. For one that
    /// is for the whole call there is [`timeout`](Self::timeout).
    pub fn configure(
        mut self,
        change: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Self {
        self.client = change(self.client);
        self
    }

    /// The middleware that records the calls, if not a plain one.
    pub fn trace(mut self, trace: TraceMiddleware) -> Self {
        self.trace = trace;
        self
    }

    /// How long a call may take, all its hops and the body of its answer together; without a limit if not said. A
    /// time-out of the request's own counts instead.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.redirects.timeout = Some(timeout);
        self
    }

    /// Follows at most so many redirects of one call; 10 if not said, as reqwest does. With 0 none is followed, and
    /// the redirect is the answer.
    pub fn redirects(mut self, most: usize) -> Self {
        self.redirects.most = most;
        self
    }

    /// Does not say in a `Referer` header where a redirect came from.
    pub fn without_referer(mut self) -> Self {
        self.redirects.referer = false;
        self
    }

    /// Adds a middleware between redirects and recording, such as one that retries: each of its attempts is a span.
    pub fn with(mut self, middleware: impl Middleware) -> Self {
        self.middleware.push(Arc::new(middleware));
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    ///
    /// As [`reqwest::ClientBuilder::build`].
    pub fn build(self) -> Result<ClientWithMiddleware, reqwest::Error> {
        let client = self.client.redirect(Policy::none()).build()?;
        let mut layers = reqwest_middleware::ClientBuilder::new(client).with(self.redirects);
        for middleware in self.middleware {
            layers = layers.with_arc(middleware);
        }
        Ok(layers.with(self.trace).build())
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut builder = f.debug_struct("Builder");
        builder
            .field("client", &self.client)
            .field("trace", &self.trace);
        builder
            .field("redirects", &self.redirects)
            .finish_non_exhaustive()
    }
}
