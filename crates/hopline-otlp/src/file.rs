//! Spans to a file of JSON lines.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hopline_core::{Batch, Context, FlushError, Sink, SpanData, contained, notify};

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
/// use hopline_core::{Incoming, SpanBuilder, Tracer};
/// use hopline_otlp::{FileSink, decode_json};
///
/// # let path = std::env::temp_dir().join(format!("hopline-file-sink-{}.jsonl", std::process::id()));
/// let tracer = Tracer::builder().service("orders").sink(FileSink::create(&path)?).build();
/// SpanBuilder::new("GET /orders/{id}").tracer(&tracer).parent(Incoming::default()).start().end();
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
    /// Names and values of spans come from requests and peers: pass them through
    /// [`shown`](hopline_core::text::shown), as the trees of hopline-analysis do. Spans that `text` or `out` start are
    /// not recorded; a panic of theirs costs the spans that it was about, which count as abandoned.
    ///
    /// # Errors
    ///
    /// Returns an error if no thread can be started.
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
    // the writer and the function are the application's: spans that they start would make more to write for ever
    Context::muted().scope(|| {
        loop {
            let front = queue.wait_for_work(AT_ONCE);
            if front.slices.is_empty() || queue.is_overdue() {
                return;
            }
            for Written { spans, fate, told } in lines.write(&front) {
                queue.settle_first(spans, fate, told);
            }
        }
    });
}

struct Lines<W, T> {
    out: W,
    text: T,
    /// True if the last line may lack its end.
    broken: bool,
}

/// The fate of some spans, and how many lost ones were reported with them.
struct Written {
    spans: usize,
    fate: Fate,
    told: u64,
}

impl<W: Write, T: Fn(&Slice, u64) -> String> Lines<W, T> {
    /// Writes a front. A failure costs the spans that it was about; those behind them are tried all the same.
    fn write(&mut self, front: &Front) -> Vec<Written> {
        let mut written = Vec::new();
        let mut lost = front.lost;
        // in the writer, but it may hold them in a buffer
        let mut held = Written {
            spans: 0,
            fate: Fate::Sent { refused: 0 },
            told: 0,
        };
        for slice in &front.slices {
            if self.attempt(slice.len(), |lines| lines.write_slice(slice, lost)) {
                held.spans += slice.len();
                held.told += std::mem::take(&mut lost);
                continue;
            }
            lost += self.flush(&mut held, &mut written);
            written.push(Written {
                spans: slice.len(),
                fate: Fate::Abandoned,
                told: 0,
            });
        }
        self.flush(&mut held, &mut written);
        written
    }

    /// Flushes what the writer may hold; returns the loss that is still to be reported.
    fn flush(&mut self, held: &mut Written, written: &mut Vec<Written>) -> u64 {
        let (spans, told) = (
            std::mem::take(&mut held.spans),
            std::mem::take(&mut held.told),
        );
        if spans == 0 {
            return 0;
        }
        let flushed = self.attempt(spans, |lines| lines.out.flush());
        let (fate, told, untold) = match flushed {
            true => (held.fate, told, 0),
            false => (Fate::Abandoned, 0, told),
        };
        written.push(Written { spans, fate, told });
        untold
    }

    fn write_slice(&mut self, slice: &Slice, lost: u64) -> io::Result<()> {
        let mut line = (self.text)(slice, lost);
        if std::mem::replace(&mut self.broken, true) {
            line.insert(0, '\n');
        }
        self.out.write_all(line.as_bytes())?;
        self.broken = false;
        Ok(())
    }

    /// True if it neither fails nor panics.
    fn attempt(&mut self, spans: usize, work: impl FnOnce(&mut Self) -> io::Result<()>) -> bool {
        let effect = || {
            format!(
                "writing spans panicked: {spans} spans are lost; the sink continues with the next"
            )
        };
        match contained("otlp-file-panic", effect, || work(self)) {
            Some(Ok(())) => true,
            Some(Err(error)) => {
                notify("otlp-file", || {
                    format!(
                        "spans cannot be written: {error}; they are lost until there is room or a reader again"
                    )
                });
                false
            }
            None => false,
        }
    }
}
