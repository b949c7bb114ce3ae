//! What a request's extensions say of its span.

/// The template of a request's URL path, such as `/stock/{id}`.
///
/// It becomes part of the span's name, so it must be one of few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlTemplate(pub &'static str);

/// A request that is not recorded and takes no trace headers along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untraced;

/// How often the request was sent before: `http.request.resend_count`, whatever the cause was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResendCount(pub u32);
