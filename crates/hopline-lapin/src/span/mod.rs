//! Spans of this crate: names, attributes, and the settings of a channel that decide them.
//!
//! Each operation on a message starts its span by a [`Subject`](subject::Subject).

pub(crate) mod destination;
pub(crate) mod settings;
pub(crate) mod subject;
