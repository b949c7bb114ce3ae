//! Spans of this crate: names, attributes, and the settings of a channel that decide them.
//!
//! Each operation on a message starts its span from a [`Subject`]. Publishing, consuming and requests call it. A span of
//! the application's own operation is a child of the current one; the span of a delivered message is a local root.

/// Destination names, and their forms for metrics and span names.
mod destination;
mod in_flight;
mod measurement;
mod operation;
mod settings;
mod subject;

pub(crate) use destination::{Destination, REPLIES};
pub(crate) use in_flight::InFlight;
pub(crate) use measurement::{Measured, count_consumed};
pub(crate) use operation::Operation;
pub(crate) use settings::Settings;
pub(crate) use subject::Subject;
