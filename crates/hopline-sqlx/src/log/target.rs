//! Recognises statement events: sqlx's own and those of this crate have the same target.

use tracing::Metadata;

/// The target of statement events.
pub(super) const TARGET: &str = "sqlx::query";

/// Returns true for a statement event written by sqlx. The events of this crate contain no raw text.
pub(crate) fn is_of_sqlx(metadata: &Metadata<'_>) -> bool {
    metadata.target() == TARGET
        && metadata
            .module_path()
            .is_none_or(|path| !path.starts_with("hopline_sqlx"))
}
