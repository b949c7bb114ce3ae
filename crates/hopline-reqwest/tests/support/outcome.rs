//! The outcome of a call as text, to compare clients by, and a server for all kinds of outcomes.

use std::error::Error as StdError;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use futures_util::{StreamExt, stream};
use reqwest_middleware::{Error, RequestBuilder};

use super::lines;

/// Everything that code can see of a call that failed.
fn failure(error: &Error) -> String {
    let sources: Vec<_> = std::iter::successors(error.source(), |error| StdError::source(*error))
        .map(ToString::to_string)
        .collect();
    format!(
        "{error}; builder {} redirect {} timeout {} connect {} request {} body {} status {:?}; {:?}; {sources:?}",
        error.is_builder(),
        error.is_redirect(),
        error.is_timeout(),
        error.is_connect(),
        error.is_request(),
        error.is_body(),
        error.status(),
        error.url().map(reqwest::Url::as_str),
    )
}

pub(crate) async fn outcome(call: RequestBuilder) -> String {
    let response = match call.send().await {
        Ok(response) => response,
        Err(error) => return failure(&error),
    };
    let mut headers = response.headers().clone();
    headers.remove("date");
    let head = format!(
        "{} {} {:?} {:?} {:?}",
        response.status(),
        response.url(),
        response.version(),
        response.remote_addr(),
        headers,
    );
    match response.text().await {
        Ok(text) => {
            format!("{head}\n{}", super::sorted(&text).join("\n"))
        }
        Err(error) => format!("{head}\n{}", failure(&error.into())),
    }
}

/// `/{code}?{location}` redirects there, by any bytes that are percent-coded in it; the rest shows the request.
async fn app(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let code = uri.path()[1..].parse().ok();
    let Some(code) = code.and_then(|code| StatusCode::from_u16(code).ok()) else {
        let body = String::from_utf8_lossy(&body).into_owned();
        return format!("{method} {uri} [{body}]\n{}", lines(&headers)).into_response();
    };
    let mut response = code.into_response();
    if let Some(location) = uri.query() {
        let location = HeaderValue::from_bytes(&decoded(location)).unwrap();
        response.headers_mut().insert("location", location);
    }
    response
}

fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            _ => byte,
        });
    }
    decoded
}

pub(crate) fn router() -> Router {
    let cut = || async {
        let parts = stream::iter([Ok("half"), Err(std::io::Error::other("cut"))]);
        Body::from_stream(parts.then(|part| async {
            tokio::task::yield_now().await;
            part
        }))
    };
    let slow = || async {
        let first = stream::iter([Ok::<_, std::io::Error>("half")]);
        Body::from_stream(first.chain(stream::pending()))
    };
    Router::new()
        .route("/hangs", any(std::future::pending::<()>))
        .route("/cut", any(cut))
        .route("/slow", any(slow))
        .fallback(app)
}
