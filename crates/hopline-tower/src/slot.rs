//! Where a request's root stands while its future and its body are moved about.

use std::cell::RefCell;

use crate::root::Root;

/// How many empty roots a thread keeps: 32 KiB of them.
const SPARES: usize = 256;

thread_local! {
    // A cell: nothing of others runs while it is borrowed. Bounded by `SPARES`; freed with the thread.
    #[expect(clippy::vec_box, reason = "the pointers are what goes in and out")]
    static IDLE: RefCell<Vec<Box<Root>>> = const { RefCell::new(Vec::new()) };
}

/// A request's root, or none.
///
/// A pointer, since routers and servers move futures and bodies many times before they stand still. What it points
/// to comes from the thread's empty ones and goes back there, so it is no allocation once warm.
#[derive(Debug, Default)]
pub(crate) struct Slot(Option<Box<Root>>);

impl Slot {
    /// With an empty root, filled in where it stands.
    #[inline]
    pub(crate) fn filled(fill: impl FnOnce(&mut Root)) -> Self {
        // none while the thread is being torn down
        let idle = IDLE.try_with(|idle| idle.borrow_mut().pop());
        let mut root = idle.ok().flatten().unwrap_or_default();
        fill(&mut root);
        Self(Some(root))
    }

    #[inline]
    pub(crate) fn root(&mut self) -> Option<&mut Root> {
        self.0.as_deref_mut()
    }

    /// Moves the root on; this one has nothing to end any more.
    #[inline]
    pub(crate) fn take(&mut self) -> Self {
        Self(self.0.take())
    }
}

impl Drop for Slot {
    /// A request that was not ended was cut short.
    #[inline]
    fn drop(&mut self) {
        let Some(mut root) = self.0.take() else {
            return;
        };
        root.close();
        let _ = IDLE.try_with(|idle| {
            let mut idle = idle.borrow_mut();
            if idle.len() < SPARES {
                idle.push(root);
            }
        });
    }
}
