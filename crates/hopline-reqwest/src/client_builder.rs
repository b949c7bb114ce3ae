//! The builder of traced clients that follow redirects themselves.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::HeaderMap;
use reqwest_middleware::{ClientWithMiddleware, Middleware};

use crate::build_error::BuildError;
use crate::follow::{Follow, is_for_first_hop};
use crate::hop::{self, HopPolicy};
use crate::middleware::TraceMiddleware;
use crate::redirect::Policy;
use crate::settings::{Marker, is_https_only};

/// Builds a traced client that follows redirects itself: one span per hop, and headers decided for each host.
///
/// Calls have the same outcomes as with a plain [`reqwest::Client`]. With [`traced`](crate::ClientExt::traced), reqwest
/// follows redirects inside the middleware: one span and one set of headers for all hops, without baggage.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use hopline_reqwest::{ClientBuilder, redirect::Policy};
///
/// let client = ClientBuilder::new()
///     .configure(|client| client.connect_timeout(Duration::from_secs(2)))
///     .no_headers_to(["*.partner.example"])
///     .redirect(Policy::limited(5))
///     .timeout(Duration::from_secs(10))
///     .build()?;
/// assert_eq!(client.get("http://inventory:4002/stock/7").build()?.url().path(), "/stock/7");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct ClientBuilder {
    client: reqwest::ClientBuilder,
    marker: Marker,
    is_configured: bool,
    trace: TraceMiddleware,
    policy: Policy,
    follow: Follow,
    baggage_to: Vec<String>,
    no_headers_to: Vec<String>,
    middleware: Vec<Arc<dyn Middleware>>,
}

impl ClientBuilder {
    /// Creates a builder with the defaults of reqwest, and those of [`TraceMiddleware::new`].
    pub fn new() -> Self {
        let (marker, client) = Marker::new();
        Self {
            client,
            marker,
            is_configured: false,
            trace: TraceMiddleware::new(),
            policy: Policy::default(),
            follow: Follow {
                is_on: true,
                referer: true,
                timeout: None,
                headers: HeaderMap::new(),
            },
            baggage_to: Vec::new(),
            no_headers_to: Vec::new(),
            middleware: Vec::new(),
        }
    }

    /// Changes the settings of reqwest's builder: TLS, proxies, connections, cookies, compression and so on.
    ///
    /// Settings of the whole call have methods here, because reqwest's builder would apply them to each hop:
    /// [`redirect`](Self::redirect), [`referer`](Self::referer), [`timeout`](Self::timeout), and
    /// [`default_headers`](Self::default_headers) with credentials. [`build`](Self::build) returns an error if `configure`
    /// sets them.
    pub fn configure(
        mut self,
        change: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Self {
        self.client = change(self.client);
        self.is_configured = true;
        self
    }

    /// Records calls with this middleware, which has the options of spans. Defaults to [`TraceMiddleware::new`].
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_reqwest::{ClientBuilder, TraceMiddleware};
    ///
    /// let builder = ClientBuilder::new().trace(TraceMiddleware::new().until_body_end());
    /// ```
    pub fn trace(mut self, trace: TraceMiddleware) -> Self {
        self.trace = trace;
        self
    }

    /// Sends baggage to these hosts as well as to [internal](hopline_http::Host::is_internal) ones, for each hop.
    ///
    /// `*.corp.example` means all names below, `*` all hosts. Of a URL or a host with a port, only the host is used.
    /// Names beyond ASCII match their `xn--` form.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_reqwest::ClientBuilder;
    ///
    /// let builder = ClientBuilder::new().baggage_to(["billing.example.com", "*.corp.example"]);
    /// ```
    pub fn baggage_to<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.baggage_to.extend(hosts.into_iter().map(in_ascii));
        self
    }

    /// Sends no trace headers and no baggage to these hosts, also if a redirect leads there. They are written as for
    /// [`baggage_to`](Self::baggage_to).
    pub fn no_headers_to<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.no_headers_to.extend(hosts.into_iter().map(in_ascii));
        self
    }

    /// Adds headers to each call that has none of the same name, as [`reqwest::ClientBuilder::default_headers`] does.
    ///
    /// Credentials are not sent to another origin: `authorization`, `cookie`, `cookie2`, `proxy-authorization` and
    /// `www-authenticate` are removed on such a redirect, as in reqwest. The plain client inside (`as_ref()`) does not
    /// have them.
    pub fn default_headers(mut self, headers: HeaderMap) -> Self {
        let mut plain = HeaderMap::new();
        for (name, value) in &headers {
            let all = match is_for_first_hop(name) {
                true => &mut self.follow.headers,
                false => &mut plain,
            };
            all.insert(name, value.clone());
        }
        self.client = self.client.default_headers(plain);
        self
    }

    /// Limits the time of a call: all hops and the body of the response together. A time-out of the request takes
    /// precedence. Defaults to no limit.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.follow.timeout = Some(timeout);
        self
    }

    /// Evaluates this policy for each redirect. Defaults to up to 10 redirects per call, as in reqwest.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_reqwest::{ClientBuilder, redirect::Policy};
    ///
    /// let client = ClientBuilder::new().redirect(Policy::none()).build()?;
    /// # Ok::<(), hopline_reqwest::BuildError>(())
    /// ```
    pub fn redirect(mut self, policy: Policy) -> Self {
        self.follow.is_on = !policy.is_none();
        self.policy = policy;
        self
    }

    /// Sends a `Referer` header with requests after a redirect. Defaults to true, as in reqwest.
    pub fn referer(mut self, enable: bool) -> Self {
        self.follow.referer = enable;
        self
    }

    /// Adds a middleware around each call, such as one that retries or adds a token. The first added is the outermost.
    ///
    /// It handles whole calls, as in [`reqwest_middleware::ClientBuilder`]: redirects are followed inside it, and a token
    /// that it adds is not sent to another origin.
    ///
    /// # Limits
    ///
    /// A middleware that is added later, by `reqwest_middleware::ClientBuilder::from_client`, handles single hops: headers
    /// that it adds are sent to each host that a redirect leads to.
    pub fn with(mut self, middleware: impl Middleware) -> Self {
        self.middleware.push(Arc::new(middleware));
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// Returns an error if reqwest cannot build the client, or if [`configure`](Self::configure) made a setting that would
    /// hold for single hops instead of the call.
    pub fn build(self) -> Result<ClientWithMiddleware, BuildError> {
        if self.is_configured {
            self.marker.check(&self.client)?;
        }
        let policy = Arc::new(HopPolicy {
            policy: self.policy,
            https_only: OnceLock::new(),
        });
        let client = self.client.redirect(hop::policy(policy.clone())).build()?;
        policy.https_only.get_or_init(|| is_https_only(&client));
        let mut layers = reqwest_middleware::ClientBuilder::new(client);
        for middleware in self.middleware {
            layers = layers.with_arc(middleware);
        }
        let baggage_to = self.baggage_to.iter().map(String::as_str);
        let no_headers_to = self.no_headers_to.iter().map(String::as_str);
        let trace = self.trace.for_hops(baggage_to, no_headers_to);
        Ok(layers.with(self.follow).with(trace).build())
    }
}

/// Returns a name as URLs have it: `xn--…` for letters beyond ASCII.
fn in_ascii(host: &str) -> String {
    let (below, name) = match host.strip_prefix("*.") {
        Some(name) => ("*.", name),
        None => ("", host),
    };
    let url = (!name.is_ascii()).then(|| reqwest::Url::parse(&format!("http://{name}")));
    match url.as_ref().and_then(|url| url.as_ref().ok()?.host_str()) {
        Some(ascii) => format!("{below}{ascii}"),
        None => host.to_owned(),
    }
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut builder = f.debug_struct("ClientBuilder");
        builder
            .field("client", &self.client)
            .field("trace", &self.trace)
            .field("redirect", &self.policy)
            .field("referer", &self.follow.referer)
            .field("timeout", &self.follow.timeout)
            .field("baggage_to", &self.baggage_to)
            .field("no_headers_to", &self.no_headers_to);
        builder.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::in_ascii;

    #[test]
    fn names_beyond_ascii_are_converted_as_in_urls() {
        assert_eq!(in_ascii("b\u{fc}cher.example"), "xn--bcher-kva.example");
        assert_eq!(in_ascii("*.b\u{fc}cher.example"), "*.xn--bcher-kva.example");
        assert_eq!(in_ascii("*.shop.example"), "*.shop.example");
    }
}
