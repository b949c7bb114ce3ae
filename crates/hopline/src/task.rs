//! Tasks that stay in the trace: tokio's spawn functions with the current context.

use hopline_core::{Context, FutureExt};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};

/// Spawns a task in the current context.
///
/// `tokio::spawn` starts a task outside any trace. The task may outlive the request's span; its later spans are exported
/// with the request's trace, if that was kept.
///
/// # Panics
///
/// Panics outside a tokio runtime, like `tokio::spawn`.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use hopline::core::Baggage;
/// use hopline::{Context, FutureExt};
///
/// let tenant = Context::EMPTY.with_baggage(Baggage::EMPTY.with("tenant_id", "acme").unwrap());
/// let request = async {
///     let task = hopline::spawn(async { Context::current().baggage().get("tenant_id").map(str::to_owned) });
///     task.await.unwrap()
/// };
/// assert_eq!(request.in_context(tenant).await.as_deref(), Some("acme"));
/// # }
/// ```
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(future.in_current_context())
}

/// Runs a closure that may block, like `tokio::task::spawn_blocking`, in the current context.
///
/// # Panics
///
/// Panics outside a tokio runtime.
///
/// # Cancellation
///
/// A closure that has started runs to its end, even if the handle is aborted or dropped.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let hash = hopline::spawn_blocking(|| {
///     let _span = hopline::span("password.hash");
///     42
/// });
/// assert_eq!(hash.await.unwrap(), 42);
/// # }
/// ```
pub fn spawn_blocking<R: Send + 'static>(
    work: impl FnOnce() -> R + Send + 'static,
) -> JoinHandle<R> {
    let context = Context::current();
    tokio::task::spawn_blocking(move || context.scope(work))
}

/// Methods of [`JoinSet`] whose tasks stay in the trace.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use hopline::prelude::*;
///
/// let mut tasks = tokio::task::JoinSet::new();
/// for part in 0..3 {
///     tasks.spawn_traced(async move { part * 2 });
/// }
/// let mut parts = tasks.join_all().await;
/// parts.sort();
/// assert_eq!(parts, [0, 2, 4]);
/// # }
/// ```
pub trait JoinSetExt<T> {
    /// Spawns a task in the set, in the current context; see [`spawn`].
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    fn spawn_traced(&mut self, future: impl Future<Output = T> + Send + 'static) -> AbortHandle;

    /// Runs a closure that may block in the set, in the current context; see [`spawn_blocking`].
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    fn spawn_blocking_traced(&mut self, work: impl FnOnce() -> T + Send + 'static) -> AbortHandle;
}

impl<T: Send + 'static> JoinSetExt<T> for JoinSet<T> {
    fn spawn_traced(&mut self, future: impl Future<Output = T> + Send + 'static) -> AbortHandle {
        self.spawn(future.in_current_context())
    }

    fn spawn_blocking_traced(&mut self, work: impl FnOnce() -> T + Send + 'static) -> AbortHandle {
        let context = Context::current();
        self.spawn_blocking(move || context.scope(work))
    }
}
