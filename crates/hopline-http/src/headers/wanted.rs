//! Names of headers to record, read from `OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_…` once in a process.

use std::sync::OnceLock;

use hopline_core::notify;
use http::HeaderName;

/// Header names from the environment, one list for each side and direction.
#[derive(Debug, Default)]
pub(crate) struct WantedHeaders {
    /// From `…_SERVER_REQUEST`.
    pub(crate) server_requests: Vec<HeaderName>,
    /// From `…_SERVER_RESPONSE`.
    pub(crate) server_responses: Vec<HeaderName>,
    /// From `…_CLIENT_REQUEST`.
    pub(crate) client_requests: Vec<HeaderName>,
    /// From `…_CLIENT_RESPONSE`.
    pub(crate) client_responses: Vec<HeaderName>,
    /// A message for each word that is not a header name.
    invalid: Vec<String>,
}

impl WantedHeaders {
    /// Reads the variables once in a process. A notice lists the words that are not header names.
    pub(crate) fn from_env() -> &'static Self {
        // `OnceLock`: layers of all threads read the lists, and the first call writes them
        static READ: OnceLock<WantedHeaders> = OnceLock::new();
        READ.get_or_init(|| {
            let read = Self::read(|name| std::env::var(name).ok());
            if !read.invalid.is_empty() {
                notify("headers", || read.invalid.join("; "));
            }
            read
        })
    }

    /// Parses the four lists.
    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut read = Self::default();
        let invalid = &mut read.invalid;
        let mut names = |of: &str| {
            let name = format!("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_{of}");
            let list = variable(&name).unwrap_or_default();
            let words = list
                .split(',')
                .map(str::trim)
                .filter(|word| !word.is_empty());
            let names = words.filter_map(|word| {
                let header = header(word);
                if header.is_none() {
                    invalid.push(format!(
                        "{name}: {word:?} is not a header name and is ignored"
                    ));
                }
                header
            });
            names.collect()
        };
        let (server_requests, server_responses) =
            (names("SERVER_REQUEST"), names("SERVER_RESPONSE"));
        let (client_requests, client_responses) =
            (names("CLIENT_REQUEST"), names("CLIENT_RESPONSE"));
        Self {
            server_requests,
            server_responses,
            client_requests,
            client_responses,
            ..read
        }
    }
}

/// Parses a header name. A `*` is valid in a name, but here it is an attempt at a pattern, which is not supported.
fn header(word: &str) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(word.as_bytes()).ok()?;
    (!word.contains('*')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_is_read_and_invalid_names_are_reported() {
        let read = WantedHeaders::read(|name| match name {
            "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST" => {
                Some(" X-Tenant-Id , ,via,".to_owned())
            }
            "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE" => {
                Some("x y,.*,age".to_owned())
            }
            _ => None,
        });
        assert_eq!(read.server_requests, ["x-tenant-id", "via"]);
        assert_eq!(read.client_responses, ["age"]);
        assert!(read.server_responses.is_empty() && read.client_requests.is_empty());
        let ignored = |word| {
            format!(
                "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE: {word:?} is not a header name and is \
                 ignored"
            )
        };
        assert_eq!(read.invalid, [ignored("x y"), ignored(".*")]);
    }
}
