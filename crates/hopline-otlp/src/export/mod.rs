//! OTLP to a collector: settings, the export thread, transports, retries.

mod answer;
mod builder;
mod check;
mod endpoint;
mod exporter;
#[cfg(feature = "spool")]
mod folder;
#[cfg(feature = "grpc")]
mod grpc;
mod gzip;
mod http;
mod outage;
mod patience;
mod problem;
mod retry;
mod runtime;
mod settings;
mod size;
#[cfg(feature = "spool")]
mod split;
#[cfg(feature = "spool")]
mod spool;
#[cfg(feature = "spool")]
mod spooled;
mod transport;
mod variables;
mod worker;

pub use builder::ExporterBuilder;
pub use check::CheckError;
pub use exporter::Exporter;
pub use problem::ConfigError;
pub use settings::Protocol;
