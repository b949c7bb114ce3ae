//! The locks of the engine, where a model checker can take their place.

#[cfg(not(hopline_loom))]
pub(crate) use parking_lot::{Mutex, MutexGuard};
#[cfg(not(hopline_loom))]
pub(crate) use std::sync::Arc;

#[cfg(hopline_loom)]
pub(crate) use checked::{Arc, Mutex, MutexGuard};

#[cfg(hopline_loom)]
mod checked {
    pub(crate) use loom::sync::{Arc, MutexGuard};

    /// loom's lock with parking_lot's face.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

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

        pub(crate) fn get_mut(&mut self) -> &mut T {
            match self.0.get_mut() {
                Ok(value) => value,
                Err(poisoned) => poisoned.into_inner(),
            }
        }
    }
}
