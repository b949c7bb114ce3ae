//! Follows redirects where the middleware sees each hop.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use hopline_core::BAGGAGE;
use hopline_http::client::UrlTemplate;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, Entry, HeaderMap,
    HeaderName, HeaderValue, PROXY_AUTHORIZATION, REFERER, TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use http::{Extensions, Method, StatusCode};
use reqwest::{Request, Response, Url};
use reqwest_middleware::{Error, Middleware, Next, Result};

use crate::hop;

/// Removed where a redirect leads to another origin, as reqwest does it.
const CREDENTIALS: [HeaderName; 5] = [
    AUTHORIZATION,
    COOKIE,
    HeaderName::from_static("cookie2"),
    PROXY_AUTHORIZATION,
    WWW_AUTHENTICATE,
];

/// Removed together with the body.
const OF_BODY: [HeaderName; 4] = [
    CONTENT_TYPE,
    CONTENT_LENGTH,
    CONTENT_ENCODING,
    TRANSFER_ENCODING,
];

/// True for headers that reqwest must not add to each hop, as it does with default headers: those that a redirect
/// removes, and baggage, which the context's is joined to before.
pub(crate) fn is_for_first_hop(name: &HeaderName) -> bool {
    CREDENTIALS.contains(name) || OF_BODY.contains(name) || name == BAGGAGE
}

/// Follows the redirects that the [policy](hop::policy) lets through, by reqwest's rules for methods, bodies and
/// credentials.
#[derive(Clone, Debug)]
pub(crate) struct Follow {
    /// False if no redirect is ever followed; no copy of a request is kept then.
    pub(crate) is_on: bool,
    pub(crate) referer: bool,
    /// Of calls that have none of their own.
    pub(crate) timeout: Option<Duration>,
    /// The default headers that are [for the first hop](is_for_first_hop) alone.
    pub(crate) headers: HeaderMap,
}

#[async_trait]
impl Middleware for Follow {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let whole = request.timeout().copied().or(self.timeout);
        *request.timeout_mut() = whole;
        for (name, value) in &self.headers {
            if let Entry::Vacant(entry) = request.headers_mut().entry(name) {
                entry.insert(value.clone());
            }
        }
        if !self.is_on {
            return next.run(request, extensions).await;
        }
        let begun = Instant::now();
        let mut previous = Vec::new();
        loop {
            let sent = Copy::of(&request);
            let hop = next.clone().run(request, extensions);
            let (response, url) = hop::run(&mut previous, hop).await;
            let response = response.map_err(|error| with_call(error, &previous))?;
            let Some(url) = url else {
                return Ok(response);
            };
            request = sent.redirected(response.status());
            if let Some(previous) = previous.last() {
                if !same_origin(&url, previous) {
                    remove_all(request.headers_mut(), &CREDENTIALS);
                }
                if let Some(referer) = referer(&url, previous).filter(|_| self.referer) {
                    request.headers_mut().insert(REFERER, referer);
                }
            }
            // the time-out is one for the whole call
            if let Some(whole) = whole {
                *request.timeout_mut() = Some(whole.saturating_sub(begun.elapsed()));
            }
            *request.url_mut() = url;
            // the URL that a redirect leads to has another template
            extensions.remove::<UrlTemplate>();
        }
    }
}

/// The error of a hop with the URL of the call, which is the one that reqwest puts there.
///
/// Errors about a redirect itself have a URL of their own.
fn with_call(error: Error, previous: &[Url]) -> Error {
    match previous.first() {
        Some(call) if !(error.is_redirect() || error.is_builder()) => error.with_url(call.clone()),
        _ => error,
    }
}

/// A request to send again, as it was before headers were added to it.
struct Copy(Request);

impl Copy {
    fn of(request: &Request) -> Self {
        Self(request.try_clone().unwrap_or_else(|| {
            // a body that is a stream: reqwest follows only where the next request has none
            let mut copy = Request::new(request.method().clone(), request.url().clone());
            *copy.headers_mut() = request.headers().clone();
            *copy.version_mut() = request.version();
            copy
        }))
    }

    fn redirected(self, status: StatusCode) -> Request {
        let mut request = self.0;
        if becomes_get(request.method(), status) {
            if request.method() != Method::HEAD {
                *request.method_mut() = Method::GET;
            }
            *request.body_mut() = None;
            remove_all(request.headers_mut(), &OF_BODY);
        }
        request
    }
}

/// True if the next request has no body (RFC 9110, section 15.4).
fn becomes_get(method: &Method, status: StatusCode) -> bool {
    match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => method == Method::POST,
        status => status == StatusCode::SEE_OTHER,
    }
}

fn same_origin(one: &Url, other: &Url) -> bool {
    one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
        && one.scheme() == other.scheme()
}

fn remove_all(headers: &mut HeaderMap, names: &[HeaderName]) {
    for name in names {
        headers.remove(name);
    }
}

/// The previous URL without its user; none where the next connection is without TLS and the previous one was not.
fn referer(next: &Url, previous: &Url) -> Option<HeaderValue> {
    if next.scheme() == "http" && previous.scheme() == "https" {
        return None;
    }
    let mut referer = previous.clone();
    referer.set_username("").ok()?;
    referer.set_password(None).ok()?;
    referer.set_fragment(None);
    HeaderValue::from_str(referer.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |one: &str, other: &str| {
            let url = |text: &str| Url::parse(text).unwrap();
            same_origin(&url(one), &url(other))
        };
        for (one, other) in [
            ("http://shop.example/a", "http://shop.example:80/b?c"),
            ("https://shop.example/a", "https://SHOP.example:443/"),
            ("http://u:p@shop.example/", "http://shop.example/"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("https://shop.example:8443/", "http://shop.example:8443/"),
            ("http://shop.example/", "http://shop.example:8080/"),
            ("http://shop.example/", "http://www.shop.example/"),
            ("http://shop.example/", "http://shop.example./"),
            ("http://127.0.0.1/", "http://localhost/"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }
}
