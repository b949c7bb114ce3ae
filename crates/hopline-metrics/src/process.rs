//! Values of the process itself: CPU, memory, open files, threads. Read from `/proc`, so on Linux alone.
//! `Metrics::observe_process` registers them; each collection reads the files anew, on the thread that collects.

use hopline_core::metrics::{Instrument, Observer};
use hopline_core::{Literal, attr, notify};
use procfs::process::Process;

use crate::metrics::Metrics;

/// Names and units by OpenTelemetry's semantic conventions for processes.
static CPU: Instrument =
    Instrument::counter("process.cpu.time", "s").description("Processor time used by the process.");
static MEMORY: Instrument = Instrument::up_down_counter("process.memory.usage", "By")
    .description("Physical memory of the process.");
static VIRTUAL: Instrument = Instrument::up_down_counter("process.memory.virtual", "By")
    .description("Address space of the process.");
static FILES: Instrument =
    Instrument::up_down_counter("process.unix.file_descriptor.count", "{file_descriptor}")
        .description("Open file descriptors of the process.");
static THREADS: Instrument = Instrument::up_down_counter("process.thread.count", "{thread}")
    .description("Threads of the process.");

impl Metrics {
    /// Adds values of the process, read at each collection: `process.cpu.time`, `process.memory.usage`, `process.memory.virtual`,
    /// `process.unix.file_descriptor.count` and `process.thread.count`.
    ///
    /// # Examples
    ///
    /// ```
    /// let metrics = hopline_metrics::Metrics::builder().build();
    /// metrics.observe_process();
    /// assert!(metrics.render().contains("process_thread_count_current "));
    /// ```
    ///
    /// CPU time is in seconds, by `cpu.mode` `user` and `system`; memory is in bytes. A value that cannot be read is missing
    /// from that collection, with one notice; the other metrics are not affected.
    pub fn observe_process(&self) {
        self.observe(|observer| {
            if let Err(error) = observe(observer) {
                notify("metrics-process", || {
                    format!("values of the process are missing from a collection: {error}; they are read from /proc")
                });
            }
        });
    }
}

/// Reads the files once. An error leaves out the values that follow it; those before it are kept.
fn observe(observer: &mut Observer<'_>) -> procfs::ProcResult<()> {
    let process = Process::myself()?;
    let stat = process.stat()?;
    let ticks = procfs::ticks_per_second() as f64;
    for (mode, time) in [("user", stat.utime), ("system", stat.stime)] {
        observer.value(
            &CPU,
            time as f64 / ticks,
            &[attr("cpu.mode", Literal(mode))],
        );
    }
    observer.value(&MEMORY, (stat.rss * procfs::page_size()) as f64, &[]);
    observer.value(&VIRTUAL, stat.vsize as f64, &[]);
    observer.value(&THREADS, stat.num_threads as f64, &[]);
    observer.value(&FILES, process.fd_count()? as f64, &[]);
    Ok(())
}
