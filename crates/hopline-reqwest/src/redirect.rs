//! Redirects, followed where the middleware sees each hop.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use hopline_http::client::UrlTemplate;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName,
    HeaderValue, LOCATION, PROXY_AUTHORIZATION, REFERER, TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use http::{Extensions, Method, StatusCode};
use reqwest::{Request, Response, Url};
use reqwest_middleware::{Error, Middleware, Next, Result};

/// What a call may not lead to any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectError {
    /// More redirects than the client follows.
    #[error("more than {0} redirects")]
    TooMany(usize),
    /// It led to something that is not `http` or `https`.
    #[error("a redirect to a URL of scheme `{0}`")]
    Scheme(String),
}

/// Follows redirects by reqwest's rules for methods, bodies and credentials.
#[derive(Clone, Debug)]
pub(crate) struct Redirects {
    pub(crate) most: usize,
    pub(crate) referer: bool,
    /// Of calls that have none of their own.
    pub(crate) timeout: Option<Duration>,
}

impl Default for Redirects {
    fn default() -> Self {
        Self {
            most: 10,
            referer: true,
            timeout: None,
        }
    }
}

#[async_trait]
impl Middleware for Redirects {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let whole = request.timeout().copied().or(self.timeout);
        *request.timeout_mut() = whole;
        if self.most == 0 {
            return next.run(request, extensions).await;
        }
        let begun = Instant::now();
        let mut followed = 0;
        loop {
            let sent = Copy::of(&request);
            let response = next.clone().run(request, extensions).await?;
            let Some(url) = sent.leads_to(&response) else {
                return Ok(response);
            };
            followed += 1;
            if followed > self.most {
                return Err(Error::middleware(RedirectError::TooMany(self.most)));
            }
            if !matches!(url.scheme(), "http" | "https") {
                let scheme = url.scheme().to_owned();
                return Err(Error::middleware(RedirectError::Scheme(scheme)));
            }
            let previous = sent.request.url().clone();
            request = sent.redirected(response.status());
            if !same_origin(&url, &previous) {
                strip_credentials(request.headers_mut());
            }
            if let Some(referer) = referer(&url, &previous).filter(|_| self.referer) {
                request.headers_mut().insert(REFERER, referer);
            }
            // the time-out is one for the whole call
            if let Some(whole) = whole {
                *request.timeout_mut() = Some(whole.saturating_sub(begun.elapsed()));
            }
            *request.url_mut() = url;
            // where a redirect leads is another template
            extensions.remove::<UrlTemplate>();
        }
    }
}

/// A request to send again, as it was before headers were added to it.
struct Copy {
    request: Request,
    /// False if the body was a stream, which is gone once it was sent.
    whole: bool,
}

impl Copy {
    fn of(request: &Request) -> Self {
        if let Some(request) = request.try_clone() {
            return Self {
                request,
                whole: true,
            };
        }
        let mut copy = Request::new(request.method().clone(), request.url().clone());
        *copy.headers_mut() = request.headers().clone();
        *copy.version_mut() = request.version();
        Self {
            request: copy,
            whole: false,
        }
    }

    /// Where to go on; nothing if the answer is no redirect, or one that cannot be followed.
    fn leads_to(&self, answer: &Response) -> Option<Url> {
        let status = answer.status();
        let redirect = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
        if !redirect || !(self.whole || self.drops_body(status)) {
            return None;
        }
        let location = answer.headers().get(LOCATION)?;
        let location = std::str::from_utf8(location.as_bytes()).ok()?;
        self.request.url().join(location).ok()
    }

    fn redirected(self, status: StatusCode) -> Request {
        let drops_body = self.drops_body(status);
        let mut request = self.request;
        if drops_body {
            if request.method() != Method::HEAD {
                *request.method_mut() = Method::GET;
            }
            *request.body_mut() = None;
            for name in [
                CONTENT_TYPE,
                CONTENT_LENGTH,
                CONTENT_ENCODING,
                TRANSFER_ENCODING,
            ] {
                request.headers_mut().remove(name);
            }
        }
        request
    }

    /// True if what follows is a GET (RFC 9110, section 15.4).
    fn drops_body(&self, status: StatusCode) -> bool {
        match status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => {
                self.request.method() == Method::POST
            }
            status => status == StatusCode::SEE_OTHER,
        }
    }
}

fn same_origin(one: &Url, other: &Url) -> bool {
    one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
        && one.scheme() == other.scheme()
}

fn strip_credentials(headers: &mut HeaderMap) {
    const COOKIE2: HeaderName = HeaderName::from_static("cookie2");
    for name in [
        AUTHORIZATION,
        COOKIE,
        COOKIE2,
        PROXY_AUTHORIZATION,
        WWW_AUTHENTICATE,
    ] {
        headers.remove(name);
    }
}

/// Nothing is said to a connection without TLS of one with it.
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
