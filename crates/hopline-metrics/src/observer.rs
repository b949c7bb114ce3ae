//! Values that are read at each collection, such as the size of a pool.

use hopline_core::Attr;
use hopline_core::metrics::{Instrument, InstrumentKind};

use crate::attributes::Given;
use crate::series::Reading;
use crate::snapshot::{Family, Point, PointSource};

/// Receives the values of one collection; see [`Metrics::observe`](crate::Metrics::observe).
#[derive(Debug, Default)]
pub struct Observer {
    families: Vec<Family>,
}

/// Values of one collection beyond this are left out, as of an instrument with too many attribute sets.
const MOST_POINTS: usize = 2_000;

impl Observer {
    /// Gives the present value of an instrument under these attributes: of a counter its total, of a gauge its value.
    ///
    /// A histogram cannot be observed; its values are ignored. Takes up to 2,000 values of one instrument in a collection.
    pub fn value(&mut self, instrument: &Instrument, value: f64, attributes: &[Attr<'_>]) {
        let reading = match instrument.kind() {
            InstrumentKind::Counter | InstrumentKind::UpDownCounter => Reading::Sum(value),
            InstrumentKind::Gauge => Reading::Last(value),
            InstrumentKind::Histogram => return,
        };
        let given = Given {
            attrs: attributes,
            dropped: &[],
        };
        let point = Point {
            source: PointSource::Observed(given.store()),
            reading,
        };
        let same = |family: &&mut Family| *family.name == *instrument.name();
        match self.families.iter_mut().find(same) {
            Some(family) if family.points.len() >= MOST_POINTS => {}
            Some(family) => family.points.push(point),
            None => self.families.push(Family {
                name: instrument.name().into(),
                unit: instrument.unit(),
                help: instrument.help(),
                kind: instrument.kind(),
                bounds: Vec::new(),
                points: vec![point],
            }),
        }
    }

    pub(crate) fn into_families(self) -> Vec<Family> {
        self.families
    }
}
