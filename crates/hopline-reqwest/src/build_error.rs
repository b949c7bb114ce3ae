//! Errors of building a client.

use std::error::Error as StdError;
use std::fmt;

/// The error of [`ClientBuilder::build`](crate::ClientBuilder::build).
///
/// `Debug` prints the same text as `Display`, for a `main` that returns the error.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use hopline_reqwest::{BuildError, ClientBuilder};
///
/// let built = ClientBuilder::new()
///     .configure(|client| client.timeout(Duration::from_secs(5))) // would limit each hop, not the call
///     .build();
/// assert!(matches!(built, Err(BuildError::Setting("timeout"))));
///
/// ClientBuilder::new().timeout(Duration::from_secs(5)).build()?;
/// # Ok::<(), BuildError>(())
/// ```
#[non_exhaustive]
pub enum BuildError {
    /// reqwest cannot build the client.
    Client(reqwest::Error),
    /// [`configure`](crate::ClientBuilder::configure) made a setting that would hold for single hops instead of the call.
    /// Use the method of [`ClientBuilder`](crate::ClientBuilder) with this name.
    Setting(&'static str),
    /// The settings that [`configure`](crate::ClientBuilder::configure) made cannot be checked with this version of
    /// reqwest.
    Unreadable,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(error) => write!(f, "reqwest cannot build the client: {error}"),
            Self::Setting(name) => write!(
                f,
                "`{name}` is set in `configure`, where it does not hold across redirects: call \
                 `hopline_reqwest::ClientBuilder::{name}` instead"
            ),
            Self::Unreadable => f.write_str(
                "the default headers that are set in `configure` cannot be checked with this version of reqwest, and \
                 credentials among them would follow redirects to other hosts: update hopline-reqwest, or build the \
                 client without `configure`",
            ),
        }
    }
}

hopline_core::debug_as_display!(BuildError);

impl StdError for BuildError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            // the text of the error itself is part of this error's text
            Self::Client(error) => error.source(),
            Self::Setting(_) | Self::Unreadable => None,
        }
    }
}

impl From<reqwest::Error> for BuildError {
    fn from(error: reqwest::Error) -> Self {
        Self::Client(error)
    }
}
