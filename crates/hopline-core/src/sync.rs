//! The locks and reference counts of the engine, which the model checker loom replaces in `tests/loom`.

#[cfg(not(hopline_loom))]
pub(crate) use parking_lot::{Mutex, MutexGuard};
#[cfg(not(hopline_loom))]
pub(crate) use std::sync::{Arc, Weak};

#[cfg(hopline_loom)]
pub(crate) use checked::{Arc, Mutex, MutexGuard, Weak};

/// A handle that does not keep the value alive.
pub(crate) fn downgrade<T>(arc: &Arc<T>) -> Weak<T> {
    #[cfg(not(hopline_loom))]
    return Arc::downgrade(arc);
    #[cfg(hopline_loom)]
    checked::downgrade(arc)
}

/// The replacements under loom, with the same interface.
#[cfg(hopline_loom)]
mod checked {
    pub(crate) use loom::sync::{Arc, MutexGuard};

    /// Points to nothing, because loom has no weak handles. Only the end of a tracer follows them.
    #[derive(Debug)]
    pub(crate) struct Weak<T>(std::marker::PhantomData<T>);

    impl<T> Weak<T> {
        pub(crate) fn upgrade(&self) -> Option<Arc<T>> {
            None
        }

        pub(crate) fn strong_count(&self) -> usize {
            0
        }
    }

    /// The lock of loom with the interface of parking_lot.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    pub(super) fn downgrade<T>(_: &Arc<T>) -> Weak<T> {
        Weak(std::marker::PhantomData)
    }

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            match self.0.lock() {
                Ok(guard) => guard,
                Err(poisoned) => poisoned.into_inner(),
            }
        }
    }
}
