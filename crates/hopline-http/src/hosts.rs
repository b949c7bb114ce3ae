//! Lists of hosts.

/// Hosts by name, and all below a name by `*.` before it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    pub(crate) fn extend<'a>(&mut self, hosts: impl IntoIterator<Item = &'a str>) {
        let plain = |host: &str| bare(host).to_ascii_lowercase();
        self.0.extend(hosts.into_iter().map(plain));
    }

    pub(crate) fn contains(&self, host: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let host = bare(host);
        self.0.iter().any(|named| match named.strip_prefix('*') {
            Some(below) if below.starts_with('.') => {
                let at = host.len().checked_sub(below.len()).filter(|at| *at > 0);
                at.and_then(|at| host.get(at..))
                    .is_some_and(|end| end.eq_ignore_ascii_case(below))
            }
            _ => named.eq_ignore_ascii_case(host),
        })
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
}
