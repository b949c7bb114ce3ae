//! An exporter whose requests a test decides on.

use std::time::Duration;

use hopline_otlp::{Exporter, ExporterBuilder};

/// An exporter that sends nothing before it is asked to.
pub(crate) fn patient(url: &str) -> ExporterBuilder {
    Exporter::builder()
        .endpoint(url)
        .schedule_delay(Duration::from_secs(3600))
}
