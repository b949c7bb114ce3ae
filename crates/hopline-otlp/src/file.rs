//! The file sink: spans as lines of OTLP JSON, or as text for people.
//!
//! Tracers call it; a thread of its own writes, so a slow disk delays no request.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hopline_core::export::{FlushError, SpanData};
use hopline_core::{Batch, Context, Sink, contained, notify};

use crate::bounds::Bounds;
use crate::json::json;
use crate::queue::{EndOnDrop, Leftover, Queue, RequestInFlight, SendResult};
use crate::rotated::Rotated;
use crate::slice::{Slice, SpanGroup as _};
use crate::stats::ExportStats;

/// A [`Sink`] that writes OTLP JSON lines: each line one `ExportTraceServiceRequest`, as the
/// OpenTelemetry file exporter writes it and [`decode_json`](crate::decode_json) reads it.
///
/// A thread of its own writes, behind a queue of up to 65,536 spans and 64 MiB. Spans that do not fit because the disk is
/// slow are dropped and counted, with a notice, and the first scope of the next line has their number in `hopline.dropped`.
/// If the disk is full, spans are lost in the same way. A clone writes to the same file.
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

/// A disk that is this far behind does not catch up.
const BOUNDS: Bounds = Bounds {
    spans: 65_536,
    bytes: 64 << 20,
    slow: None,
};

/// The number of spans in one write.
const AT_ONCE: usize = 512;

/// The time that a sink without a shutdown has for waiting spans, after its last handle's drop.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

impl FileSink {
    /// Creates the file, or truncates an existing one.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written, or no thread can be started.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::to_writer(File::create(path)?)
    }

    /// Appends to a file, and starts a new one before it grows beyond `max_bytes`.
    ///
    /// A full file is renamed to `path.1`, the one before it to `path.2`, up to `older` of them. A line longer than
    /// `max_bytes` gets a file of its own.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written, or no thread can be started.
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

    /// Writes to another destination than a new file: a file opened to append, a pipe, standard output.
    ///
    /// # Errors
    ///
    /// Returns an error if no thread can be started.
    pub fn to_writer(out: impl Write + Send + 'static) -> io::Result<Self> {
        Self::spawn(out, |slice, lost| {
            let mut line = json(std::slice::from_ref(slice), lost);
            line.push('\n');
            line
        })
    }

    /// Writes text for people: `text` formats the spans, usually of one local trace for each call.
    ///
    /// Names and values of spans come from requests and peers: pass them through
    /// [`shown`](hopline_core::text::shown), as the trees of hopline-analysis do. Spans that `text` or `out` start are
    /// not recorded. If one of them panics, its spans are lost and counted as abandoned.
    ///
    /// # Errors
    ///
    /// Returns an error if no thread can be started.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::text::shown;
    /// use hopline_otlp::FileSink;
    ///
    /// // one line for each span on standard error
    /// let sink = FileSink::text_to(std::io::stderr(), |spans| {
    ///     spans.iter().map(|span| format!("{}\n", shown(&span.name, 100))).collect()
    /// })?;
    /// assert_eq!(sink.stats().given, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
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
            Leftover::Counted,
            "the queue of the span file",
        ));
        let lines = Lines {
            out,
            text,
            unterminated: false,
        };
        // Ends when the queue is closed and empty, or when the time of a shutdown is up.
        let writer = Arc::clone(&queue);
        std::thread::Builder::new()
            .name("hopline-file".to_owned())
            .spawn(move || write_all(&writer, lines))?;
        Ok(Self(Arc::new(Handle { queue })))
    }

    /// The counts of spans so far: accepted, written, lost, waiting.
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
    /// Asks the thread to end, and does not wait: this may be a thread that serves requests.
    fn drop(&mut self) {
        self.queue.close(DROP_TIMEOUT);
    }
}

fn write_all<W: Write, T: Fn(&Slice, u64) -> String>(queue: &Queue, mut lines: Lines<W, T>) {
    let _end = EndOnDrop(queue);
    // the writer and the function are the application's: spans that they start would add more spans to write, for ever
    Context::muted().scope(|| {
        loop {
            let request = queue.wait_for_work(AT_ONCE);
            if request.slices.is_empty() || queue.is_overdue() {
                return;
            }
            for Written {
                spans,
                result,
                reported,
            } in lines.write(&request)
            {
                queue.settle_first(spans, result, reported);
            }
        }
    });
}

/// The destination and its format.
struct Lines<W, T> {
    out: W,
    text: T,
    /// True if the last line may lack its line break.
    unterminated: bool,
}

/// The result of some spans, and the number of lost spans that were reported with them.
struct Written {
    spans: usize,
    result: SendResult,
    reported: u64,
}

impl<W: Write, T: Fn(&Slice, u64) -> String> Lines<W, T> {
    /// Writes a request. A failure loses the spans of its slice only; the next slices are tried too.
    fn write(&mut self, request: &RequestInFlight) -> Vec<Written> {
        let mut written = Vec::new();
        let mut lost = request.lost;
        // written, but the writer may buffer them until a flush
        let mut held = Written {
            spans: 0,
            result: SendResult::Sent { refused: 0 },
            reported: 0,
        };
        for slice in &request.slices {
            if self.attempt(slice.len(), |lines| lines.write_slice(slice, lost)) {
                held.spans += slice.len();
                held.reported += std::mem::take(&mut lost);
                continue;
            }
            lost += self.flush(&mut held, &mut written);
            written.push(Written {
                spans: slice.len(),
                result: SendResult::Abandoned,
                reported: 0,
            });
        }
        self.flush(&mut held, &mut written);
        written
    }

    /// Flushes the writer's buffer; returns the number of lost spans that are still to be reported.
    fn flush(&mut self, held: &mut Written, written: &mut Vec<Written>) -> u64 {
        let (spans, reported) = (
            std::mem::take(&mut held.spans),
            std::mem::take(&mut held.reported),
        );
        if spans == 0 {
            return 0;
        }
        let flushed = self.attempt(spans, |lines| lines.out.flush());
        let (result, reported, unreported) = match flushed {
            true => (held.result, reported, 0),
            false => (SendResult::Abandoned, 0, reported),
        };
        written.push(Written {
            spans,
            result,
            reported,
        });
        unreported
    }

    fn write_slice(&mut self, slice: &Slice, lost: u64) -> io::Result<()> {
        let mut line = (self.text)(slice, lost);
        if std::mem::replace(&mut self.unterminated, true) {
            line.insert(0, '\n');
        }
        self.out.write_all(line.as_bytes())?;
        self.unterminated = false;
        Ok(())
    }

    /// Runs `work`; true if it neither fails nor panics. Either gives a notice.
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
                        "spans cannot be written: {error}; they are lost until the disk has room or the pipe a reader"
                    )
                });
                false
            }
            None => false,
        }
    }
}
