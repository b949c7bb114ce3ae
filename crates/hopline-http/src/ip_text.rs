//! IP addresses as text without an allocation, for the attributes of each request.
//!
//! Servers record the client and the peer, clients the peer.

use std::fmt::{self, Write};
use std::net::IpAddr;

/// The text of an IP address, built without an allocation. An IPv4-mapped IPv6 address is shown as IPv4.
///
/// Holds up to 46 bytes, enough for any address.
///
/// # Examples
///
/// ```
/// use hopline_http::IpText;
///
/// assert_eq!(IpText::new("::ffff:10.0.0.1".parse().unwrap()).as_str(), "10.0.0.1");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct IpText {
    /// The text, and unused bytes behind it.
    bytes: [u8; Self::LONGEST],
    /// Length of the text in bytes.
    len: usize,
}

impl IpText {
    /// The longest text is `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`.
    const LONGEST: usize = 46;

    /// Formats an address.
    pub fn new(address: IpAddr) -> Self {
        let mut text = Self {
            bytes: [0; Self::LONGEST],
            len: 0,
        };
        // cannot fail: no address is longer than the buffer
        let _ = write!(text, "{}", address.to_canonical());
        text
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        // only whole strings are copied in, so the bytes are UTF-8
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl Write for IpText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let place = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_address_fits() {
        for address in [
            "0.0.0.0",
            "255.255.255.255",
            "::",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "::1",
        ] {
            assert_eq!(IpText::new(address.parse().unwrap()).as_str(), address);
        }
    }
}
