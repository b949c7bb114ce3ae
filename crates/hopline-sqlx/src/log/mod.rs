//! sqlx's statement log: events with redacted text in place of sqlx's own.
//!
//! The span factory creates a [`StatementLog`] for each statement, next to its span. This folder depends on
//! [`settings`](crate::settings) and [`redact`](crate::redact).

mod options;
mod quiet;
mod statement_log;

pub(crate) use options::{configured, silent};
pub(crate) use sqlx_core::connection::LogSettings;
pub(crate) use statement_log::StatementLog;
use tracing::Metadata;

/// The target of sqlx's own events.
const TARGET: &str = "sqlx::query";

/// Returns true for a statement event written by sqlx. The events of this crate have the same target, and no raw text.
pub(crate) fn is_of_sqlx(metadata: &Metadata<'_>) -> bool {
    metadata.target() == TARGET
        && metadata
            .module_path()
            .is_none_or(|path| !path.starts_with("hopline_sqlx"))
}
