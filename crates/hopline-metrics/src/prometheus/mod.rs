//! The Prometheus page: OpenMetrics 1.0 with exemplars, or the text format 0.0.4, as the scraper accepts.
//! `page` negotiates the format, `format` writes it, `router` serves it; `Metrics` calls `page`, the application the router.
//! OpenMetrics is preferred where a scraper accepts both, because only that format has exemplars.

/// Both text formats.
mod format;
mod page;
#[cfg(feature = "axum")]
mod router;

pub use page::Page;

pub(crate) use format::Format;
