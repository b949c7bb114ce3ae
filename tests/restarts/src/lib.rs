//! Servers that stop and restart while clients are connected.

pub mod server;

pub use server::{Kind, Server};

/// Any failure of a server. xtask prints details on stderr.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// A result of this package.
pub type Result<T, E = Error> = std::result::Result<T, E>;
