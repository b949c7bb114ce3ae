//! Headers of trusted proxies: `Forwarded` (RFC 7239), else `X-Forwarded-*`.

use std::net::{IpAddr, SocketAddr};

use http::header::{FORWARDED, HeaderMap, HeaderName};

use crate::headers::split;
use crate::host::Host;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Maximum number of list elements that are read, counted from the end.
const MAX_ELEMENTS: usize = 32;

/// The client, host and scheme of a request as the outermost trusted proxy received it.
///
/// Any client can send these headers. Read them only if the connection's peer is a trusted proxy. Each proxy appends to
/// the lists, so they are read from the end, up to the first address that is not trusted: the client. Elements before
/// it are the client's claims and are ignored. Up to 32 elements are read.
///
/// # Examples
///
/// ```
/// use hopline_http::server::Forwarded;
/// use http::{HeaderMap, HeaderValue};
///
/// let mut headers = HeaderMap::new();
/// headers.insert("x-forwarded-for", HeaderValue::from_static("6.6.6.6, 203.0.113.7, 10.0.0.2"));
/// headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
/// let trusted = |address: std::net::IpAddr| address.to_string().starts_with("10.");
/// let forwarded = Forwarded::read(&headers, trusted);
/// assert_eq!(forwarded.client, "203.0.113.7".parse().ok());
/// assert_eq!(forwarded.scheme, Some("https"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forwarded<'a> {
    /// The client's address, if the headers have one.
    pub client: Option<IpAddr>,
    /// The host that the client requested.
    pub host: Option<Host<'a>>,
    /// The scheme of the client's request: `http` or `https`.
    pub scheme: Option<&'static str>,
}

impl<'a> Forwarded<'a> {
    /// Reads the headers of a request whose peer is a trusted proxy. `trusted` returns true for proxies of the service.
    pub fn read(headers: &'a HeaderMap, trusted: impl Fn(IpAddr) -> bool) -> Self {
        if headers.contains_key(FORWARDED) {
            return Self::standard(headers, trusted);
        }
        let proxies = list(headers, X_FORWARDED_FOR);
        let (client, trusted) = client(proxies.iter().map(|text| address(text)), trusted);
        // the element at the distance of the client from the end; a list may be shorter
        let element = |name| {
            let list = list(headers, name);
            list.get(trusted.min(list.len().saturating_sub(1))).copied()
        };
        Self {
            client,
            host: element(X_FORWARDED_HOST).and_then(Host::parse),
            scheme: element(X_FORWARDED_PROTO).and_then(scheme),
        }
    }

    fn standard(headers: &'a HeaderMap, trusted: impl Fn(IpAddr) -> bool) -> Self {
        let elements = list(headers, FORWARDED);
        let addresses = elements
            .iter()
            .map(|element| address(pair(element, "for")?));
        let (client, trusted) = client(addresses, trusted);
        // an element has the values that its proxy received; a missing one is taken from the next nearer element
        let read = elements.get(..=trusted).unwrap_or(&elements);
        let value = |name| read.iter().rev().find_map(|element| pair(element, name));
        Self {
            client,
            host: value("host").and_then(Host::parse),
            scheme: value("proto").and_then(scheme),
        }
    }
}

/// Returns the elements of all lines of a header, the last one first.
fn list(headers: &HeaderMap, name: HeaderName) -> Vec<&str> {
    let lines = headers.get_all(name).iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    let mut list: Vec<&str> = texts
        .flat_map(|text| split(text, ','))
        .map(str::trim)
        .filter(|element| !element.is_empty())
        .collect();
    list.reverse();
    list.truncate(MAX_ELEMENTS);
    list
}

/// Finds the client among the addresses, nearest first, and counts the trusted ones before it.
///
/// A text that is not an address ends the search: the last trusted proxy is then the client.
fn client(
    addresses: impl Iterator<Item = Option<IpAddr>>,
    trusted: impl Fn(IpAddr) -> bool,
) -> (Option<IpAddr>, usize) {
    let mut last = None;
    for (passed, address) in addresses.enumerate() {
        match address {
            Some(address) if trusted(address) => last = Some((address, passed)),
            Some(address) => return (Some(address), passed),
            None => break,
        }
    }
    last.map_or((None, 0), |(address, passed)| (Some(address), passed))
}

/// Returns the value of a pair in an element such as `for="[2001:db8::1]:80";proto=https`.
fn pair<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    split(element, ';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let same = key.trim().eq_ignore_ascii_case(name);
        same.then(|| value.trim().trim_matches('"'))
    })
}

/// Parses an address with or without port and brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    let address: Option<IpAddr> = text.parse().ok().or_else(bare).or_else(with_port);
    address.map(|address| address.to_canonical())
}

fn scheme(text: &str) -> Option<&'static str> {
    ["https", "http"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(
        lines: &[(&'static str, &str)],
    ) -> (Option<String>, Option<String>, Option<&'static str>) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let trusted = |address| match address {
            IpAddr::V4(address) => address.octets()[0] == 10,
            IpAddr::V6(address) => address.segments()[0] == 0xfd00,
        };
        let read = Forwarded::read(&headers, trusted);
        let host = read.host.map(|host| match host.port {
            Some(port) => format!("{}:{port}", host.address),
            None => host.address.to_owned(),
        });
        (
            read.client.map(|client| client.to_string()),
            host,
            read.scheme,
        )
    }

    fn client_of(name: &'static str, value: &str) -> Option<String> {
        read(&[(name, value)]).0
    }

    #[test]
    fn the_client_is_the_first_untrusted_address_from_the_end() {
        for (value, client) in [
            ("1.2.3.4", Some("1.2.3.4")),
            ("9.9.9.9, 1.2.3.4, 10.0.0.1", Some("1.2.3.4")),
            ("10.0.0.2, 10.0.0.1", Some("10.0.0.2")),
            ("1.2.3.4:5678", Some("1.2.3.4")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]:80", Some("2001:db8::1")),
            ("::ffff:1.2.3.4", Some("1.2.3.4")),
            ("unknown, 10.0.0.1", Some("10.0.0.1")),
            ("unknown", None),
            ("", None),
            (",,", None),
            ("999.1.1.1", None),
        ] {
            assert_eq!(
                client_of("x-forwarded-for", value).as_deref(),
                client,
                "{value}"
            );
        }
        let many = "10.0.0.1, ".repeat(10_000);
        assert_eq!(
            client_of("x-forwarded-for", &many).as_deref(),
            Some("10.0.0.1")
        );
        let lines = [
            ("x-forwarded-for", "9.9.9.9"),
            ("x-forwarded-for", "1.2.3.4"),
        ];
        assert_eq!(read(&lines).0.as_deref(), Some("1.2.3.4"));
    }

    #[test]
    fn forwarded_is_read_by_rfc_7239() {
        for (value, client, host, scheme) in [
            (
                "for=1.2.3.4;proto=https;host=shop.example",
                Some("1.2.3.4"),
                Some("shop.example"),
                Some("https"),
            ),
            (
                "For=\"[2001:db8:cafe::17]:4711\"",
                Some("2001:db8:cafe::17"),
                None,
                None,
            ),
            (
                "for=9.9.9.9;host=evil, for=1.2.3.4;host=good;proto=HTTP, for=10.0.0.1",
                Some("1.2.3.4"),
                Some("good"),
                Some("http"),
            ),
            (
                "for=1.2.3.4, for=10.0.0.1;host=\"h:8080\";proto=https",
                Some("1.2.3.4"),
                Some("h:8080"),
                Some("https"),
            ),
            ("for=_hidden, for=10.0.0.1", Some("10.0.0.1"), None, None),
            ("proto=gopher;host=\"a b\"", None, None, None),
            ("for=\"1.2.3.4", Some("1.2.3.4"), None, None),
            (";;=;,", None, None, None),
        ] {
            let (got, got_host, got_scheme) =
                read(&[("forwarded", value), ("x-forwarded-for", "7.7.7.7")]);
            assert_eq!(
                (got.as_deref(), got_host.as_deref(), got_scheme),
                (client, host, scheme),
                "{value}"
            );
        }
    }

    #[test]
    fn host_and_scheme_are_read_from_the_element_of_a_trusted_proxy() {
        let read = read(&[
            ("x-forwarded-for", "1.2.3.4, 10.0.0.2"),
            (
                "x-forwarded-host",
                "evil.example, shop.example:8443, proxy.internal",
            ),
            ("x-forwarded-proto", "https"),
        ]);
        assert_eq!(
            read,
            (
                Some("1.2.3.4".to_owned()),
                Some("shop.example:8443".to_owned()),
                Some("https")
            )
        );
    }
}
