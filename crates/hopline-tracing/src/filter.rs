//! The filter that is built into the layer: levels, targets, and targets that are never bridged.
//!
//! It is a per-layer filter, so that a callsite which only the bridge ignores stays enabled for other layers, and one that
//! no layer wants costs a few instructions.

use std::sync::Arc;

use tracing::subscriber::Interest;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Filter};

/// Targets that carry raw values, or work that an edge of hopline records already.
///
/// `sqlx::query` events hold SQL with values, `lapin::returned_messages` the bodies of messages. The spans of the
/// others repeat a request or a call.
pub(crate) const DENIED: &[&str] = &[
    "sqlx::query",
    "lapin::returned_messages",
    "tower_http::trace",
    "reqwest_tracing",
    "reqwest_otel_span",
    "axum_tracing_opentelemetry",
    "tracing_opentelemetry_instrumentation_sdk",
    "otel::tracing",
    "otel::setup",
];

/// The layer's own filter. It decides by level and target, once for each callsite.
///
/// [`Builder`](crate::Builder) sets it; the type is public because the type of a filtered layer contains it.
#[derive(Clone, Debug)]
pub struct BridgeFilter {
    /// The most verbose level that is bridged, if there are no targets.
    pub(crate) level: LevelFilter,
    /// Levels by target; they replace the level.
    pub(crate) targets: Option<Targets>,
    /// Targets that are never bridged, with the modules below them. Shared, since layers are cloned.
    pub(crate) denied: Arc<[Box<str>]>,
}

/// INFO and above, without the denied targets.
impl Default for BridgeFilter {
    fn default() -> Self {
        Self {
            level: LevelFilter::INFO,
            targets: None,
            denied: DENIED.iter().map(|target| Box::from(*target)).collect(),
        }
    }
}

impl BridgeFilter {
    /// True if spans and events of this level and target are bridged.
    pub(crate) fn wants(&self, target: &str, level: &Level) -> bool {
        let by_level = match &self.targets {
            Some(targets) => targets.would_enable(target, level),
            None => self.level >= *level,
        };
        by_level && !self.is_denied(target)
    }

    /// True for a denied target and the modules below it.
    fn is_denied(&self, target: &str) -> bool {
        self.denied.iter().any(|denied| {
            target
                .strip_prefix(&**denied)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        })
    }
}

impl<S> Filter<S> for BridgeFilter {
    fn enabled(&self, meta: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.wants(meta.target(), meta.level())
    }

    fn callsite_enabled(&self, meta: &'static Metadata<'static>) -> Interest {
        if self.wants(meta.target(), meta.level()) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match &self.targets {
            Some(targets) => Filter::<S>::max_level_hint(targets).unwrap_or(LevelFilter::TRACE),
            None => self.level,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_carry_raw_values_are_denied_with_their_modules() {
        let wanted = BridgeFilter::default();
        assert!(wanted.wants("shop::orders", &Level::INFO));
        assert!(!wanted.wants("shop::orders", &Level::DEBUG));
        for target in ["sqlx::query", "tower_http::trace::make_span"] {
            assert!(!wanted.wants(target, &Level::ERROR), "{target}");
        }
        assert!(wanted.wants("sqlx::query_log", &Level::INFO));
    }
}
