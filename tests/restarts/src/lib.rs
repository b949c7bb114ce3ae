//! Servers that end and start again under their clients.

pub mod server;

pub use server::{Kind, Server};

/// Whatever stops it; xtask says more on stderr.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// A result of this package.
pub type Result<T, E = Error> = std::result::Result<T, E>;
