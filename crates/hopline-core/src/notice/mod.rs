//! Notices: reports of losses, misuse and unreachable endpoints, and the thread that delivers them.
//!
//! Every folder may import it. It imports only `text`.

pub(crate) mod contained;
pub(crate) mod courier;
pub(crate) mod line;
pub(crate) mod panic;

pub use contained::contained;
pub use line::{Notice, notify};
