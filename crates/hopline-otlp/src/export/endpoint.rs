//! Where spans go.

use reqwest::Url;

use super::problem::{ConfigError, Problem};

/// A URL that spans can be sent to, as it stands.
pub(crate) fn traces_endpoint(text: &str) -> Result<Url, ConfigError> {
    // what does not parse is not shown: it might be a secret set in the wrong place
    let url =
        Url::parse(text).map_err(|error| Problem::Endpoint(format!("(unreadable: {error})")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(Problem::Endpoint(shown(&url)).into());
    }
    #[cfg(not(feature = "tls"))]
    if url.scheme() == "https" {
        return Err(Problem::Tls(shown(&url)).into());
    }
    Ok(url)
}

/// The URL for traces under a base that serves all signals.
pub(crate) fn base_endpoint(text: &str) -> Result<Url, ConfigError> {
    let mut url = traces_endpoint(text)?;
    let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

/// Where a gRPC service is: scheme, host and port of a URL, or `host:port`, whose scheme `insecure` decides.
///
/// A path says nothing here: gRPC has its own.
#[cfg(feature = "grpc")]
pub(crate) fn grpc_endpoint(text: &str, insecure: bool) -> Result<Url, ConfigError> {
    let bare = !text.contains("://");
    let scheme = if insecure { "http" } else { "https" };
    let mut url = if bare {
        traces_endpoint(&format!("{scheme}://{text}"))?
    } else {
        traces_endpoint(text)?
    };
    url.set_path("");
    url.set_query(None);
    Ok(url)
}

pub(crate) const DEFAULT_BASE: &str = "http://localhost:4318";
#[cfg(feature = "grpc")]
pub(crate) const DEFAULT_GRPC: &str = "http://localhost:4317";

/// A URL without user, password and query.
pub(crate) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let path = url.path().trim_end_matches('/');
    format!("{}://{host}{port}{path}", url.scheme())
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
