//! One attempt to send one request.

use std::error::Error as _;
use std::io;
use std::time::{Duration, SystemTime};

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Request, Response, StatusCode, Url, redirect};
use tokio::time::{Instant, timeout_at};

use super::answer::{Partial, partial_success};
use super::retry::retry_after;
use super::settings::{ConfigError, Problem, Protocol, Settings, shown};

/// Makes requests to one endpoint.
#[derive(Debug)]
pub(super) struct Transport {
    client: Client,
    endpoint: Url,
    protocol: Protocol,
    timeout: Duration,
}

/// How an attempt ended.
#[derive(Debug)]
pub(super) enum Reply {
    /// The collector took the request, but for what it says.
    Taken(Partial),
    /// Not now: it may succeed later, not before `after` if that was asked.
    Later {
        after: Option<Duration>,
        why: String,
        /// True if nobody listens there.
        refused: bool,
    },
    /// Never, however often it is tried.
    Never(String),
}

/// What OTLP suggests as the most to be read of an answer, counted after decompression; there is none here.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

impl Transport {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let mut client = Client::builder()
            .user_agent(concat!("hopline-otlp/", env!("CARGO_PKG_VERSION")))
            .default_headers(settings.headers.clone())
            // another host would be given the credentials in the headers
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            // compiled in where another crate asks for it, but an answer here is a few bytes
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .referer(false);
        if is_loopback(&settings.endpoint) {
            client = client.no_proxy();
        }
        Ok(Self {
            client: client.build().map_err(Problem::Client)?,
            endpoint: settings.endpoint.clone(),
            protocol: settings.protocol,
            timeout: settings.timeout,
        })
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The endpoint without what could be a secret.
    pub(super) fn shown_endpoint(&self) -> String {
        shown(&self.endpoint)
    }

    /// A request with this body, which can be sent several times.
    pub(super) fn request(&self, body: Vec<u8>) -> Result<Request, String> {
        let content_type = HeaderValue::from_static(match self.protocol {
            Protocol::HttpProtobuf => "application/x-protobuf",
            Protocol::HttpJson => "application/json",
        });
        let post = self.client.post(self.endpoint.clone());
        let post = post
            .header(CONTENT_TYPE, content_type.clone())
            .header(ACCEPT, content_type)
            .body(body);
        post.build().map_err(|error| innermost(&error))
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
    let content_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    match partial_success(content_type, &body) {
        Some(partial) => Reply::Taken(partial),
        None => but("its answer is not OTLP; is the endpoint right?"),
    }
}

fn failed(error: &reqwest::Error) -> Reply {
    if error.is_builder() {
        return Reply::Never(innermost(error));
    }
    let refused =
        io_error(error).is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    Reply::Later {
        after: None,
        why: innermost(error),
        refused,
    }
}

fn io_error(error: &reqwest::Error) -> Option<&io::Error> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The cause at the bottom: it says what happened, and does not repeat the URL, which may hold credentials.
fn innermost(error: &reqwest::Error) -> String {
    causes(error)
        .last()
        .map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(
        error.source(),
        |cause: &&(dyn std::error::Error + 'static)| (*cause).source(),
    )
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
