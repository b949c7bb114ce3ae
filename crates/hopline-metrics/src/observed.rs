//! Values that are read at each collection, such as the size of a pool: the closures that read them, and what they report.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hopline_core::metrics::{Instrument, InstrumentKind, Observe, Observer};
use hopline_core::{Attr, notify};
use parking_lot::Mutex;

use crate::attributes::Given;
use crate::series::Reading;
use crate::snapshot::{Family, Point, PointSource};

/// Closures that one process may register. Those beyond it are dropped, counted and reported.
const MOST_OBSERVERS: usize = 1_000;

/// Values of one collection beyond this are left out, as of an instrument with too many attribute sets.
const MOST_POINTS: usize = 2_000;

/// The closures that report at each collection.
#[derive(Default)]
pub(crate) struct Observers {
    /// Held while a collection calls the closures, so that two collections do not overlap. A registration never waits
    /// for it.
    running: Mutex<Vec<Observe>>,
    /// Held for a push or a move. A registration may be part of a request.
    registered: Mutex<Registered>,
}

/// Closures since the last collection, and the number of all.
#[derive(Default)]
struct Registered {
    fresh: Vec<Observe>,
    running: usize,
}

impl Observers {
    /// Registers a closure. Returns false if there are too many.
    pub(crate) fn add(&self, observe: Observe) -> bool {
        let mut registered = self.registered.lock();
        let room = registered.running + registered.fresh.len() < MOST_OBSERVERS;
        if room {
            registered.fresh.push(observe);
            return true;
        }
        drop(registered);
        notify("metrics-observers", || {
            format!(
                "there are more than {MOST_OBSERVERS} observers of metrics: later ones are not called; register one for many \
                 objects, and return false from the observer of an object that was dropped"
            )
        });
        false
    }

    /// Calls all closures, and drops those whose object is gone.
    pub(crate) fn call(&self, observer: &mut Observer<'_>) {
        let mut running = self.running.lock();
        running.append(&mut self.registered.lock().fresh);
        self.registered.lock().running = running.len();
        running.retain_mut(|observe| stays(observe, observer));
        self.registered.lock().running = running.len();
    }
}

/// Calls a closure. Returns false if it is to be dropped.
fn stays(observe: &mut Observe, observer: &mut Observer<'_>) -> bool {
    // the application's code: its panic must not end the page or the export
    catch_unwind(AssertUnwindSafe(|| observe(observer))).unwrap_or_else(|_| {
        notify("metrics-observer", || {
            "an observer of metrics panicked: its values are missing from this collection"
                .to_owned()
        });
        true
    })
}

/// The values of one collection, as the closures report them.
#[derive(Default)]
pub(crate) struct Observed {
    families: Vec<Family>,
}

impl Observed {
    /// Adds a value. Values of one instrument and the same attributes are added up, of a gauge the last one counts: an
    /// exporter must not write a series twice.
    pub(crate) fn add(&mut self, instrument: &Instrument, value: f64, attributes: &[Attr<'_>]) {
        let reading = match instrument.kind() {
            InstrumentKind::Counter | InstrumentKind::UpDownCounter => Reading::Sum(value),
            InstrumentKind::Gauge => Reading::Last(value),
            InstrumentKind::Histogram => return,
        };
        let given = Given {
            attrs: attributes,
            dropped: &[],
        };
        let attributes = given.store();
        let points = self.points(instrument);
        let same = |point: &&mut Point| *point.attributes() == attributes;
        if let Some(point) = points.iter_mut().find(same) {
            point.reading = match (&point.reading, reading) {
                (Reading::Sum(sum), Reading::Sum(value)) => Reading::Sum(sum + value),
                (_, last) => last,
            };
        } else if points.len() < MOST_POINTS {
            points.push(Point {
                source: PointSource::Observed(attributes),
                reading,
            });
        }
    }

    fn points(&mut self, instrument: &Instrument) -> &mut Vec<Point> {
        let same = |family: &Family| *family.name == *instrument.name();
        let at = self.families.iter().position(same).unwrap_or_else(|| {
            self.families.push(Family {
                name: instrument.name().into(),
                unit: instrument.unit(),
                help: instrument.help(),
                kind: instrument.kind(),
                bounds: Vec::new(),
                points: Vec::new(),
            });
            self.families.len() - 1
        });
        &mut self.families[at].points
    }

    pub(crate) fn into_families(self) -> Vec<Family> {
        self.families
    }
}
