//! The Prometheus page: OpenMetrics 1.0 with exemplars, or the text format 0.0.4, as the scraper accepts.

mod format;
mod page;
#[cfg(feature = "axum")]
mod router;

pub use page::Page;

pub(crate) use format::Format;
