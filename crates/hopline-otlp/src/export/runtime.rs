//! The tokio runtime of the export thread.
//!
//! Made by the exporter and moved to its thread. Separate from the application's runtime, so that a flush works outside
//! of any runtime, and a blocked application cannot block the export, nor the reverse.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// A single-threaded runtime that can be dropped on any thread, also inside another runtime.
#[derive(Debug)]
pub(super) struct ExportRuntime {
    handle: Handle,
    /// Taken by the drop alone.
    runtime: Option<Runtime>,
}

impl ExportRuntime {
    /// Starts a runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// Returns an error if the system refuses a file descriptor for it.
    pub(super) fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            // a connection whose peer never stops sending would otherwise get sixty turns before a timer gets one
            .event_interval(1)
            .build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    /// Runs a future to completion on this thread.
    pub(super) fn block_on(&self, work: impl Future<Output = ()>) {
        if let Some(runtime) = &self.runtime {
            runtime.block_on(work);
        }
    }

    /// Runs code inside the runtime without polling it: clients are made so.
    pub(super) fn enter<T>(&self, code: impl FnOnce() -> T) -> T {
        let _inside = self.handle.enter();
        code()
    }

    /// A handle for tasks of other threads, such as a check.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for ExportRuntime {
    /// Shuts the runtime down in the background.
    ///
    /// tokio's own drop waits for a hanging name lookup, and panics inside another runtime, where a failed constructor
    /// drops it. This one waits for nothing.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
