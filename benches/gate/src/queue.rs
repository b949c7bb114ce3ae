//! Traces whose spans wait for a reader that takes none.

use std::io::{Error, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use hopline_core::{Batch, Batching, Clock, FlushError, Sink, Tracer};
use hopline_otlp::FileSink;

use crate::case::{Case, Work};
use crate::trace::{Values, root, trace};

/// Eight batches full.
const TIMES: u64 = 4096;

/// One trace in so many fails.
const FAILS: u64 = 100;

/// Traces of one span before a queue with room, or before one that is full already, so that each batch costs a
/// choice of what is lost.
fn traces(clock: &Clock, full: bool) -> Work {
    let mut before = Before::a_queue(clock);
    while full && before.sink.lost() == 0 {
        trace(&before.tracer, &Values::unknown(), 511);
    }
    Work::new(move |times| {
        let lost = before.sink.lost();
        (0..times).for_each(|_| before.trace());
        let losing = before.sink.lost() > lost;
        assert_eq!(losing, full, "the queue is in the other state");
    })
}

pub(crate) fn cases() -> Vec<Case> {
    [("with room", false), ("full", true)]
        .map(|(name, full)| {
            let make = move |clock: &Clock| traces(clock, full);
            Case::new(format!("queue/{name}"), make).times(TIMES)
        })
        .into()
}

/// What records before a queue. The fields are dropped in their order: the thread ends when nothing feeds it.
struct Before {
    traces: u64,
    tracer: Tracer,
    sink: Gathered,
    reader: Reader,
}

impl Before {
    /// An exporter and a file have the same queue, and a writer that hangs is a thread that counts nothing.
    fn a_queue(clock: &Clock) -> Self {
        let (go_on, hang) = channel();
        let (says, said) = channel();
        let file = FileSink::to_writer(Hung { hang, says });
        let sink =
            Gathered(file.unwrap_or_else(|error| panic!("no thread to be measured: {error}")));
        let tracer = Tracer::builder()
            .service("bench")
            .clock(clock.clone())
            .sink(sink.clone())
            .build();
        let mut before = Self {
            traces: 0,
            tracer,
            sink,
            reader: Reader {
                go_on: Some(go_on),
                said,
            },
        };
        before.trace();
        // it cannot end well, and need not: it hands over
        let _ = before.tracer.flush(Duration::ZERO);
        before.reader.wait_for_a_write();
        before
    }

    fn trace(&mut self) {
        self.traces += 1;
        let span = root(&self.tracer);
        if self.traces.is_multiple_of(FAILS) {
            span.fail("refused");
        }
        span.end();
    }
}

/// The other side of a writer that hangs.
struct Reader {
    go_on: Option<Sender<()>>,
    said: Receiver<()>,
}

impl Reader {
    fn wait_for_a_write(&self) {
        // an error would be the thread's end, which cannot come before this lets go of it
        let _ = self.said.recv();
    }
}

impl Drop for Reader {
    /// Waits for the end of the thread, or it would free its spans while another case is counted.
    fn drop(&mut self) {
        drop(self.go_on.take());
        while self.said.recv().is_ok() {}
    }
}

/// Says each write, and hangs in the first until the other side is gone.
struct Hung {
    hang: Receiver<()>,
    says: Sender<()>,
}

impl Write for Hung {
    fn write(&mut self, _: &[u8]) -> Result<usize, Error> {
        // the other side listens until this is gone
        let _ = self.says.send(());
        // nothing is ever sent
        let _ = self.hang.recv();
        Err(Error::other("given up"))
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// Wants full batches, as the exporter does.
#[derive(Clone)]
struct Gathered(FileSink);

impl Gathered {
    fn lost(&self) -> u64 {
        self.0.stats().lost()
    }
}

impl Sink for Gathered {
    fn accept(&self, batch: &Arc<Batch>) {
        self.0.accept(batch);
    }

    fn batching(&self) -> Batching {
        Batching::Full
    }

    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.0.flush(timeout)
    }
}
