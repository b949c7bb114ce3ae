//! Templates of URLs.

/// The template of a request's URL path, such as `/stock/{id}`: put it into the request's extensions.
///
/// It becomes part of the span's name, so it must be one of few.
///
/// # Examples
///
/// ```
/// use hopline_reqwest::{ClientExt, UrlTemplate};
///
/// let client = reqwest::Client::new().traced();
/// let request = client.get("http://inventory:4002/stock/7").with_extension(UrlTemplate("/stock/{id}"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlTemplate(pub &'static str);
