//! The tracers with a meter, by number: a context has only the number of its tracer.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use parking_lot::RwLock;

use crate::engine::shared::Shared;

/// True once a tracer has a meter. Guards nothing, so no ordering is needed.
static ANY: AtomicBool = AtomicBool::new(false);

// Usually one entry. Written when such a tracer is built, which also removes dropped ones, so its length is bounded by the
// live tracers; read by measurements without a tracer.
static METERED: RwLock<Vec<(u32, Weak<Shared>)>> = RwLock::new(Vec::new());

/// True if a tracer with a meter was built. Without one, measurements cost this check.
#[inline]
pub(crate) fn any() -> bool {
    ANY.load(Relaxed)
}

/// Adds a tracer with a meter, and removes dropped ones.
pub(crate) fn register(shared: &Arc<Shared>) {
    let mut metered = METERED.write();
    metered.retain(|(_, shared)| shared.strong_count() > 0);
    metered.push((shared.number, Arc::downgrade(shared)));
    ANY.store(true, Relaxed);
}

/// The tracer of this number, if it has a meter.
pub(crate) fn registered(number: u32) -> Option<Arc<Shared>> {
    let metered = METERED.read();
    let (_, shared) = metered.iter().find(|(known, _)| *known == number)?;
    shared.upgrade()
}
