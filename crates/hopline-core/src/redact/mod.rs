//! Redaction: recognises secrets by key and by value, and replaces them in URLs and headers.
//!
//! Every edge that records text of requests uses these tests: URLs and captured headers in `hopline-http`, headers of
//! messages, the self-check of `hopline-analysis`, fields of log lines.
//!
//! ```
//! use hopline_core::redact::{Redaction, is_secret_key, is_secret_value};
//!
//! assert!(is_secret_key("x-api-key") && is_secret_key("sessionId") && !is_secret_key("sort_key"));
//! assert!(is_secret_value("ghp_16C7e42F292c6912E7710c838347Ae178B4a") && !is_secret_value("order 7"));
//!
//! let usual = Redaction::default();
//! assert_eq!(usual.url("https://u:p@h/x?sig=1&page=2"), "https://REDACTED:REDACTED@h/x?sig=REDACTED&page=2");
//! assert_eq!(usual.header("x-forwarded-access", "Basic dTpw"), "REDACTED");
//! ```
//!
//! # Limits
//!
//! Recognition is a heuristic. A secret without a known form, under a key that does not name one, is not redacted. Card
//! numbers are recognised by their key only, e-mail addresses not at all.

mod key;
mod pairs;
mod path;
mod percent;
mod rules;
pub(crate) mod token;
mod url;
mod value;
mod words;

pub use key::is_secret_key;
pub use url::Redaction;
pub use value::is_secret_value;

/// The text recorded in place of a secret.
pub const REDACTED: &str = "REDACTED";
