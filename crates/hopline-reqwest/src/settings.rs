//! Detects settings of a `reqwest::ClientBuilder` that would hold for single hops instead of calls.
//!
//! reqwest's builder has no getters, so the settings are read from its `Debug` text. If the text has another form, the
//! builder is refused: credentials in its default headers would be sent to other hosts.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::{HeaderName, Method, Uri};
use reqwest::{Client, ClientBuilder, Request, Url, redirect};

use crate::build_error::BuildError;
use crate::follow::is_for_first_hop;

/// A redirect policy in a builder. It is dropped if the application sets another one.
#[derive(Debug)]
pub(crate) struct Marker(Arc<()>);

impl Marker {
    pub(crate) fn new() -> (Self, ClientBuilder) {
        let marker = Arc::new(());
        let held = marker.clone();
        let policy = redirect::Policy::custom(move |attempt| {
            let _held = &held;
            attempt.stop()
        });
        (Self(marker), Client::builder().redirect(policy))
    }

    /// Returns an error if the builder has a setting that would not hold for calls.
    pub(crate) fn check(&self, client: &ClientBuilder) -> Result<(), BuildError> {
        if Arc::strong_count(&self.0) < 2 {
            return Err(BuildError::Setting("redirect"));
        }
        check(&format!("{client:?}"), &format!("{:?}", Client::builder()))
    }
}

/// Checks the text of a builder against that of one without settings.
fn check(text: &str, default: &str) -> Result<(), BuildError> {
    let settings = fields(text);
    let value = |name: &str| Some(settings.iter().find(|(key, _)| *key == name)?.1);
    let headers = value("default_headers").map(fields).unwrap_or_default();
    // each builder has this one, so its absence means that the text has another form
    if !headers.iter().any(|(name, _)| *name == "\"accept\"") {
        return Err(BuildError::Unreadable);
    }
    let is_held = |name: &str| match HeaderName::from_bytes(name.trim_matches('"').as_bytes()) {
        Ok(name) => is_for_first_hop(&name),
        Err(_) => true,
    };
    if headers.iter().any(|(name, _)| is_held(name)) {
        return Err(BuildError::Setting("default_headers"));
    }
    if value("timeout").is_some() {
        return Err(BuildError::Setting("timeout"));
    }
    if value("referer").is_none() && fields(default).contains(&("referer", "true")) {
        return Err(BuildError::Setting("referer"));
    }
    Ok(())
}

/// Returns true if the client refuses `http`: the scheme is then the first error of a URL that is no valid URI.
pub(crate) fn is_https_only(client: &Client) -> bool {
    let Ok(url) = Url::parse("http://{}/") else {
        return false;
    };
    // the call must fail at once: there may be no runtime to continue it
    if url.as_str().parse::<Uri>().is_ok() {
        return false;
    }
    let call = pin!(client.execute(Request::new(Method::GET, url)));
    match call.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Err(error)) => std::error::Error::source(&error)
            .is_some_and(|source| source.to_string().contains("scheme")),
        _ => false,
    }
}

/// Splits `Debug` text into the fields of a struct or the entries of a map.
fn fields(text: &str) -> Vec<(&str, &str)> {
    let Some((_, text)) = text.split_once('{') else {
        return Vec::new();
    };
    let (mut depth, mut quoted, mut escaped, mut start) = (0_usize, false, false, 0);
    let mut parts = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' if depth > 0 => depth -= 1,
            b'}' | b',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    let pairs = parts.iter().filter_map(|part| part.trim().split_once(": "));
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_with_https_only_is_detected() {
        for only in [false, true] {
            let client = Client::builder().no_proxy().https_only(only);
            // would need a runtime if the call continued
            let second = std::time::Duration::from_secs(1);
            let client = client.read_timeout(second).timeout(second).build();
            assert_eq!(is_https_only(&client.unwrap()), only);
        }
    }

    #[test]
    fn a_builder_whose_text_lacks_its_headers_is_refused() {
        let default = format!("{:?}", Client::builder());
        assert!(check(&default, &default).is_ok());
        for text in [
            "ClientBuilder",
            "ClientBuilder { referer: true, default_headers: {} }",
        ] {
            let refused = check(text, &default);
            assert!(matches!(refused, Err(BuildError::Unreadable)), "{text}");
        }
    }

    #[test]
    fn fields_are_split_at_their_own_level() {
        let text = r#"A { a: B { c: 1, d: [2, 3] }, "x, y": "{, \"z: 1", e: Some(4, 5) }"#;
        let split = [
            ("a", "B { c: 1, d: [2, 3] }"),
            ("\"x, y\"", r#""{, \"z: 1""#),
            ("e", "Some(4, 5)"),
        ];
        assert_eq!(fields(text), split);
        assert_eq!(fields("{}"), []);
        assert_eq!(fields("A"), []);
    }
}
