//! OTLP requests of the metrics, for the exporter's thread.
//!
//! `opentelemetry-proto` is not used: its metrics messages bring OpenTelemetry's SDK into every build. Tests decode with it.

mod messages;
mod reader;

pub use reader::{OtlpReader, Temporality};
