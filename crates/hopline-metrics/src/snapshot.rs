//! One collection of the metrics: families of points with the values read at one time.
//! `Metrics::collect` makes it; the Prometheus page and the OTLP reader write it.

use std::sync::Arc;

use hopline_core::metrics::InstrumentKind;

use crate::attributes::Attributes;
use crate::series::{Reading, Series};

/// The series of one instrument.
///
/// A stored instrument has one for its table; an observed one has one for the collection alone.
#[derive(Debug)]
pub(crate) struct Family {
    /// Name in OpenTelemetry's form, with dots; a view may have replaced it.
    pub(crate) name: Box<str>,
    /// UCUM unit, empty without one.
    pub(crate) unit: &'static str,
    /// Description, empty without one.
    pub(crate) help: &'static str,
    pub(crate) kind: InstrumentKind,
    /// Inclusive upper bounds of the buckets, ascending; empty unless the kind is a histogram.
    pub(crate) bounds: Vec<f64>,
    /// In the order of the table; the overflow series is last.
    pub(crate) points: Vec<Point>,
}

/// One series as it was read.
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) source: PointSource,
    pub(crate) reading: Reading,
}

/// The attributes of a point: those of a stored series, or of a value that was observed for this collection alone.
#[derive(Debug)]
pub(crate) enum PointSource {
    /// Shared with the table, so that a collection copies no attributes.
    Series(Arc<Series>),
    /// Stored here, because an observed value has no series.
    Observed(Attributes),
}

impl Point {
    pub(crate) fn attributes(&self) -> &Attributes {
        match &self.source {
            PointSource::Series(series) => &series.attributes,
            PointSource::Observed(attributes) => attributes,
        }
    }
}
