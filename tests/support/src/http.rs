//! Tables of rules for HTTP spans, for the tests of servers and of clients.

use hopline_core::export::{OwnedValue, SpanData};

/// The versions of HTTP in which each rule is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, with prior knowledge.
    Http2,
}

/// Both versions.
pub const BOTH: [Version; 2] = [Version::Http1, Version::Http2];

impl Version {
    /// A client that speaks it, without looking for proxies or following redirects.
    pub fn client(self) -> reqwest::Client {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        self.configure(client).build().unwrap()
    }

    /// Restricts a client to it.
    pub fn configure(self, client: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        match self {
            Self::Http1 => client.no_proxy().http1_only(),
            Self::Http2 => client.no_proxy().http2_prior_knowledge(),
        }
    }

    /// Its value of `network.protocol.version`.
    pub fn attribute(self) -> &'static str {
        match self {
            Self::Http1 => "1.1",
            Self::Http2 => "2",
        }
    }
}

/// The expected value of an attribute.
#[derive(Clone, Copy, Debug)]
pub enum Is {
    /// This text, in which `{url}` is replaced by the server's URL.
    Text(&'static str),
    /// This integer.
    Integer(i64),
    /// This array of texts.
    Texts(&'static [&'static str]),
    /// No such attribute.
    Absent,
    /// Any text that is not empty.
    SomeText,
    /// Any port.
    Port,
    /// The version in which the rule is tested.
    Version,
}

impl Is {
    /// True if the attribute has the expected value and type.
    pub fn fits(self, span: &SpanData, key: &str, version: Version, url: &str) -> bool {
        match (self, span.attribute(key)) {
            (Self::Absent, found) => found.is_none(),
            (Self::Text(text), Some(OwnedValue::Text(found))) => {
                text.replace("{url}", url) == *found
            }
            (Self::SomeText, Some(OwnedValue::Text(found))) => !found.is_empty(),
            (Self::Integer(number), Some(OwnedValue::I64(found))) => number == *found,
            (Self::Port, Some(OwnedValue::I64(found))) => (1..=65_535).contains(found),
            (Self::Version, Some(OwnedValue::Text(found))) => version.attribute() == found,
            (Self::Texts(texts), Some(OwnedValue::Array(found))) => {
                let texts = texts
                    .iter()
                    .map(|text| OwnedValue::Text((*text).to_owned()));
                texts.collect::<Vec<_>>() == *found
            }
            _ => false,
        }
    }
}
