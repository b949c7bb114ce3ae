//! The runtime of the export thread.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime of one thread that may be dropped anywhere.
#[derive(Debug)]
pub(super) struct ExportRuntime {
    handle: Handle,
    /// Taken by the drop alone.
    runtime: Option<Runtime>,
}

impl ExportRuntime {
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

    /// Runs a future to its end.
    pub(super) fn block_on(&self, work: impl Future<Output = ()>) {
        if let Some(runtime) = &self.runtime {
            runtime.block_on(work);
        }
    }

    /// Runs code inside the runtime, without blocking.
    pub(super) fn enter<T>(&self, code: impl FnOnce() -> T) -> T {
        let _inside = self.handle.enter();
        code()
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for ExportRuntime {
    /// A runtime's own drop waits for a name lookup that hangs, and panics inside another runtime, which is where a
    /// constructor that fails drops it. This one waits for nothing.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
