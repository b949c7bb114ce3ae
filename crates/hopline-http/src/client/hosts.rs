//! Host lists for baggage, trace headers and kept traces.

/// A list of hosts: `shop.example`, `*.shop.example` for all names below it, `*` for all hosts.
///
/// Entries may be URLs or have a port: only the host is used, so that such an entry does not silently match nothing.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Adds hosts.
    pub fn extend<'a>(&mut self, hosts: impl IntoIterator<Item = &'a str>) {
        let plain = |host: &str| bare(host_of(host)).to_ascii_lowercase();
        self.0.extend(hosts.into_iter().map(plain));
    }

    /// Returns true if an entry matches the host. Case-insensitive; brackets and a final dot are ignored.
    pub(crate) fn contains(&self, host: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let host = bare(host);
        self.0.iter().any(|named| match named.strip_prefix('*') {
            Some("") => true,
            Some(below) if below.starts_with('.') => {
                let at = host.len().checked_sub(below.len()).filter(|at| *at > 0);
                at.and_then(|at| host.get(at..))
                    .is_some_and(|end| end.eq_ignore_ascii_case(below))
            }
            _ => named.eq_ignore_ascii_case(host),
        })
    }
}

/// Returns the host of a URL, or of a host with or without port.
fn host_of(text: &str) -> &str {
    let text = text.trim();
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    match host.split_once(']') {
        Some((address, _)) => address,
        // more than one colon: an IPv6 address without brackets
        None => match host.split_once(':') {
            Some((name, port)) if !port.contains(':') => name,
            _ => host,
        },
    }
}

/// Removes the brackets of an address and the final dot of a name.
fn bare(host: &str) -> &str {
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_all_names_below() {
        let mut hosts = Hosts::default();
        hosts.extend(["Shop.example", "*.corp.example", "[::1]"]);
        for host in [
            "shop.example",
            "SHOP.EXAMPLE.",
            "a.corp.example",
            "a.b.Corp.example",
            "::1",
            "[::1]",
        ] {
            assert!(hosts.contains(host), "{host}");
        }
        for host in [
            "",
            "corp.example",
            ".corp.example",
            "xcorp.example",
            "a.shop.example",
            "\u{e9}corp.example",
        ] {
            assert!(!hosts.contains(host), "{host}");
        }
        assert!(!Hosts::default().contains(""));
    }

    #[test]
    fn an_entry_may_be_a_url_or_have_a_port() {
        for (written, host) in [
            ("shop.example:8080", "shop.example"),
            ("https://Shop.example/path?q#f", "shop.example"),
            ("http://u:p@shop.example:80", "shop.example"),
            ("https://*.corp.example:443/", "a.corp.example"),
            (" shop.example ", "shop.example"),
            ("[::1]:80", "::1"),
            ("http://[fd00::1]/", "[fd00::1]"),
            ("fd00::1", "fd00::1"),
            ("*", "any.example"),
        ] {
            let mut hosts = Hosts::default();
            hosts.extend([written]);
            assert!(hosts.contains(host), "{written}");
            assert_eq!(hosts.contains("other.example"), written == "*", "{written}");
        }
    }
}
