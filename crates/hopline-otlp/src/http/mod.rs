//! OTLP over HTTP: settings, the export thread, retries.

mod answer;
mod builder;
mod exporter;
mod retry;
mod settings;
mod transport;
mod worker;

pub use builder::ExporterBuilder;
pub use exporter::Exporter;
pub use settings::{ConfigError, Protocol};
