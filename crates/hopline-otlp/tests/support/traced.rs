//! A tracer for one exporter, and the reason that a flush failed.

use hopline_core::{FlushError, Tracer};
use hopline_otlp::Exporter;

pub(crate) fn traced(exporter: &Exporter) -> Tracer {
    Tracer::builder()
        .service("orders")
        .sink(exporter.clone())
        .build()
}

/// True if time ran out, false if spans were lost.
pub(crate) fn is_timeout(result: Result<(), FlushError>) -> bool {
    result.unwrap_err().is_timeout()
}
