//! Policies for redirects, under the names of [`reqwest::redirect`].
//!
//! Code outside reqwest cannot evaluate a policy of reqwest, because only reqwest can make an attempt. So
//! [`ClientBuilder::redirect`](crate::ClientBuilder::redirect) takes a policy of this module, with the same functions and
//! meanings. Only the import changes.
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
//! let client = hopline_reqwest::ClientBuilder::new().redirect(policy).build()?;
//! # Ok::<(), hopline_reqwest::BuildError>(())
//! ```

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;
use reqwest::Url;

type CustomFn = dyn Fn(Attempt<'_>) -> Action + Send + Sync;

/// Decides whether a redirect is followed. Defaults to [`limited(10)`](Self::limited).
///
/// # Examples
///
/// ```
/// use hopline_reqwest::redirect::Policy;
///
/// assert_eq!(format!("{:?}", Policy::default()), "Policy::limited(10)");
/// ```
pub struct Policy(Kind);

enum Kind {
    Limited(usize),
    None,
    Custom(Box<CustomFn>),
}

impl Policy {
    /// Follows up to `max` redirects of a call. One more fails the call with an error for which
    /// [`is_redirect`](reqwest::Error::is_redirect) returns true.
    pub fn limited(max: usize) -> Self {
        Self(Kind::Limited(max))
    }

    /// Follows no redirects: the redirect is the response.
    pub fn none() -> Self {
        Self(Kind::None)
    }

    /// Calls this function for each redirect.
    ///
    /// The number of redirects is not limited: a policy that always follows can loop for ever.
    pub fn custom(policy: impl Fn(Attempt<'_>) -> Action + Send + Sync + 'static) -> Self {
        Self(Kind::Custom(Box::new(policy)))
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self.0, Kind::None)
    }

    /// Evaluates the policy, for a [custom](Self::custom) policy that builds on another one.
    pub fn redirect(&self, attempt: Attempt<'_>) -> Action {
        match &self.0 {
            Kind::Custom(policy) => policy(attempt),
            // the first URL is that of the call
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

/// A redirect, as a [`Policy`] gets it.
#[derive(Debug)]
pub struct Attempt<'a> {
    pub(crate) status: StatusCode,
    pub(crate) url: &'a Url,
    pub(crate) previous: &'a [Url],
}

impl Attempt<'_> {
    /// Returns the status of the response that redirects.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the URL of the next request.
    pub fn url(&self) -> &Url {
        self.url
    }

    /// Returns the URLs that were requested so far, that of the call first.
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

    /// Fails the call. The error is the source of one for which [`is_redirect`](reqwest::Error::is_redirect) returns true.
    pub fn error(self, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Action {
        Action(Decision::Error(error.into()))
    }
}

/// The decision about a redirect; made by the methods of [`Attempt`].
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
