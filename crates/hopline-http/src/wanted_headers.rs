//! Headers that the operator wants to have recorded.

use std::sync::OnceLock;

use hopline_core::notify;
use http::HeaderName;

/// What the variables `OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_…` name.
#[derive(Debug, Default)]
pub(crate) struct WantedHeaders {
    pub(crate) server_requests: Vec<HeaderName>,
    pub(crate) server_responses: Vec<HeaderName>,
    pub(crate) client_requests: Vec<HeaderName>,
    pub(crate) client_responses: Vec<HeaderName>,
    wrong: Vec<String>,
}

impl WantedHeaders {
    /// Read once in a process; what is wrong is said then.
    pub(crate) fn from_env() -> &'static Self {
        static READ: OnceLock<WantedHeaders> = OnceLock::new();
        READ.get_or_init(|| {
            let read = Self::read(|name| std::env::var(name).ok());
            if !read.wrong.is_empty() {
                notify("headers", || read.wrong.join("; "));
            }
            read
        })
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut read = Self::default();
        let wrong = &mut read.wrong;
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
                    wrong.push(format!(
                        "{name}: {word:?} is not the name of a header and is ignored"
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

/// A star may stand in a name, but is there for a pattern.
fn header(word: &str) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(word.as_bytes()).ok()?;
    (!word.contains('*')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_one_by_one_and_what_is_no_name_is_said() {
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
                "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE: {word:?} is not the name of a header \
                 and is ignored"
            )
        };
        assert_eq!(read.wrong, [ignored("x y"), ignored(".*")]);
    }
}
