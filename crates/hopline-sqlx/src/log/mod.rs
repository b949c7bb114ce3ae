//! sqlx's statement log: events with redacted text in place of sqlx's own.
//!
//! The span factory creates a [`StatementLog`] for each statement, next to its span. This folder depends on
//! [`settings`](crate::settings) and [`redact`](crate::redact).

mod options;
mod quiet;
mod statement_log;
mod target;

pub(crate) use options::{configured, silent};
pub(crate) use sqlx_core::connection::LogSettings;
pub(crate) use statement_log::StatementLog;
#[cfg(feature = "events")]
pub(crate) use target::is_of_sqlx;
