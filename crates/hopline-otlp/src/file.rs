//! Spans to a file of JSON lines.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hopline_core::{Batch, FlushError, Sink, notify};

use crate::queue::{EndOnDrop, Fate, Queue};
use crate::{ExportStats, encode_json};

/// A [`Sink`] that writes OTLP JSON lines: each line one `ExportTraceServiceRequest`, as the
/// OpenTelemetry file exporter writes it and [`decode_json`](crate::decode_json) reads it.
///
/// Its own thread writes, behind a queue of at most 65,536 spans; what does not fit because the disk is
/// slow is dropped, counted and announced. A clone writes to the same file.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use hopline_core::{Incoming, SpanBuilder, Tracer, no_attrs};
/// use hopline_otlp::{FileSink, decode_json};
///
/// # let path = std::env::temp_dir().join(format!("hopline-file-sink-{}.jsonl", std::process::id()));
/// let tracer = Tracer::builder().service("orders").sink(FileSink::create(&path)?).build();
/// SpanBuilder::new("GET /orders/{id}").start_root(Some(&tracer), Incoming::default(), no_attrs).end();
/// tracer.shutdown(Duration::from_secs(5))?;
///
/// let lines = std::fs::read_to_string(&path)?;
/// let spans = decode_json(lines.lines().next().unwrap())?;
/// assert_eq!((spans[0].service(), spans[0].name.as_str()), ("orders", "GET /orders/{id}"));
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct FileSink(Arc<Handle>);

struct Handle {
    queue: Arc<Queue>,
}

/// Some 100 MB of spans at worst; a disk that is that far behind does not catch up.
const MAX_SPANS: usize = 65_536;

/// What a sink that nobody shut down still has for what waits.
const LAST_MOMENTS: Duration = Duration::from_secs(2);

impl FileSink {
    /// Creates the file, or empties the one that is there.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, or no thread can be started.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::to_writer(File::create(path)?)
    }

    /// Writes to something else than a new file: a file opened to append, a pipe, standard output.
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    pub fn to_writer(out: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(MAX_SPANS, 1, "the queue of the span file"));
        let lines = Lines { out, broken: false };
        // Ends when the queue is closed and empty, or when the time of a shutdown is up.
        let writer = Arc::clone(&queue);
        std::thread::Builder::new()
            .name("hopline-file".to_owned())
            .spawn(move || write_all(&writer, lines))?;
        Ok(Self(Arc::new(Handle { queue })))
    }

    /// What it did so far.
    pub fn stats(&self) -> ExportStats {
        self.0.queue.stats()
    }
}

impl Sink for FileSink {
    fn accept(&self, batch: &Arc<Batch>) {
        self.0.queue.offer(batch);
    }

    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.0.queue.flush(timeout)
    }

    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.0.queue.shutdown(timeout)
    }
}

impl fmt::Debug for FileSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSink")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Drop for Handle {
    /// Lets the thread end by itself; does not wait, since this may be a thread that serves requests.
    fn drop(&mut self) {
        self.queue.close(LAST_MOMENTS);
    }
}

fn write_all<W: Write>(queue: &Queue, mut lines: Lines<W>) {
    let _end = EndOnDrop(queue);
    loop {
        let batches = queue.wait_for_work();
        if batches.is_empty() || queue.is_overdue() {
            return;
        }
        match lines.write(&batches) {
            Ok(()) => queue.settle(batches.len(), Fate::Sent { refused: 0 }),
            Err(error) => {
                queue.settle(batches.len(), Fate::Abandoned);
                notify("otlp-file", || {
                    format!("cannot write spans to their file: {error}; they are lost")
                });
            }
        }
    }
}

struct Lines<W> {
    out: W,
    /// True if the last line may lack its end.
    broken: bool,
}

impl<W: Write> Lines<W> {
    fn write(&mut self, batches: &[Arc<Batch>]) -> io::Result<()> {
        let mut lines = String::new();
        if self.broken {
            lines.push('\n');
        }
        for batch in batches {
            lines.push_str(&encode_json(std::slice::from_ref(batch)));
            lines.push('\n');
        }
        let result = self
            .out
            .write_all(lines.as_bytes())
            .and_then(|()| self.out.flush());
        self.broken = result.is_err();
        result
    }
}
