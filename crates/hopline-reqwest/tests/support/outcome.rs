//! The outcome of a call as text, to compare clients by.

use std::error::Error as StdError;

use reqwest_middleware::{Error, RequestBuilder};

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
