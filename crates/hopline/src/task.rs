//! Tasks that stay in the trace.

use hopline_core::FutureExt;
use tokio::task::JoinHandle;

/// Spawns a task whose work belongs to what is current now.
///
/// `tokio::spawn` starts a task outside any trace; this keeps the context. The task may outlive the
/// request's span: what it does then is exported with the request's trace, if that was kept.
///
/// # Panics
///
/// Outside a tokio runtime, as `tokio::spawn`.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let task = hopline::spawn(async { hopline::span("mail.send").end() });
/// task.await.unwrap();
/// # }
/// ```
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(future.in_current_context())
}
