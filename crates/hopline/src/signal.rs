//! When a service is asked to stop.

/// Waits until the process is asked to stop: Ctrl-C, or SIGTERM as orchestrators send it.
///
/// ```no_run
/// # async fn run(listener: tokio::net::TcpListener, app: axum::Router) -> std::io::Result<()> {
/// axum::serve(listener, app).with_graceful_shutdown(hopline::shutdown_signal()).await
/// # }
/// ```
///
/// # Cancellation
///
/// Dropping it forgets about it; a signal that came is not lost to other waiters.
pub async fn shutdown_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut interrupt), Ok(mut terminate)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // without a handler the default action of the signal ends the process, so waiting for ever is right
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
