//! OTLP over HTTP: requests by reqwest, with limits on the response.
//!
//! The transport calls it. Redirects, proxies for loopback, retries and decompression by the client are off: they would
//! send credentials to other hosts, or read without a limit.

use std::fmt;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Request, Response, Url, redirect};
use tokio::time::{Instant, timeout_at};

use super::endpoint::is_loopback;
use super::gzip;
use super::problem::{ConfigError, Problem};
use super::reply::{MAX_RESPONSE, Reply, ResponseStatus, USER_AGENT, innermost};
use super::response::{self, PartialSuccess};
use super::settings::{Protocol, Settings};

/// A client for one endpoint.
pub(super) struct Http {
    client: Client,
    endpoint: Url,
    content_type: HeaderValue,
    gzip: bool,
    timeout: Duration,
}

/// The bytes that are read of a response of failure, for its message.
const MAX_FAILURE: usize = 16 * 1024;

impl Http {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let mut client = Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(settings.headers.clone())
            // a redirect would send the credentials in the headers to another host
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            // another crate may enable these features; the client unpacks without a limit
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .referer(false);
        if is_loopback(&settings.endpoint) {
            client = client.no_proxy();
        }
        #[cfg(feature = "tls")]
        {
            client = settings.tls.apply(client)?;
        }
        let client = client
            .build()
            .map_err(|error| Problem::Client(innermost(&error)))?;
        Ok(Self {
            client,
            endpoint: settings.endpoint.clone(),
            content_type: HeaderValue::from_static(match settings.protocol {
                Protocol::HttpJson => "application/json",
                _ => "application/x-protobuf",
            }),
            gzip: settings.gzip,
            timeout: settings.timeout,
        })
    }

    /// A request with this body, compressed if the settings ask for it. It can be sent several times.
    pub(super) fn request(&self, body: Vec<u8>) -> Result<Request, String> {
        let mut post = self
            .client
            .post(self.endpoint.clone())
            .header(CONTENT_TYPE, self.content_type.clone())
            .header(ACCEPT, self.content_type.clone());
        let body = if self.gzip {
            post = post.header(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            gzip::packed(&body).map_err(|error| error.to_string())?
        } else {
            body
        };
        post.body(body).build().map_err(|error| innermost(&error))
    }

    /// Sends a request once.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the collector may or may not have accepted the request.
    pub(super) async fn send(&self, request: &Request) -> Reply {
        let Some(request) = request.try_clone() else {
            return Reply::unsendable("the request cannot be copied");
        };
        // one limit for connection and response together
        let deadline = Instant::now() + self.timeout;
        match timeout_at(deadline, self.client.execute(request)).await {
            Ok(Ok(response)) => judge(response, deadline).await,
            Ok(Err(error)) if error.is_builder() => Reply::unsendable(innermost(&error)),
            Ok(Err(error)) => Reply::from_error(&error),
            Err(_) => Reply::timed_out(self.timeout),
        }
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

/// The outcome of a response, from its status and body.
async fn judge(response: Response, deadline: Instant) -> Reply {
    let status = response.status();
    if status.is_success() {
        return taken(response, deadline).await;
    }
    if let Some(reply) = Reply::from_http_status(status, response.headers()) {
        return reply;
    }
    let content_type = text_of(response.headers(), CONTENT_TYPE).map(str::to_owned);
    // a body that breaks off loses a part of its message only
    let (body, _) = read(response, MAX_FAILURE, deadline).await;
    let message = response::failure(content_type.as_deref(), &body);
    let why = response::with_message(format!("the collector answered {status}"), &message);
    match response::is_about_size(&message) {
        true => Reply::TooLarge(why),
        false => Reply::Rejected {
            why,
            status: Some(ResponseStatus::Http(status)),
        },
    }
}

/// The end of reading a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Whole,
    TooLong,
    BrokeOff,
}

/// Reads up to `most` bytes of a body, until the deadline.
async fn read(mut response: Response, most: usize, deadline: Instant) -> (Vec<u8>, End) {
    let mut body = Vec::new();
    let reading = async {
        while let Some(chunk) = response.chunk().await? {
            let room = most.saturating_sub(body.len());
            body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if chunk.len() > room {
                return Ok(End::TooLong);
            }
        }
        Ok::<_, reqwest::Error>(End::Whole)
    };
    let end = timeout_at(deadline, reading).await;
    (body, end.ok().and_then(Result::ok).unwrap_or(End::BrokeOff))
}

/// The outcome of a 2xx response. Even if its body is unreadable the spans may have been accepted, so they are not sent
/// again.
async fn taken(response: Response, deadline: Instant) -> Reply {
    let status = response.status();
    let headers = response.headers();
    let content_type = text_of(headers, CONTENT_TYPE).map(str::to_owned);
    let encoding = text_of(headers, CONTENT_ENCODING).map(str::to_ascii_lowercase);
    let content_type = content_type.as_deref();
    let (body, end) = read(response, MAX_RESPONSE, deadline).await;
    let not_otlp = || Reply::Unconfirmed(response::not_otlp(status, content_type));
    let too_long = || Reply::Unconfirmed("its answer exceeds 4 MiB".to_owned());
    // the part that was read is a collector's
    let unread = |why: &str| match response::may_be_otlp(content_type) {
        true => Reply::Accepted(PartialSuccess::remark(why)),
        false => not_otlp(),
    };
    match end {
        End::TooLong => return too_long(),
        End::BrokeOff => return unread("its answer broke off"),
        End::Whole => {}
    }
    let body = match encoding.as_deref() {
        None | Some("identity") => body,
        // not requested, but some proxies compress every response
        Some("gzip") => match gzip::unpacked(&body, MAX_RESPONSE) {
            Ok(Some(plain)) => plain,
            Ok(None) => return too_long(),
            Err(_) => return unread("its answer cannot be unpacked"),
        },
        Some(_) => return unread("its answer has a content encoding that was not requested"),
    };
    match response::partial_success(content_type, &body) {
        Some(partial) => Reply::Accepted(partial),
        None => not_otlp(),
    }
}

fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
