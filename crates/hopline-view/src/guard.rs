//! The rules that each request passes before a route sees it: host, token, origin. Called for page, API and OTLP alike.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::assets::Document;
use crate::error::ApiError;

/// The access rules of one listener or mount.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    rules: Arc<Rules>,
}

/// Shared by all requests of the listener; never changed.
///
/// A page shows what requests contain, so reading it needs as much protection as changing something.
#[derive(Debug)]
struct Rules {
    /// Additional host names, in small letters.
    hosts: Vec<String>,
    /// `None` permits requests of this machine only.
    token: Option<Token>,
    /// Mounted in an application, whose listener may be reachable from elsewhere.
    is_mounted: bool,
}

/// A shared secret; not printed.
///
/// Compared by `is_same`, in constant time.
struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The header that a page of another origin cannot send without a preflight, which is not answered.
///
/// Any other header would do as well; its value is not read.
pub(crate) const OWN_HEADER: &str = "x-hopline-view";

/// Start of the name of the cookie with the token, for a browser that opened a link with the token.
const COOKIE: &str = "hopline_view";

impl Guard {
    /// Makes the rules. `hosts` are names in addition to `localhost`; `is_mounted` is for an application's own listener.
    pub(crate) fn new(hosts: &[String], token: Option<String>, is_mounted: bool) -> Self {
        let rules = Rules {
            hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            token: token.map(Token),
            is_mounted,
        };
        Self {
            rules: Arc::new(rules),
        }
    }

    /// Refuses a request from another host, without the token, or from another origin.
    ///
    /// The host is checked first: DNS rebinding makes a page of another site same-origin, and only the host shows it.
    ///
    /// The peer is unknown within an application that does not pass `ConnectInfo` on. The host decides then: without a
    /// token, it has to be this machine's.
    ///
    /// # Errors
    ///
    /// 403 for a host or a machine that is not allowed, 401 without the right token.
    fn check(&self, request: &Request) -> Result<(), ApiError> {
        let host = host(request).ok_or_else(|| ApiError::forbidden("the request names no host"))?;
        if !self.allows_host(host) {
            return Err(ApiError::forbidden(
                "the request names a host that is not this machine, so it is refused (DNS rebinding); use localhost, or allow the host",
            ));
        }
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        if self.rules.token.is_none()
            && peer.is_some_and(|peer| !peer.0.ip().to_canonical().is_loopback())
        {
            return Err(ApiError::forbidden(
                "the request is from another machine, and no token is set",
            ));
        }
        self.check_token(request)
    }

    /// The owner of a name can make it resolve to this machine; an address cannot be rebound.
    ///
    /// Returns true for `localhost`, the additional names, and addresses; within an application without a token for loopback
    /// addresses alone.
    fn allows_host(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else {
            return false;
        };
        let host = authority.host().to_ascii_lowercase();
        if host == "localhost" || host.ends_with(".localhost") || self.rules.hosts.contains(&host) {
            return true;
        }
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let Ok(address) = address.parse::<IpAddr>() else {
            return false;
        };
        let needs_loopback = self.rules.is_mounted && self.rules.token.is_none();
        !needs_loopback || address.to_canonical().is_loopback()
    }

    /// Looks for the token in the header `authorization`, the cookie and the query. One of them has to be right: a browser
    /// may have the cookie of an earlier run when it opens a link with the new token.
    ///
    /// # Errors
    ///
    /// 401 if the token is in none of these places.
    fn check_token(&self, request: &Request) -> Result<(), ApiError> {
        let Some(token) = &self.rules.token else {
            return Ok(());
        };
        let headers = request.headers();
        let bearer = text(headers, header::AUTHORIZATION.as_str())
            .and_then(|value| value.strip_prefix("Bearer "));
        let mut given = [bearer, cookie(request), token_of_query(request)]
            .into_iter()
            .flatten();
        if given.any(|given| is_same(given, &token.0)) {
            Ok(())
        } else {
            Err(ApiError::unauthorized())
        }
    }

    /// The cookie of a browser that opened the link with the token in it.
    ///
    /// `HttpOnly` keeps it from scripts, and `SameSite=Strict` from requests of other sites.
    fn cookie_for(&self, request: &Request) -> Option<HeaderValue> {
        let token = self.rules.token.as_ref()?;
        token_of_query(request).filter(|given| is_same(given, &token.0))?;
        let name = cookie_name(host(request)?);
        HeaderValue::from_str(&format!(
            "{name}={}; HttpOnly; SameSite=Strict; Path=/",
            token.0
        ))
        .ok()
    }
}

/// Applies the rules, and the headers that every answer has.
///
/// The headers forbid other sites to embed the page, to read its answers, and to learn its address. A refusal has
/// them too.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let cookie = guard.cookie_for(&request);
    let refused = guard.check(&request).and_then(|()| check_origin(&request));
    let mut response = match refused {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    if let Some(cookie) = cookie {
        headers.insert(header::SET_COOKIE, cookie);
    }
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            header::HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(Document::strict_policy()),
        );
    }
    response
}

/// The rules of the OTLP listener: host and token, and answers to loopback origins only.
///
/// A page of this machine may send spans by `fetch`, for which a browser sends a preflight first (CORS). Requests
/// without an origin are from exporters, not from pages.
#[cfg(feature = "server")]
pub(crate) async fn guard_otlp(
    State(guard): State<Guard>,
    request: Request,
    next: Next,
) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let is_preflight = request.method() == Method::OPTIONS;
    // a preflight has no token
    let checked = if is_preflight {
        let host = host(&request).is_some_and(|host| guard.allows_host(host));
        host.then_some(())
            .ok_or_else(|| ApiError::forbidden("not a host of this machine"))
    } else {
        guard.check(&request)
    };
    if let Err(error) = checked {
        return error.into_response();
    }
    let Some(origin) = origin else {
        return next.run(request).await;
    };
    if !is_loopback_origin(&origin) {
        return ApiError::forbidden("spans are taken from pages of this machine only")
            .into_response();
    }
    let mut response = if is_preflight {
        axum::http::StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    if is_preflight {
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("POST"),
        );
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("content-type, content-encoding, authorization"),
        );
        headers.insert(
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from_static("600"),
        );
    }
    response
}

/// A change needs our header, and an origin, if there is one, that is this page's.
///
/// A form of another site can send a `POST` with the cookie of this page, but no header of its own. This prevents
/// cross-site request forgery.
///
/// # Errors
///
/// 403 without the header, or for an origin with another host or port.
fn check_origin(request: &Request) -> Result<(), ApiError> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(());
    }
    if !request.headers().contains_key(OWN_HEADER) {
        return Err(ApiError::forbidden(
            "a request that changes something needs the header `x-hopline-view: 1`",
        ));
    }
    let Some(origin) = request.headers().get(header::ORIGIN) else {
        return Ok(());
    };
    let of_page = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    if of_page.is_some_and(|(_, authority)| Some(authority) == host(request)) {
        Ok(())
    } else {
        Err(ApiError::forbidden(
            "the request is from a page of another origin",
        ))
    }
}

/// Host and port that the request names: the authority of HTTP/2, or the header `host` of HTTP/1.1.
fn host(request: &Request) -> Option<&str> {
    let authority = request.uri().authority().map(Authority::as_str);
    authority.or_else(|| text(request.headers(), header::HOST.as_str()))
}

/// True for an origin on this machine with any port: a development server has its own.
#[cfg(feature = "server")]
fn is_loopback_origin(origin: &HeaderValue) -> bool {
    let Some((_, authority)) = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
    else {
        return false;
    };
    let Ok(authority) = authority.parse::<Authority>() else {
        return false;
    };
    let host = authority.host();
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    host == "localhost"
        || host.ends_with(".localhost")
        || address.is_ok_and(|address| address.is_loopback())
}

/// Value of a header; `None` if it is absent or not ASCII.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Token of the cookie. Other cookies of the host are skipped, those of viewers on other ports too.
fn cookie(request: &Request) -> Option<&str> {
    let cookies = text(request.headers(), header::COOKIE.as_str())?;
    let own = cookie_name(host(request)?);
    let mut pairs = cookies
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == own).map(|(_, value)| value)
}

/// Name of the cookie of a viewer at this host and port. A browser sends the cookies of a host to each of its ports (RFC 6265,
/// section 8.5), so viewers on two ports need two names.
fn cookie_name(authority: &str) -> String {
    let port = authority
        .parse::<Authority>()
        .ok()
        .and_then(|authority| authority.port_u16());
    port.map_or_else(|| COOKIE.to_owned(), |port| format!("{COOKIE}_{port}"))
}

/// Token of the query, as it is written: a token needs no percent-encoding.
fn token_of_query(request: &Request) -> Option<&str> {
    let mut pairs = request
        .uri()
        .query()?
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(name, _)| *name == "token")
        .map(|(_, value)| value)
}

/// Compares without stopping at the first difference, so that the time gives no hint.
///
/// The length is compared first, so it is not secret.
fn is_same(given: &str, token: &str) -> bool {
    given.len() == token.len()
        && given
            .bytes()
            .zip(token.bytes())
            .fold(0, |all, (a, b)| all | (a ^ b))
            == 0
}
