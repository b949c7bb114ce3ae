//! A client that follows redirects in sight of the middleware.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::HeaderMap;
use reqwest_middleware::{ClientWithMiddleware, Middleware};

use crate::build_error::BuildError;
use crate::follow::{Follow, is_for_first_hop};
use crate::hop::{self, Asked};
use crate::middleware::TraceMiddleware;
use crate::redirect::Policy;
use crate::settings::{Marker, is_https_only};

/// Starts a traced client that follows redirects itself: one span per hop, and headers decided anew for each host.
///
/// Calls have the same outcome as with a plain [`reqwest::Client`]. With [`traced`](crate::ClientExt::traced), reqwest
/// follows below the middleware: one span and one set of headers for all hops, without baggage.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use hopline_reqwest::redirect::Policy;
///
/// let client = hopline_reqwest::builder()
///     .configure(|client| client.connect_timeout(Duration::from_secs(2)))
///     .no_headers_to(["*.partner.example"])
///     .redirect(Policy::limited(5))
///     .timeout(Duration::from_secs(10))
///     .build()?;
/// # Ok::<(), hopline_reqwest::BuildError>(())
/// ```
pub fn builder() -> Builder {
    let (marker, client) = Marker::new();
    Builder {
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

/// The parts of a traced client; see [`builder`].
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
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

impl Builder {
    /// Changes the settings of reqwest's own builder: TLS, proxies, connections, cookies, compression and so on.
    ///
    /// Settings that hold for whole calls have methods here, since reqwest's builder would apply them to each hop:
    /// [`redirect`](Self::redirect), [`referer`](Self::referer), [`timeout`](Self::timeout), and
    /// [`default_headers`](Self::default_headers) with credentials. [`build`](Self::build) refuses them where they
    /// are set in `configure`.
    pub fn configure(
        mut self,
        change: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Self {
        self.client = change(self.client);
        self.is_configured = true;
        self
    }

    /// Records the calls with this middleware. Defaults to [`TraceMiddleware::new`].
    pub fn trace(mut self, trace: TraceMiddleware) -> Self {
        self.trace = trace;
        self
    }

    /// Sends baggage to these hosts as well as to [internal](hopline_http::is_internal_host) ones. `*.corp.example`
    /// means all below, `*` all hosts; a scheme, port or path is ignored.
    pub fn baggage_to<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.baggage_to.extend(hosts.into_iter().map(in_ascii));
        self
    }

    /// Sends no trace headers and no baggage to these hosts, redirects included. `*.partner.example` means all below,
    /// `*` all hosts; a scheme, port or path is ignored.
    pub fn no_headers_to<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.no_headers_to.extend(hosts.into_iter().map(in_ascii));
        self
    }

    /// Adds headers to each call that has none of the same name, as [`reqwest::ClientBuilder::default_headers`] does.
    ///
    /// A redirect to another origin takes no credentials along: `authorization`, `cookie`, `cookie2`,
    /// `proxy-authorization` and `www-authenticate` are removed, as reqwest does it. The plain client inside
    /// (`as_ref()`) has none of these.
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

    /// Limits the time of a call, all its hops and the body of its response together. A time-out of the request itself
    /// takes precedence. Defaults to no limit.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.follow.timeout = Some(timeout);
        self
    }

    /// Decides about redirects by this policy. Defaults to following up to 10 redirects of one call, as reqwest does.
    ///
    /// ```
    /// use hopline_reqwest::redirect::Policy;
    ///
    /// let client = hopline_reqwest::builder().redirect(Policy::none()).build()?;
    /// # Ok::<(), hopline_reqwest::BuildError>(())
    /// ```
    pub fn redirect(mut self, policy: Policy) -> Self {
        self.follow.is_on = !policy.is_none();
        self.policy = policy;
        self
    }

    /// Sends a `Referer` header with the requests that follow a redirect. Defaults to true, as in reqwest.
    pub fn referer(mut self, enable: bool) -> Self {
        self.follow.referer = enable;
        self
    }

    /// Adds a middleware around each call, such as one that retries or adds a token. The first added is the outermost.
    ///
    /// It sees whole calls, as in a plain [`reqwest_middleware::ClientBuilder`]: redirects are followed inside it, and
    /// a token that it adds stays within the call's origin.
    ///
    /// # Limits
    ///
    /// A middleware that is added to the client afterwards, by `ClientBuilder::from_client`, is inside: it sees hops,
    /// and headers that it adds are sent to each host that a redirect leads to.
    pub fn with(mut self, middleware: impl Middleware) -> Self {
        self.middleware.push(Arc::new(middleware));
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    ///
    /// Returns an error if reqwest cannot build the client, and if [`configure`](Self::configure) made a setting that
    /// would not hold across redirects.
    pub fn build(self) -> Result<ClientWithMiddleware, BuildError> {
        if self.is_configured {
            self.marker.check(&self.client)?;
        }
        let asked = Arc::new(Asked {
            policy: self.policy,
            https_only: OnceLock::new(),
        });
        let client = self.client.redirect(hop::policy(asked.clone())).build()?;
        asked.https_only.get_or_init(|| is_https_only(&client));
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

/// A name in the form that URLs have it in: `xn--…` for letters beyond ASCII.
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

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut builder = f.debug_struct("Builder");
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
    fn names_beyond_ascii_are_those_of_urls() {
        assert_eq!(in_ascii("b\u{fc}cher.example"), "xn--bcher-kva.example");
        assert_eq!(in_ascii("*.b\u{fc}cher.example"), "*.xn--bcher-kva.example");
        assert_eq!(in_ascii("*.shop.example"), "*.shop.example");
    }
}
