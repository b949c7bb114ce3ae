//! The metrics page on standard output.
//!
//! `OTEL_METRICS_EXPORTER=console` starts it; it prints at each interval and once at the end.

use std::io::Write as _;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use hopline_core::notify;
use hopline_metrics::Metrics;

/// A thread that prints the page in the text format of Prometheus, at each `OTEL_METRIC_EXPORT_INTERVAL`.
///
/// The page is written to standard output, as by OpenTelemetry's console exporters; notices are written to standard error.
#[derive(Debug)]
pub(crate) struct Console {
    /// Dropped to end the thread, which then prints once more: values since the last interval are not lost.
    /// Nothing is ever sent.
    stop: Sender<()>,
    /// Signalled when the last page is printed.
    done: Done,
}

/// The end of the thread, which a shutdown waits for.
///
/// A channel rather than a join handle, which has no time limit: a full pipe on standard output would hold a shutdown.
#[derive(Debug)]
pub(crate) struct Done(
    // never locked: it makes the receiver, and so `Telemetry`, shareable between threads
    Mutex<Receiver<()>>,
);

impl Console {
    /// Starts the thread. Without one there is a notice, and nothing is printed.
    ///
    /// The thread renders the page itself, so a collection never runs on a thread that serves requests.
    pub(crate) fn start(metrics: Metrics, interval: Duration) -> Option<Self> {
        let (stop, stopped) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let print = move || {
            let _end = end;
            loop {
                let wait: Result<(), _> = stopped.recv_timeout(interval);
                // a closed output is no reason to end the service; its next value may be readable again
                let _ = writeln!(std::io::stdout(), "{}", metrics.render());
                if wait != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        // A thread and no task: standard output may block. It ends when `stop` is dropped.
        let thread = std::thread::Builder::new().name("hopline-metrics-console".to_owned());
        match thread.spawn(print) {
            Ok(_) => Some(Self {
                stop,
                done: Done(Mutex::new(ended)),
            }),
            Err(error) => {
                notify("metrics-console", || {
                    format!("metrics are not printed on the console: {error}; allow more threads")
                });
                None
            }
        }
    }

    /// Asks for the last page, without waiting; [`Done::wait`] waits.
    ///
    /// Dropping the console has the same effect.
    ///
    /// It is printed beside the shutdown of the tracer, so that both share the time that a shutdown may take.
    pub(crate) fn close(self) -> Done {
        drop(self.stop);
        self.done
    }
}

impl Done {
    /// Waits until the last page is printed, for up to `timeout`: standard output may be full.
    ///
    /// After that time the thread is left to itself; it holds nothing but the metrics.
    pub(crate) fn wait(self, timeout: Duration) {
        if let Ok(ended) = self.0.into_inner() {
            let _ = ended.recv_timeout(timeout);
        }
    }
}
