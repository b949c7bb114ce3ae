//! One mandatory publish at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Lets a mandatory publish be the only one of its channel that waits for a confirm.
///
/// lapin pairs a returned message with whichever confirm comes next, so while a mandatory one waits no other
/// may. A lock of tokio's, since it is held across the wait; bounded by the broker's answer, and by the
/// connection's end. Other publishes share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    lock: Arc<RwLock<()>>,
    /// A mandatory publish was dropped while it waited: its return may still come.
    abandoned: AtomicBool,
}

#[derive(Debug)]
pub(crate) enum Pass {
    Alone(
        #[expect(dead_code, reason = "held")] OwnedRwLockWriteGuard<()>,
        Watch,
    ),
    Shared(#[expect(dead_code, reason = "held")] OwnedRwLockReadGuard<()>),
}

/// Notes if a publish is dropped before its answer came.
#[derive(Debug)]
pub(crate) struct Watch {
    gate: Gate,
    answered: bool,
}

impl Gate {
    pub(crate) async fn pass(
        &self,
        channel: &lapin::Channel,
        mandatory: bool,
    ) -> lapin::Result<Pass> {
        let lock = Arc::clone(&self.0.lock);
        if !mandatory {
            return Ok(Pass::Shared(lock.read_owned().await));
        }
        let guard = lock.write_owned().await;
        if self.0.abandoned.load(SeqCst) {
            // what comes back now belongs to nobody
            channel.wait_for_confirms().await?;
            self.0.abandoned.store(false, SeqCst);
        }
        Ok(Pass::Alone(
            guard,
            Watch {
                gate: self.clone(),
                answered: false,
            },
        ))
    }
}

impl Pass {
    pub(crate) fn answered(&mut self) {
        if let Self::Alone(_, watch) = self {
            watch.answered = true;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.answered {
            self.gate.0.abandoned.store(true, SeqCst);
        }
    }
}
