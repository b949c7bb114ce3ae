//! Hosts of requests: parsing, and the test for hosts of the internal network.

use std::net::IpAddr;

/// The host and port of a `Host` header or a URI's authority.
///
/// # Examples
///
/// ```
/// use hopline_http::Host;
///
/// let host = Host::parse("[fd00::1]:8080").unwrap();
/// assert_eq!((host.address, host.port), ("fd00::1", Some(8080)));
/// assert!(host.is_internal());
/// assert_eq!(Host::parse("a b"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Host<'a> {
    /// A name, or an address without brackets.
    pub address: &'a str,
    /// The port, if the text has one.
    pub port: Option<u16>,
}

impl<'a> Host<'a> {
    /// Parses `host`, `host:port`, `[v6]` or `[v6]:port`. A user before `@` is skipped. Returns `None` for any other text.
    pub fn parse(text: &'a str) -> Option<Self> {
        // one pass for the common form, since every request has a host
        let name = text.bytes().position(|byte| !NAME[usize::from(byte)]);
        let (address, port) = text.split_at_checked(name.unwrap_or(text.len()))?;
        Self::checked(address, port).or_else(|| Self::parse_any(text))
    }

    /// Returns true for hosts of the internal network: loopback, private and link-local addresses, names without a dot,
    /// and names that end with `.internal`, `.local`, `.localhost` or `.svc`.
    ///
    /// Clients send baggage to these hosts by default.
    pub fn is_internal(&self) -> bool {
        is_internal(self.address)
    }

    /// Parses texts with a user or an address in brackets.
    #[cold]
    fn parse_any(text: &'a str) -> Option<Self> {
        let place = |wanted: u8| move |byte: &u8| *byte == wanted;
        let user = text.as_bytes().iter().rposition(place(b'@'));
        let text = user.and_then(|at| text.get(at + 1..)).unwrap_or(text);
        let (address, port) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => {
                let colon = text.as_bytes().iter().position(place(b':'));
                text.split_at(colon.unwrap_or(text.len()))
            }
        };
        let plain = |byte| NAME[usize::from(byte)] || matches!(byte, b':' | b'@' | b'[' | b']');
        address
            .bytes()
            .all(plain)
            .then(|| Self::checked(address, port))?
    }

    /// Checks the length of a name, and parses the port behind it.
    #[inline]
    fn checked(address: &'a str, port: &str) -> Option<Self> {
        let port = match port {
            "" => None,
            port => Some(port.strip_prefix(':')?.parse().ok()?),
        };
        (1..=255)
            .contains(&address.len())
            .then_some(Self { address, port })
    }
}

/// True for the bytes that are valid in a name.
static NAME: [bool; 256] = {
    let mut name = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        name[byte as usize] = !matches!(
            byte,
            b'/' | b'?' | b'#' | b'\\' | b'<' | b'>' | b'"' | b':' | b'@' | b'[' | b']'
        );
        byte += 1;
    }
    name
};

/// [`Host::is_internal`] for a host with or without brackets and a final dot.
pub(crate) fn is_internal(host: &str) -> bool {
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .trim_end_matches('.');
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            address.is_loopback() || address.is_private() || address.is_link_local()
        }
        Ok(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
            Some(address) => {
                address.is_loopback() || address.is_private() || address.is_link_local()
            }
            None => {
                address.is_loopback()
                    || address.is_unique_local()
                    || address.is_unicast_link_local()
            }
        },
        Err(_) => {
            let lower = host.to_ascii_lowercase();
            let suffixes = [".internal", ".local", ".svc", ".localhost"];
            !lower.is_empty()
                && (!lower.contains('.') || suffixes.iter().any(|suffix| lower.ends_with(suffix)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_split_or_refused() {
        let parsed = |text| Host::parse(text).map(|host| (host.address, host.port));
        assert_eq!(parsed("shop.example"), Some(("shop.example", None)));
        assert_eq!(
            parsed("shop.example:8080"),
            Some(("shop.example", Some(8080)))
        );
        assert_eq!(parsed("[::1]:80"), Some(("::1", Some(80))));
        assert_eq!(parsed("u:p@h:1"), Some(("h", Some(1))));
        for bad in [
            "",
            ":80",
            "h:port",
            "h:99999",
            "[::1",
            "a b",
            "h\u{1b}[31m",
            "h/x",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }

    #[test]
    fn internal_hosts_are_recognized() {
        for own in [
            "localhost",
            "orders",
            "127.0.0.1",
            "10.1.2.3",
            "[::1]",
            "fd00::1",
            "::ffff:10.0.0.1",
            "db.internal",
            "a.b.svc.cluster.local",
            "x.svc",
            "Printer.LOCAL.",
        ] {
            assert!(is_internal(own), "{own}");
        }
        for foreign in [
            "example.com",
            "8.8.8.8",
            "2001:db8::1",
            "internal.example.com",
            "",
            "evil.local.example",
        ] {
            assert!(!is_internal(foreign), "{foreign}");
        }
    }
}
