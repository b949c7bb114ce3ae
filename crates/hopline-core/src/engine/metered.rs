//! The tracers with a meter: a context knows its tracer by number alone.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use parking_lot::RwLock;

use crate::engine::shared::Shared;

/// True once a tracer has a meter. It guards nothing, so no ordering is needed.
static ANY: AtomicBool = AtomicBool::new(false);

/// Mostly one. Written when such a tracer is built, which also removes those that are gone; read by measurements that are
/// given no tracer.
static METERED: RwLock<Vec<(u32, Weak<Shared>)>> = RwLock::new(Vec::new());

/// True if there has been a tracer with a meter.
#[inline]
pub(crate) fn any() -> bool {
    ANY.load(Relaxed)
}

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
