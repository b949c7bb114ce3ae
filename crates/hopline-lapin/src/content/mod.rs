//! Message content, in AMQP's sense: header tables, properties, and the copies that a runner publishes.
//!
//! The lowest layer: it imports no other folder of this crate. Publishing, consuming and the runner call it.

mod carrier;
pub(crate) mod headers;
pub(crate) mod properties;
pub(crate) mod republish;

pub(crate) use carrier::NewTable;
pub use carrier::{TableExtractor, TableInjector};
