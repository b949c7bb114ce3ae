//! Signals that ask a service to stop: a graceful end at the first, a forced one at the second.
//!
//! Servers wait for [`shutdown_signal`]; the second signal is handled on a thread of its own.

use std::io;
use std::sync::OnceLock;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use hopline_core::{Notice, notify};
use tokio::runtime;
use tokio::sync::{oneshot, watch};

use crate::live;

/// Waits until the process is asked to stop: Ctrl-C, or SIGTERM as orchestrators send it.
///
/// The first signal starts a graceful end: this future and all later ones are ready. A second one ends the process even if
/// requests are still served, such as one that hangs or an event stream that a client keeps open: finished spans and metrics
/// are exported for at most 2 seconds, and the process exits with 128 plus the signal's number, 130 for Ctrl-C and 143 for
/// SIGTERM. A third ends it at once. A signal within 200 ms of the first counts as the same one: a shell and a supervisor
/// may both pass it on.
///
/// # Examples
///
/// A server that stops accepting at the first signal, answers the requests that it has, and exports what is left:
///
/// ```no_run
/// # async fn run(listener: tokio::net::TcpListener, app: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
/// let telemetry = hopline::init("orders")?;
/// axum::serve(listener, app).with_graceful_shutdown(hopline::shutdown_signal()).await?;
/// telemetry.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// # Cancellation
///
/// Dropping it changes nothing: from its first poll on, signals are counted as above for the life of the process.
pub async fn shutdown_signal() {
    // once in a process: handlers of signals are the process's
    static FIRST: OnceLock<Option<watch::Receiver<bool>>> = OnceLock::new();
    if let Some(first) = FIRST.get_or_init(watch_signals) {
        // its sender lives as long as the process
        let _ = first.clone().wait_for(|seen| *seen).await;
        return;
    }
    // no thread could be started: the first signal ends this wait, and later ones have no effect
    match Signals::new() {
        Ok(mut signals) => {
            signals.next().await;
        }
        // without a handler the signal's default action ends the process, so waiting for ever is correct
        Err(_) => std::future::pending().await,
    }
}

/// The longest time from a second signal to the end of the process.
const LAST_FLUSH: Duration = Duration::from_secs(2);

/// Time within which repeated signals count as one.
const SAME: Duration = Duration::from_millis(200);

/// Starts the thread that waits for signals; the channel's value is true after the first.
///
/// A thread and a runtime of its own: the service's may hang. It lives as long as the process.
fn watch_signals() -> Option<watch::Receiver<bool>> {
    let (seen, first) = watch::channel(false);
    let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
    let started = std::thread::Builder::new()
        .name("hopline-signals".to_owned())
        .spawn(move || wait_for_signals(&seen, &ready));
    started.ok()?;
    // so that no signal is lost after the first poll of `shutdown_signal`
    is_ready.recv().ok()?;
    Some(first)
}

/// Waits for the first signal and announces it on `seen`, then for a second one, and exits the process.
///
/// Sends on `ready` once the handlers are installed: from then on a signal no longer ends the process by its default action.
/// Returns without that if there is no runtime or no handler; the caller then waits by itself.
fn wait_for_signals(seen: &watch::Sender<bool>, ready: &SyncSender<()>) {
    let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    runtime.block_on(async {
        let Ok(mut signals) = Signals::new() else {
            return;
        };
        let _ = ready.send(());
        signals.next().await;
        seen.send_replace(true);
        let first = Instant::now();
        let second = loop {
            let signal = signals.next().await;
            if first.elapsed() >= SAME {
                break signal;
            }
        };
        notify("signal", || {
            format!(
                "a second signal to stop: the process exits after a flush of at most {LAST_FLUSH:?}; requests under \
                 way are cut off"
            )
        });
        tokio::select! {
            () = flushed() => {}
            _ = signals.next() => {}
        }
        std::process::exit(128 + second);
    });
}

/// Shuts all telemetry of the process down, on a thread that ends with it.
///
/// On a thread of its own, since a flush blocks, and a third signal has to be seen meanwhile.
async fn flushed() {
    let (done, is_done) = oneshot::channel();
    let flush = move || {
        live::shut_down(LAST_FLUSH);
        Notice::flush(Duration::from_millis(250));
        let _ = done.send(());
    };
    if std::thread::Builder::new().spawn(flush).is_ok() {
        let _ = is_done.await;
    }
}

/// The signals that ask a process to stop.
#[cfg(unix)]
struct Signals {
    /// SIGINT, which Ctrl-C sends.
    interrupt: tokio::signal::unix::Signal,
    /// SIGTERM, which orchestrators and supervisors send.
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Installs the handlers.
    ///
    /// # Errors
    ///
    /// Returns the error of the operating system if it refuses one.
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The number of the next signal.
    async fn next(&mut self) -> i32 {
        use tokio::signal::unix::SignalKind;
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
            _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    /// The number of the signal on Unix.
    async fn next(&mut self) -> i32 {
        self.0.recv().await;
        2
    }
}
