//! Endpoints: parsing, defaults, and a form without credentials.
//!
//! Settings are made with it, and notices and errors show endpoints through it.

use reqwest::Url;

use super::problem::{ConfigError, Problem};
use super::signal::Signal;

/// A complete URL for a signal, unchanged.
///
/// # Errors
///
/// Returns an error if it is not an absolute `http` or `https` URL with a host, or needs TLS in a build without it.
pub(crate) fn complete_endpoint(text: &str) -> Result<Url, ConfigError> {
    let unusable = || Problem::Endpoint {
        text: presentable(text),
        remedy: bare_host(text).map(|host| format!("write http://{host}")),
    };
    let url = Url::parse(text).map_err(|_| unusable())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(unusable().into());
    }
    #[cfg(not(feature = "tls"))]
    if url.scheme() == "https" {
        let endpoint = shown(&url);
        return Err(Problem::Tls { endpoint }.into());
    }
    Ok(url)
}

/// The URL for a signal below a base URL for all signals.
pub(crate) fn base_endpoint(text: &str, signal: Signal) -> Result<Url, ConfigError> {
    let mut url = complete_endpoint(text)?;
    let path = format!("{}{}", url.path().trim_end_matches('/'), signal.http_path());
    url.set_path(&path);
    Ok(url)
}

/// The address of a gRPC service: scheme, host and port of a URL, or `host:port` with the scheme that `insecure` selects.
///
/// A path is ignored: gRPC defines its own.
#[cfg(feature = "grpc")]
pub(crate) fn grpc_endpoint(text: &str, insecure: bool) -> Result<Url, ConfigError> {
    let bare = !text.contains("://");
    let scheme = if insecure { "http" } else { "https" };
    let mut url = if bare {
        complete_endpoint(&format!("{scheme}://{text}"))?
    } else {
        complete_endpoint(text)?
    };
    url.set_path("");
    url.set_query(None);
    Ok(url)
}

pub(crate) const DEFAULT_BASE: &str = "http://localhost:4318";
#[cfg(feature = "grpc")]
pub(crate) const DEFAULT_GRPC: &str = "http://localhost:4317";

/// A URL without user, password, query and fragment.
pub(crate) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let path = url.path().trim_end_matches('/');
    format!("{}://{host}{port}{path}", url.scheme())
}

/// The text of an endpoint, safe to print: a URL as [`shown`], else a host and a port, else `…`. The text may be a
/// password that was set in the wrong variable.
pub(crate) fn presentable(text: &str) -> String {
    let parsed = Url::parse(text).ok().filter(Url::has_host);
    if let Some(url) = parsed {
        return shown(&url);
    }
    match (text.split_once("://"), bare_host(text)) {
        (_, Some(host)) => host.to_owned(),
        (Some((scheme, _)), None) if is_scheme(scheme) => format!("{scheme}://…"),
        _ => "…".to_owned(),
    }
}

/// The longest text without a port or a domain that counts as a host name; a longer one may be a secret.
const LONGEST_LABEL: usize = 20;

/// The `host` or `host:port` in a text without a scheme; `None` if it does not look like one.
fn bare_host(text: &str) -> Option<&str> {
    if text.contains("://") {
        return None;
    }
    // a password may contain `@`, so it ends before the last one
    let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
    let text = text.split(['/', '?', '#']).next()?;
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let labels = host.split('.');
    let is_host = !host.is_empty()
        && labels
            .into_iter()
            .all(|label| (1..=63).contains(&label.len()));
    let of_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let plausible = host.contains('.') || port.is_some() || host.len() <= LONGEST_LABEL;
    let is_port =
        port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    (is_host && host.bytes().all(of_host) && plausible && is_port).then_some(text)
}

fn is_scheme(text: &str) -> bool {
    let of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    !text.is_empty() && text.len() <= LONGEST_LABEL && text.bytes().all(of_scheme)
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_an_endpoint_is_in_an_error() {
        for text in [
            "u:s3cret@h:4317",
            "u:s3cret@h",
            "s3cret@h:4317",
            "u:s3/cret@h:4317",
            "u:s3cret?x@h:4317",
            "u:p@s3cret@h:4317/path",
            "u:s3cret",
            "ftp://u:s3cret@h",
            "unix://u:s3cret@/run/x",
            "http://u:s3cret@h:99999",
            "http://u:s3cret@",
            "//u:s3cret@h",
            "http:u:s3cret@h:99999",
            "h?token=s3cret",
            "s3cret_0123456789abcdef0123456789abcdef",
            "s3cret\nx",
            "mailto:u:s3cret@h",
        ] {
            let base = |text: &str| base_endpoint(text, Signal::Metrics);
            for error in [complete_endpoint(text), base(text)] {
                let error = error.unwrap_err();
                for printed in [
                    error.to_string(),
                    format!("{error:?}"),
                    format!("{error:#?}"),
                ] {
                    assert!(!printed.contains("s3"), "{text}: {printed}");
                    assert!(!printed.contains("cret"), "{text}: {printed}");
                }
            }
        }
    }

    #[test]
    fn the_error_for_an_endpoint_without_a_scheme_has_the_corrected_url() {
        for (text, host) in [
            ("localhost:4318", "localhost:4318"),
            ("u:pw@h:4317", "h:4317"),
            (
                "otel-collector.svc.local/v1/traces",
                "otel-collector.svc.local",
            ),
            ("collector", "collector"),
        ] {
            let error = complete_endpoint(text).unwrap_err();
            assert_eq!(error.remedy(), format!("write http://{host}"));
            assert!(error.to_string().contains(&format!("`{host}`")), "{error}");
        }
    }
}
