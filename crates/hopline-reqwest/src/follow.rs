//! The middleware that follows redirects, outside the one that records hops.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use hopline_core::propagation::BAGGAGE;
use hopline_http::client::UrlTemplate;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, Entry, HeaderMap,
    HeaderName, HeaderValue, PROXY_AUTHORIZATION, REFERER, TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use http::{Extensions, Method, StatusCode};
use reqwest::{Request, Response, Url};
use reqwest_middleware::{Error, Middleware, Next, Result};

use crate::hop;

/// Headers removed from a request to another origin, as in reqwest.
const CREDENTIALS: [HeaderName; 5] = [
    AUTHORIZATION,
    COOKIE,
    HeaderName::from_static("cookie2"),
    PROXY_AUTHORIZATION,
    WWW_AUTHENTICATE,
];

/// Headers removed together with the body.
const OF_BODY: [HeaderName; 4] = [
    CONTENT_TYPE,
    CONTENT_LENGTH,
    CONTENT_ENCODING,
    TRANSFER_ENCODING,
];

/// Returns true for default headers that reqwest must not add to each hop: those that a redirect removes, and `baggage`,
/// which the context's baggage is appended to first.
pub(crate) fn is_for_first_hop(name: &HeaderName) -> bool {
    CREDENTIALS.contains(name) || OF_BODY.contains(name) || name == BAGGAGE
}

/// Follows the redirects that the [policy](hop::policy) allows, by reqwest's rules for methods, bodies and credentials.
#[derive(Clone, Debug)]
pub(crate) struct Follow {
    /// False if the policy follows no redirects, so that requests need not be copied.
    pub(crate) is_on: bool,
    pub(crate) referer: bool,
    /// The time-out of calls that have none.
    pub(crate) timeout: Option<Duration>,
    /// The default headers that are added [only to the first hop](is_for_first_hop).
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
        let timeout = request.timeout().copied().or(self.timeout);
        *request.timeout_mut() = timeout;
        for (name, value) in &self.headers {
            if let Entry::Vacant(entry) = request.headers_mut().entry(name) {
                entry.insert(value.clone());
            }
        }
        if !self.is_on {
            return next.run(request, extensions).await;
        }
        let started = Instant::now();
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
            // the time-out limits the call, not the hop
            if let Some(timeout) = timeout {
                *request.timeout_mut() = Some(timeout.saturating_sub(started.elapsed()));
            }
            *request.url_mut() = url;
            // the next URL has another template, which is not known
            extensions.remove::<UrlTemplate>();
        }
    }
}

/// Sets the URL of a hop's error to that of the call, as reqwest does. Errors about a redirect keep the redirect's URL.
fn with_call(error: Error, previous: &[Url]) -> Error {
    match previous.first() {
        Some(call) if !(error.is_redirect() || error.is_builder()) => error.with_url(call.clone()),
        _ => error,
    }
}

/// A copy of a request, made before the middleware inside adds headers.
struct Copy(Request);

impl Copy {
    fn of(request: &Request) -> Self {
        Self(request.try_clone().unwrap_or_else(|| {
            // the body is a stream: reqwest follows only redirects after which the request has no body
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

/// Returns true if the next request has no body (RFC 9110, section 15.4).
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

/// Returns the previous URL without user and fragment. The Referer is not sent from https to http.
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
