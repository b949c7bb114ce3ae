//! Work on several threads.

use std::future::Future;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use hopline_gate::Work;

type Job = Box<dyn FnOnce() + Send>;

/// A second thread that stays, so that its start is in no measurement.
pub(crate) struct Helper {
    // one job at a time: the caller waits for each
    jobs: SyncSender<Job>,
    done: Receiver<()>,
}

impl Helper {
    /// Starts it; it ends when this is dropped.
    pub(crate) fn start() -> Self {
        let (jobs, queue) = sync_channel::<Job>(1);
        let (report, done) = sync_channel(1);
        thread::spawn(move || {
            for job in queue {
                job();
                if report.send(()).is_err() {
                    return;
                }
            }
        });
        Self { jobs, done }
    }

    /// Runs one here and one there, and waits for both.
    pub(crate) fn both(&self, here: impl FnOnce(), there: impl FnOnce() + Send + 'static) {
        let sent = self.jobs.send(Box::new(there));
        here();
        assert!(
            sent.is_ok() && self.done.recv().is_ok(),
            "the second thread panicked"
        );
    }
}

/// Four tasks on a runtime of four threads; an operation is one future of these.
pub(crate) fn on_workers<F>(make: impl Fn() -> F + Clone + Send + 'static) -> Work
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build();
    // fails where the operating system gives no more threads, which ends a measurement rightly
    let runtime = runtime.expect("a runtime");
    Work::new(move |times| {
        let tasks = (0..4).map(|_| {
            let make = make.clone();
            runtime.spawn(async move {
                for _ in 0..times / 4 {
                    make().await;
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        runtime.block_on(async {
            for task in tasks {
                assert!(task.await.is_ok(), "a task panicked");
            }
        });
    })
}
