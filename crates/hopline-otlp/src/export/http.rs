//! OTLP over HTTP.

use std::time::{Duration, SystemTime};

use reqwest::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Request, Response, StatusCode, Url, redirect};
use tokio::time::{Instant, timeout_at};

use super::answer::{Partial, partial_success};
use super::endpoint::is_loopback;
use super::gzip;
use super::problem::{ConfigError, Problem};
use super::retry::retry_after;
#[cfg(feature = "tls")]
use super::settings::Trust;
use super::settings::{Protocol, Settings};
use super::transport::{MAX_ANSWER, Reply, USER_AGENT, innermost, is_refused};

/// Makes requests to one endpoint.
#[derive(Debug)]
pub(super) struct Http {
    client: Client,
    endpoint: Url,
    content_type: HeaderValue,
    gzip: bool,
    timeout: Duration,
}

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
            return Reply::Never("the request cannot be copied".to_owned());
        };
        // one limit for all of it: a slow answer has no more time than a slow connection
        let deadline = Instant::now() + self.timeout;
        match timeout_at(deadline, self.client.execute(request)).await {
            Ok(Ok(response)) => judge(response, deadline).await,
            Ok(Err(error)) => failed(&error),
            Err(_) => {
                let why = format!("no answer within {:?}", self.timeout);
                Reply::Later {
                    after: None,
                    why,
                    refused: false,
                }
            }
        }
    }
}

async fn judge(response: Response, deadline: Instant) -> Reply {
    let status = response.status();
    if status.is_success() {
        return taken(response, deadline).await;
    }
    // the body of an error answer is not needed, and not read
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            let after = response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok());
            let after = after.and_then(|value| retry_after(value, SystemTime::now()));
            Reply::Later {
                after,
                why: format!("the collector answered {status}"),
                refused: false,
            }
        }
        _ if status.is_redirection() => Reply::Never(format!(
            "the collector answered {status}; redirects are not followed"
        )),
        _ => Reply::Never(format!("the collector answered {status}")),
    }
}

/// Reads a 2xx answer. Whatever is wrong with it, the spans were taken and must not be sent again.
async fn taken(mut response: Response, deadline: Instant) -> Reply {
    let mut body = Vec::new();
    let but = |message: &str| {
        Reply::Taken(Partial {
            rejected: 0,
            message: message.to_owned(),
        })
    };
    let read = async {
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER {
                break;
            }
        }
        Ok::<_, reqwest::Error>(())
    };
    match timeout_at(deadline, read).await {
        Ok(Ok(())) if body.len() > MAX_ANSWER => {
            return Reply::Never("the answer exceeds 4 MiB".to_owned());
        }
        Ok(Ok(())) => {}
        _ => return but("its answer broke off"),
    }
    let said = |name| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    // not asked for, but some proxies pack whatever passes
    if said(CONTENT_ENCODING).is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip")) {
        body = match gzip::unpacked(&body, MAX_ANSWER) {
            Ok(Some(plain)) => plain,
            Ok(None) => return Reply::Never("the answer exceeds 4 MiB once unpacked".to_owned()),
            Err(_) => return but("its answer is not OTLP; is the endpoint right?"),
        };
    }
    match partial_success(said(CONTENT_TYPE), &body) {
        Some(partial) => Reply::Taken(partial),
        None => but("its answer is not OTLP; is the endpoint right?"),
    }
}

fn failed(error: &reqwest::Error) -> Reply {
    if error.is_builder() {
        return Reply::Never(innermost(error));
    }
    Reply::Later {
        after: None,
        why: innermost(error),
        refused: is_refused(error),
    }
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
