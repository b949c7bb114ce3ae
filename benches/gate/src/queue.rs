//! Traces whose spans wait for a reader that takes none.

use std::io::{Error, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use hopline_core::{
    Batch, Clock, Sink, Tracer,
    export::{Batching, FlushError},
};
use hopline_otlp::FileSink;

use crate::case::{Case, Work};
use crate::trace::{Values, root, trace};

/// Eight batches full.
const TIMES: u64 = 4096;

/// All runs of a case together are far fewer than the traces that a file's queue holds.
const FEW_TIMES: u64 = 1024;

/// One trace in this number fails.
const FAILS: u64 = 100;

/// Traces of one span before a queue with room, or before one that is full already, so that each batch costs a
/// choice of what is lost.
fn traces(clock: &Clock, full: bool) -> Work {
    let mut before = Before::a_queue(clock, Batching::Full);
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

/// Traces of one span, each a batch of its own as a file has them, before a queue that is full of such batches.
#[derive(Clone, Copy)]
struct Behind {
    /// One trace in this number fails, of those that fill the queue and of those that are measured.
    filled: u64,
    fails: u64,
}

impl Behind {
    fn traces(self, clock: &Clock, full: bool) -> Work {
        let mut before = Before::a_queue(clock, Batching::EachTrace);
        before.fails = self.filled;
        while full && before.sink.lost() == 0 {
            before.trace();
        }
        before.fails = self.fails;
        Work::new(move |times| {
            let lost = before.sink.lost();
            (0..times).for_each(|_| before.trace());
            let losing = before.sink.lost() > lost;
            assert_eq!(losing, full, "the queue is in the other state");
        })
    }
}

/// No trace fails.
const NONE: u64 = u64::MAX;

/// The queue of a file whose disk is far behind, and the case of the same traces before one with room.
pub(crate) const BEHIND: [(&str, &str); 4] = [
    (
        "queue/file, full, failing",
        "queue/file, with room, failing",
    ),
    (
        "queue/file, full of failed, failing",
        "queue/file, with room, failing",
    ),
    ("queue/file, full, mixed", "queue/file, with room, mixed"),
    (
        "queue/file, full of failed, ordinary",
        "queue/file, with room, ordinary",
    ),
];

fn behind(name: &str) -> (Behind, bool) {
    let fails = match name {
        _ if name.ends_with("failing") => 1,
        _ if name.ends_with("mixed") => 2,
        _ => NONE,
    };
    let filled = if name.contains("full of failed") {
        1
    } else {
        NONE
    };
    (Behind { filled, fails }, name.contains("full"))
}

pub(crate) fn cases() -> Vec<Case> {
    let gathered = [("with room", false), ("full", true)].map(|(name, full)| {
        let make = move |clock: &Clock| traces(clock, full);
        Case::new(format!("queue/{name}"), make).times(TIMES)
    });
    let mut names: Vec<&str> = BEHIND
        .iter()
        .flat_map(|(full, room)| [*room, *full])
        .collect();
    names.sort_unstable();
    names.dedup();
    let of_files = names.into_iter().map(|name| {
        let (behind, full) = behind(name);
        let make = move |clock: &Clock| behind.traces(clock, full);
        Case::new(name.to_owned(), make).times(FEW_TIMES)
    });
    gathered.into_iter().chain(of_files).collect()
}

/// A recording tracer before a queue. The fields are dropped in their order: the thread ends when nothing feeds it.
struct Before {
    traces: u64,
    fails: u64,
    tracer: Tracer,
    sink: Fed,
    reader: Reader,
}

impl Before {
    /// An exporter and a file have the same queue, and a writer that hangs is a thread that counts nothing.
    fn a_queue(clock: &Clock, batching: Batching) -> Self {
        let (go_on, hang) = channel();
        let (says, said) = channel();
        let file = FileSink::to_writer(Hung { hang, says });
        let sink = Fed {
            file: file.unwrap_or_else(|error| panic!("no thread to be measured: {error}")),
            batching,
        };
        let tracer = Tracer::builder()
            .service("bench")
            .clock(clock.clone())
            .sink(sink.clone())
            .build();
        let mut before = Self {
            traces: 0,
            fails: FAILS,
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
        if self.traces.is_multiple_of(self.fails) {
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

/// Announces each write, and hangs in the first until the other side is dropped.
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

/// Wants full batches, as the exporter does, or each trace, as a file does.
#[derive(Clone)]
struct Fed {
    file: FileSink,
    batching: Batching,
}

impl Fed {
    fn lost(&self) -> u64 {
        self.file.stats().lost()
    }
}

impl Sink for Fed {
    fn accept(&self, batch: &Arc<Batch>) {
        self.file.accept(batch);
    }

    fn batching(&self) -> Batching {
        self.batching
    }

    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.file.flush(timeout)
    }
}
