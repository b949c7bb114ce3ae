//! Extensions of a request that concern its span.

use hopline_core::Context;

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

/// The context of the code that makes a request, for a client that runs in another task.
///
/// Where the task that records the call has a context of the same trace, which is nearer, that counts instead.
///
/// # Examples
///
/// ```
/// use hopline_http::client::CallerContext;
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(CallerContext::current());
/// ```
#[derive(Clone, Debug)]
pub struct CallerContext(pub Context);

impl CallerContext {
    /// The [current context](Context::current).
    pub fn current() -> Self {
        Self(Context::current())
    }

    /// The current context if it is of the same trace, and so nearer to the call; else this one.
    pub fn nearest(&self) -> Context {
        let trace = |context: &Context| context.span_context().map(|span| span.trace_id());
        let current = Context::current();
        match trace(&current) {
            Some(here) if trace(&self.0) == Some(here) => current,
            _ => self.0.clone(),
        }
    }
}
