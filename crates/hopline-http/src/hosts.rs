//! Lists of hosts.

/// Hosts by name, all below a name by `*.` before it, and all hosts by `*`.
///
/// A list that is written wrong must not be one that never matches: of a URL, or a host with a port, the host counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    pub(crate) fn extend<'a>(&mut self, hosts: impl IntoIterator<Item = &'a str>) {
        let plain = |host: &str| bare(host_of(host)).to_ascii_lowercase();
        self.0.extend(hosts.into_iter().map(plain));
    }

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

/// The host of what may be a URL, or have a port.
fn host_of(text: &str) -> &str {
    let text = text.trim();
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    match host.split_once(']') {
        Some((address, _)) => address,
        // more than one colon is an address without brackets
        None => match host.split_once(':') {
            Some((name, port)) if !port.contains(':') => name,
            _ => host,
        },
    }
}

/// Without the brackets of an address, and without the dot that ends a name.
fn bare(host: &str) -> &str {
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_all_below() {
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
    fn a_host_counts_however_it_is_written() {
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
