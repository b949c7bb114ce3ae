//! Hosts: what a request names, and whose they are.

use std::net::IpAddr;

/// A host and its port, as the `Host` header or a URI's authority has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host<'a> {
    /// A name, or an address without brackets.
    pub address: &'a str,
    /// The port, if one is named.
    pub port: Option<u16>,
}

impl<'a> Host<'a> {
    /// Splits `host`, `host:port`, `[v6]` or `[v6]:port`; `None` for anything else.
    pub fn parse(text: &'a str) -> Option<Self> {
        // in one pass, since every request has one of these
        let name = text.bytes().position(|byte| !NAME[usize::from(byte)]);
        let (address, port) = text.split_at_checked(name.unwrap_or(text.len()))?;
        Self::checked(address, port).or_else(|| Self::parse_any(text))
    }

    /// The same where there is more than a name and a port.
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

    /// Of an address without characters that no host has, and what stands behind it.
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

/// The bytes that a name may be of.
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

/// True for hosts that are surely one's own: loopback, private and link-local addresses, names without a
/// dot, and names that end with `.internal`, `.local`, `.svc` or `.svc.cluster.local`.
///
/// Baggage is sent to these without being told to.
pub fn is_internal_host(host: &str) -> bool {
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
    fn ones_own_hosts_are_known() {
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
            assert!(is_internal_host(own), "{own}");
        }
        for foreign in [
            "example.com",
            "8.8.8.8",
            "2001:db8::1",
            "internal.example.com",
            "",
            "evil.local.example",
        ] {
            assert!(!is_internal_host(foreign), "{foreign}");
        }
    }
}
