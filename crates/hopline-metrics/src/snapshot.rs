//! What a collection reads: families of points, which the exporters write.

use std::sync::Arc;

use hopline_core::metrics::InstrumentKind;

use crate::attributes::Attributes;
use crate::series::{Reading, Series};

/// The series of one instrument.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: Box<str>,
    pub(crate) unit: &'static str,
    pub(crate) help: &'static str,
    pub(crate) kind: InstrumentKind,
    pub(crate) bounds: Vec<f64>,
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
    Series(Arc<Series>),
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
