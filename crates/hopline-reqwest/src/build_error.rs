//! Errors of building a client.

use std::error::Error as StdError;
use std::fmt;

/// A client could not be built.
///
/// Its `Debug` prints what `Display` prints, for a `main` that returns it.
#[non_exhaustive]
pub enum BuildError {
    /// reqwest could not make the client.
    Client(reqwest::Error),
    /// A setting of whole calls was made in [`configure`](crate::Builder::configure), where it would hold for single
    /// hops; the name is that of the method of [`Builder`](crate::Builder) to use.
    Setting(&'static str),
    /// The settings that were made in [`configure`](crate::Builder::configure) cannot be checked with this version of
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
                 `hopline_reqwest::Builder::{name}` instead"
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
            // its own text is in this error's
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
