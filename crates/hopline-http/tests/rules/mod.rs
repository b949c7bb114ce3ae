//! What tables of rules for HTTP spans are made of, for the tests of servers and of clients.

#![allow(dead_code, reason = "each test file uses its part")]

use hopline_core::{OwnedValue, SpanData};

/// The versions of HTTP that everything is done in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Http1,
    Http2,
}

pub(crate) const BOTH: [Version; 2] = [Version::Http1, Version::Http2];

impl Version {
    /// A client that speaks it, without looking for proxies or following redirects.
    pub(crate) fn client(self) -> reqwest::Client {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        self.configure(client).build().unwrap()
    }

    pub(crate) fn configure(self, client: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        match self {
            Self::Http1 => client.no_proxy().http1_only(),
            Self::Http2 => client.no_proxy().http2_prior_knowledge(),
        }
    }

    /// As spans say it.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Http1 => "1.1",
            Self::Http2 => "2",
        }
    }
}

/// What an attribute is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Is {
    /// `{url}` in it is the server's.
    Text(&'static str),
    Integer(i64),
    Texts(&'static [&'static str]),
    Absent,
    /// Text of whatever kind.
    SomeText,
    /// A number of a port.
    Port,
    /// The version that the row is run in.
    Version,
}

impl Is {
    /// True if the attribute is as it is to be, type and all.
    pub(crate) fn fits(self, span: &SpanData, key: &str, version: Version, url: &str) -> bool {
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
