//! OTLP over HTTP.

use std::fmt;
use std::time::{Duration, SystemTime};

use reqwest::header::{
    ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{Client, Request, Response, StatusCode, Url, redirect};
use tokio::time::{Instant, timeout_at};

use super::answer::{self, Partial};
use super::endpoint::is_loopback;
use super::gzip;
use super::problem::{ConfigError, Problem};
use super::retry::retry_after;
#[cfg(feature = "tls")]
use super::settings::Trust;
use super::settings::{Protocol, Settings};
use super::transport::{AnswerStatus, Cause, MAX_ANSWER, Reply, USER_AGENT, innermost};

/// Makes requests to one endpoint.
pub(super) struct Http {
    client: Client,
    endpoint: Url,
    content_type: HeaderValue,
    gzip: bool,
    timeout: Duration,
}

/// The most that is read of an answer of failure, for its message.
const MAX_FAILURE: usize = 16 * 1024;

impl Http {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let mut client = Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(settings.headers.clone())
            // another host would be given the credentials in the headers
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            // compiled in where another crate asks for it, but it knows no cap
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
            client = trusting(client, &settings.trust)?;
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

    /// A request with this body, which can be sent several times.
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

    /// Sends it once.
    ///
    /// # Cancellation
    ///
    /// The collector may have taken the request or not.
    pub(super) async fn send(&self, request: &Request) -> Reply {
        let Some(request) = request.try_clone() else {
            return Reply::Never {
                why: "the request cannot be copied".to_owned(),
                status: None,
            };
        };
        // one limit for all of it: a slow answer has no more time than a slow connection
        let deadline = Instant::now() + self.timeout;
        match timeout_at(deadline, self.client.execute(request)).await {
            Ok(Ok(response)) => judge(response, deadline).await,
            Ok(Err(error)) if error.is_builder() => Reply::Never {
                why: innermost(&error),
                status: None,
            },
            Ok(Err(error)) => Reply::failed(&error),
            Err(_) => Reply::slow(self.timeout),
        }
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

async fn judge(response: Response, deadline: Instant) -> Reply {
    let status = response.status();
    if status.is_success() {
        return taken(response, deadline).await;
    }
    if let Some(reply) = by_status(status, response.headers()) {
        return reply;
    }
    let content_type = text_of(response.headers(), CONTENT_TYPE).map(str::to_owned);
    // what is lost of it is a message
    let (body, _) = read(response, MAX_FAILURE, deadline).await;
    let said = answer::failure(content_type.as_deref(), &body);
    let why = answer::with_message(format!("the collector answered {status}"), &said);
    match answer::is_about_size(&said) {
        true => Reply::TooLarge(why),
        false => Reply::Never {
            why,
            status: Some(AnswerStatus::Http(status)),
        },
    }
}

/// The meaning of a failure status by itself; also for answers to gRPC that are not gRPC.
pub(super) fn by_status(status: StatusCode, headers: &HeaderMap) -> Option<Reply> {
    let why = format!("the collector answered {status}");
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            let after = text_of(headers, RETRY_AFTER);
            Some(Reply::Later {
                after: after.and_then(|value| retry_after(value, SystemTime::now())),
                why,
                cause: Cause::Asked,
            })
        }
        StatusCode::PAYLOAD_TOO_LARGE => Some(Reply::TooLarge(why)),
        _ if status.is_redirection() => Some(Reply::Never {
            why: format!("{why}; redirects are not followed"),
            status: Some(AnswerStatus::Http(status)),
        }),
        _ => None,
    }
}

/// The end of reading a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Whole,
    TooLong,
    BrokeOff,
}

/// Reads so much of a body, until the deadline.
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

/// Reads a 2xx answer. Whatever is wrong with it, the spans may have been taken and must not be sent again.
async fn taken(response: Response, deadline: Instant) -> Reply {
    let status = response.status();
    let headers = response.headers();
    let content_type = text_of(headers, CONTENT_TYPE).map(str::to_owned);
    let encoding = text_of(headers, CONTENT_ENCODING).map(str::to_ascii_lowercase);
    let content_type = content_type.as_deref();
    let (body, end) = read(response, MAX_ANSWER, deadline).await;
    let foreign = || Reply::Unconfirmed(answer::foreign(status, content_type));
    let too_long = || Reply::Unconfirmed("its answer exceeds 4 MiB".to_owned());
    // of a collector as far as it could be read
    let unread = |why: &str| match answer::may_be_otlp(content_type) {
        true => Reply::Taken(Partial::remark(why)),
        false => foreign(),
    };
    match end {
        End::TooLong => return too_long(),
        End::BrokeOff => return unread("its answer broke off"),
        End::Whole => {}
    }
    let body = match encoding.as_deref() {
        None | Some("identity") => body,
        // not asked for, but some proxies pack whatever passes
        Some("gzip") => match gzip::unpacked(&body, MAX_ANSWER) {
            Ok(Some(plain)) => plain,
            Ok(None) => return too_long(),
            Err(_) => return unread("its answer cannot be unpacked"),
        },
        Some(_) => return unread("its answer is packed in a way that was not asked for"),
    };
    match answer::partial_success(content_type, &body) {
        Some(partial) => Reply::Taken(partial),
        None => foreign(),
    }
}

fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(feature = "tls")]
pub(super) fn trusting(
    mut client: reqwest::ClientBuilder,
    trust: &Trust,
) -> Result<reqwest::ClientBuilder, ConfigError> {
    if let Some(authorities) = trust.authorities()? {
        client = client.tls_certs_only(authorities);
    }
    if let Some(identity) = trust.identity()? {
        client = client.identity(identity);
    }
    Ok(client)
}
