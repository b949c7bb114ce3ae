//! Policies for redirects, under the names of [`reqwest::redirect`].
//!
//! A policy of reqwest's own cannot be asked from outside: what it decides on can only be made inside reqwest. So
//! [`Builder::redirect`](crate::Builder::redirect) takes a policy of this module, whose functions have the same names
//! and meanings. Code that makes one changes its import and nothing else.
//!
//! # Examples
//!
//! ```
//! use hopline_reqwest::redirect::Policy;
//!
//! // follows redirects within one host only
//! let policy = Policy::custom(|attempt| {
//!     let from = attempt.previous().last().and_then(|url| url.host_str());
//!     if attempt.previous().len() > 5 {
//!         attempt.error("too many redirects")
//!     } else if attempt.url().host_str() == from {
//!         attempt.follow()
//!     } else {
//!         attempt.stop()
//!     }
//! });
//! let client = hopline_reqwest::builder().redirect(policy).build()?;
//! # Ok::<(), hopline_reqwest::BuildError>(())
//! ```

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;
use reqwest::Url;

type CustomFn = dyn Fn(Attempt<'_>) -> Action + Send + Sync;

/// Decides whether a redirect is followed. Defaults to [`limited(10)`](Self::limited).
pub struct Policy(Kind);

enum Kind {
    Limited(usize),
    None,
    Custom(Box<CustomFn>),
}

impl Policy {
    /// Follows up to `max` redirects of one call; one more is an error of which
    /// [`is_redirect`](reqwest::Error::is_redirect) is true.
    pub fn limited(max: usize) -> Self {
        Self(Kind::Limited(max))
    }

    /// Follows no redirect: the redirect is the response.
    pub fn none() -> Self {
        Self(Kind::None)
    }

    /// Asks this function about each redirect.
    ///
    /// It bounds nothing by itself: a policy that always follows runs in a loop for ever.
    pub fn custom(policy: impl Fn(Attempt<'_>) -> Action + Send + Sync + 'static) -> Self {
        Self(Kind::Custom(Box::new(policy)))
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self.0, Kind::None)
    }

    /// Decides on one redirect; for a [custom](Self::custom) policy that builds on another one.
    pub fn redirect(&self, attempt: Attempt<'_>) -> Action {
        match &self.0 {
            Kind::Custom(policy) => policy(attempt),
            // the first URL is the call's own
            Kind::Limited(max) if attempt.previous.len() > *max => attempt.error(TooManyRedirects),
            Kind::Limited(_) => attempt.follow(),
            Kind::None => attempt.stop(),
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::limited(10)
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Limited(max) => write!(f, "Policy::limited({max})"),
            Kind::None => f.write_str("Policy::none()"),
            Kind::Custom(_) => f.write_str("Policy::custom(..)"),
        }
    }
}

/// A redirect that a [`Policy`] decides on.
#[derive(Debug)]
pub struct Attempt<'a> {
    pub(crate) status: StatusCode,
    pub(crate) url: &'a Url,
    pub(crate) previous: &'a [Url],
}

impl Attempt<'_> {
    /// The status of the response that redirects.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The URL that is requested next.
    pub fn url(&self) -> &Url {
        self.url
    }

    /// The URLs that were requested so far, the call's own first.
    pub fn previous(&self) -> &[Url] {
        self.previous
    }

    /// Requests the next URL.
    pub fn follow(self) -> Action {
        Action(Decision::Follow)
    }

    /// Makes the redirect the call's response.
    pub fn stop(self) -> Action {
        Action(Decision::Stop)
    }

    /// Fails the call with this error, as the source of one of which [`is_redirect`](reqwest::Error::is_redirect) is
    /// true.
    pub fn error(self, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Action {
        Action(Decision::Error(error.into()))
    }
}

/// The decision on a redirect; made by the methods of [`Attempt`].
#[derive(Debug)]
pub struct Action(pub(crate) Decision);

#[derive(Debug)]
pub(crate) enum Decision {
    Follow,
    Stop,
    Error(Box<dyn StdError + Send + Sync>),
}

#[derive(Debug, thiserror::Error)]
#[error("too many redirects")]
struct TooManyRedirects;
