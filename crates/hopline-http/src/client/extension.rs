//! Request extensions that change the span of a call.

use hopline_core::Context;

/// The template of a request's URL path, such as `/stock/{id}`. Becomes part of the span's name and `url.template`.
///
/// # Examples
///
/// ```
/// use hopline_http::client::UrlTemplate;
///
/// let mut request = http::Request::get("http://inventory:4002/stock/7").body(()).unwrap();
/// request.extensions_mut().insert(UrlTemplate("/stock/{id}"));
/// assert_eq!(request.extensions().get(), Some(&UrlTemplate("/stock/{id}")));
/// ```
#[expect(
    clippy::exhaustive_structs,
    reason = "a newtype around the text, 'static so that the number of names is bounded"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlTemplate(pub &'static str);

/// Excludes a request: no span is recorded, and no trace headers are sent.
///
/// # Examples
///
/// ```
/// use hopline_http::client::Untraced;
///
/// let mut request = http::Request::get("http://localhost/health").body(()).unwrap();
/// request.extensions_mut().insert(Untraced);
/// assert!(request.extensions().get::<Untraced>().is_some());
/// ```
#[expect(clippy::exhaustive_structs, reason = "a marker without data")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untraced;

/// The number of times that the request was sent before, for any reason: `http.request.resend_count`.
///
/// # Examples
///
/// ```
/// use hopline_http::client::ResendCount;
///
/// let mut second = http::Request::get("http://inventory:4002/stock/7").body(()).unwrap();
/// second.extensions_mut().insert(ResendCount(1));
/// assert_eq!(second.extensions().get(), Some(&ResendCount(1)));
/// ```
#[expect(clippy::exhaustive_structs, reason = "a newtype around the count")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResendCount(pub u32);

/// The context of the code that makes a request, for a client that sends it from another task.
///
/// The call's span is a child of this context. If the task that records the call has a context of the same trace, that
/// one is nearer to the call and is used instead.
///
/// # Examples
///
/// ```
/// use hopline_http::client::CallerContext;
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(CallerContext::current());
/// assert!(request.extensions().get::<CallerContext>().is_some());
/// ```
#[expect(clippy::exhaustive_structs, reason = "a newtype around the context")]
#[derive(Clone, Debug)]
pub struct CallerContext(pub Context);

impl CallerContext {
    /// Takes the [current context](Context::current).
    pub fn current() -> Self {
        Self(Context::current())
    }

    /// Returns the current context if it is of the same trace, else this one.
    pub fn nearest(&self) -> Context {
        let trace = |context: &Context| context.span_context().map(|span| span.trace_id());
        let current = Context::current();
        match trace(&current) {
            Some(here) if trace(&self.0) == Some(here) => current,
            _ => self.0.clone(),
        }
    }
}
