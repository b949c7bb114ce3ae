//! An exporter that sends only on request.

use std::time::Duration;

use hopline_otlp::{Exporter, ExporterBuilder};

/// An exporter that sends nothing before a flush, or before its queue is full.
pub fn patient(url: &str) -> ExporterBuilder {
    Exporter::builder()
        .endpoint(url)
        .schedule_delay(Duration::from_secs(3600))
}
