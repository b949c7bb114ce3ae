//! Spans to a file of JSON lines.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hopline_core::{Batch, FlushError, Sink, SpanData, notify};

use crate::ExportStats;
use crate::json::json;
use crate::queue::{Bounds, EndOnDrop, Fate, Front, Queue, Rest};
use crate::rotated::Rotated;
use crate::slice::{Part as _, Slice};

/// A [`Sink`] that writes OTLP JSON lines: each line one `ExportTraceServiceRequest`, as the
/// OpenTelemetry file exporter writes it and [`decode_json`](crate::decode_json) reads it.
///
/// Its own thread writes, behind a queue of at most 65,536 spans and 64 MiB; what does not fit because the
/// disk is slow is dropped, counted and announced, and the next line's first scope says it in `hopline.dropped`.
/// Where the disk is full, spans are lost in the same way. A clone writes to the same file.
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

/// A disk that is that far behind does not catch up.
const BOUNDS: Bounds = Bounds {
    spans: 65_536,
    bytes: 64 << 20,
    slow: None,
};

/// How many spans are written at once.
const AT_ONCE: usize = 512;

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

    /// Appends to a file and begins a new one where it would grow beyond `max_bytes`.
    ///
    /// The full one is then `path.1`, the one before that `path.2`; of these older ones, `older` stay. A
    /// single line longer than `max_bytes` gets a file of its own.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, or no thread can be started.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("hopline-rotated-{}.jsonl", std::process::id()));
    /// use hopline_otlp::FileSink;
    ///
    /// // at most 500 MB
    /// let sink = FileSink::rotated(&path, 100_000_000, 4)?;
    /// assert_eq!(sink.stats().lost(), 0);
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn rotated(path: impl AsRef<Path>, max_bytes: u64, older: usize) -> io::Result<Self> {
        Self::to_writer(Rotated::open(path.as_ref(), max_bytes, older)?)
    }

    /// Writes to something else than a new file: a file opened to append, a pipe, standard output.
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    pub fn to_writer(out: impl Write + Send + 'static) -> io::Result<Self> {
        Self::spawn(out, |slice, lost| {
            let mut line = json(std::slice::from_ref(slice), lost);
            line.push('\n');
            line
        })
    }

    /// Writes what `text` makes of the spans, mostly of one local trace each time, for people to read.
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    pub fn text_to(
        out: impl Write + Send + 'static,
        text: impl Fn(&[SpanData]) -> String + Send + 'static,
    ) -> io::Result<Self> {
        Self::spawn(out, move |slice, _| {
            let spans: Vec<SpanData> = slice.spans().map(|span| span.to_data()).collect();
            text(&spans)
        })
    }

    fn spawn(
        out: impl Write + Send + 'static,
        text: impl Fn(&Slice, u64) -> String + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(
            BOUNDS,
            1,
            Rest::Counted,
            "the queue of the span file",
        ));
        let lines = Lines {
            out,
            text,
            broken: false,
        };
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

fn write_all<W: Write, T: Fn(&Slice, u64) -> String>(queue: &Queue, mut lines: Lines<W, T>) {
    let _end = EndOnDrop(queue);
    loop {
        let front = queue.wait_for_work(AT_ONCE);
        if front.slices.is_empty() || queue.is_overdue() {
            return;
        }
        match lines.write(&front) {
            Ok(()) => queue.settle(&front, Fate::Sent { refused: 0 }),
            Err(error) => {
                queue.settle(&front, Fate::Abandoned);
                notify("otlp-file", || {
                    format!("cannot write spans to their file: {error}; they are lost")
                });
            }
        }
    }
}

struct Lines<W, T> {
    out: W,
    text: T,
    /// True if the last line may lack its end.
    broken: bool,
}

impl<W: Write, T: Fn(&Slice, u64) -> String> Lines<W, T> {
    fn write(&mut self, front: &Front) -> io::Result<()> {
        let mut lost = front.lost;
        for slice in &front.slices {
            let mut line = (self.text)(slice, std::mem::take(&mut lost));
            if std::mem::replace(&mut self.broken, true) {
                line.insert(0, '\n');
            }
            self.out.write_all(line.as_bytes())?;
            self.broken = false;
        }
        self.out.flush()
    }
}
