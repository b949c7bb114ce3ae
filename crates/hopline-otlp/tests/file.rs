//! The file sink, on real files and pipes.

use std::fs;
use std::io::{self, Read as _, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hopline_core::{Sink as _, Tracer};
use hopline_otlp::{FileSink, decode_json};

use hopline_test_support::LONG;
use hopline_test_support::otlp::{record, record_many};

/// A path that is removed again.
struct TempPath(PathBuf);

impl TempPath {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!(
            "hopline-otlp-{}-{number}.jsonl",
            std::process::id()
        )))
    }

    fn names(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.0).unwrap();
        text.lines()
            .flat_map(|line| decode_json(line).unwrap())
            .map(|span| span.name)
            .collect()
    }
}

impl Drop for TempPath {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn every_trace_is_a_line_once_flushed() {
    let path = TempPath::new();
    let sink = FileSink::create(&path.0).unwrap();
    let tracer = Tracer::builder().sink(sink.clone()).build();
    let mut names = record_many(&tracer, 3);
    tracer.flush(LONG).unwrap();
    assert_eq!(path.names(), names);
    assert_eq!(fs::read_to_string(&path.0).unwrap().lines().count(), 3);

    names.extend(record_many(&tracer, 2));
    tracer.shutdown(LONG).unwrap();
    tracer.shutdown(LONG).unwrap();
    assert_eq!(path.names(), names);
    assert_eq!(
        (sink.stats().given, sink.stats().sent, sink.stats().lost()),
        (5, 5, 0)
    );
}

#[test]
fn after_shutdown_spans_are_counted_as_dropped() {
    let path = TempPath::new();
    let sink = FileSink::create(&path.0).unwrap();
    sink.shutdown(LONG).unwrap();
    let tracer = Tracer::builder().sink(sink.clone()).build();
    record(&tracer, "late");
    assert_eq!((sink.stats().dropped, sink.stats().given), (1, 1));
}

#[test]
fn a_path_that_cannot_be_written_is_an_error_at_once() {
    assert_eq!(
        FileSink::create("/nonexistent/spans.jsonl")
            .unwrap_err()
            .kind(),
        io::ErrorKind::NotFound
    );
}

#[test]
fn a_reader_that_stops_blocks_no_request() {
    let (mut reader, writer) = io::pipe().unwrap();
    let sink = FileSink::to_writer(writer).unwrap();
    let tracer = Tracer::builder().sink(sink.clone()).build();
    // more than a pipe holds; recording continues although nothing is read
    let names = record_many(&tracer, 2000);
    let error = sink.flush(Duration::from_millis(50)).unwrap_err();
    assert!(error.is_timeout());

    // and waiting spans arrive once there is a reader
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    tracer.shutdown(LONG).unwrap();
    drop((tracer, sink));
    let text = reading.join().unwrap();
    let read: Vec<String> = text
        .lines()
        .flat_map(|line| decode_json(line).unwrap())
        .map(|span| span.name)
        .collect();
    assert_eq!(read, names);
}

#[test]
fn shutdown_gives_up_in_time_and_counts() {
    let (reader, writer) = io::pipe().unwrap();
    let sink = FileSink::to_writer(writer).unwrap();
    let tracer = Tracer::builder().sink(sink.clone()).build();
    record_many(&tracer, 2000);
    assert!(
        tracer
            .shutdown(Duration::from_millis(100))
            .unwrap_err()
            .is_timeout()
    );
    // the write under way fails, the rest is given up
    drop(reader);
    let _ = sink.shutdown(LONG);
    let stats = sink.stats();
    assert_eq!((stats.sent + stats.abandoned, stats.waiting), (2000, 0));
    assert!(stats.abandoned > 0);
}

#[test]
fn a_full_file_is_rotated_and_the_oldest_is_removed() {
    let path = TempPath::new();
    let name = |age: usize| PathBuf::from(format!("{}.{age}", path.0.display()));
    let _older = [TempPath(name(1)), TempPath(name(2)), TempPath(name(3))];
    let line = {
        let sink = FileSink::rotated(&path.0, u64::MAX, 0).unwrap();
        let tracer = Tracer::builder().sink(sink).build();
        record(&tracer, "0");
        tracer.shutdown(LONG).unwrap();
        fs::metadata(&path.0).unwrap().len()
    };
    // three lines fit; the one that is there counts, and is not touched
    let sink = FileSink::rotated(&path.0, 3 * line + 10, 2).unwrap();
    let tracer = Tracer::builder().sink(sink.clone()).build();
    for number in 1..10 {
        record(&tracer, &number.to_string());
        tracer.flush(LONG).unwrap();
        assert!(fs::metadata(&path.0).unwrap().len() <= 3 * line + 10);
    }
    assert_eq!(path.names(), ["9"]);
    assert_eq!(TempPath::names(&_older[0]), ["6", "7", "8"]);
    assert_eq!(TempPath::names(&_older[1]), ["3", "4", "5"]);
    assert!(!name(3).exists());
    assert_eq!((sink.stats().sent, sink.stats().lost()), (9, 0));
}

#[test]
fn half_a_line_of_a_killed_process_spoils_no_other() {
    let path = TempPath::new();
    fs::write(&path.0, r#"{"resourceSpans":[{"#).unwrap();
    let sink = FileSink::rotated(&path.0, u64::MAX, 1).unwrap();
    let tracer = Tracer::builder().sink(sink).build();
    record(&tracer, "whole");
    tracer.shutdown(LONG).unwrap();
    let text = fs::read_to_string(&path.0).unwrap();
    let lines: Vec<_> = text.lines().map(decode_json).collect();
    assert!(lines[0].as_ref().unwrap_err().is_syntax());
    assert_eq!(lines[1].as_ref().unwrap()[0].name, "whole");
}

#[test]
fn text_is_what_its_function_makes_of_the_spans() {
    let out = FullOnce(Arc::new(Mutex::new((9, Vec::new()))));
    let sink = FileSink::text_to(out.clone(), |spans| format!("{}!", spans[0].name)).unwrap();
    let tracer = Tracer::builder().sink(sink).build();
    record(&tracer, "one");
    record(&tracer, "two");
    tracer.shutdown(LONG).unwrap();
    assert_eq!(out.0.lock().unwrap().1, b"one!two!");
}

#[cfg(target_os = "linux")]
#[test]
fn spans_for_a_full_disk_are_lost_and_counted() {
    let sink = FileSink::to_writer(
        fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap(),
    )
    .unwrap();
    let tracer = Tracer::builder().sink(sink.clone()).build();
    record_many(&tracer, 10);
    assert!(!tracer.flush(LONG).unwrap_err().is_timeout());
    assert_eq!((sink.stats().abandoned, sink.stats().sent), (10, 0));
    let late = tracer.shutdown(LONG);
    assert_eq!(late, Ok(()), "nothing more was lost");
}

#[test]
fn spans_for_a_closed_pipe_are_lost_and_counted() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let sink = FileSink::to_writer(writer).unwrap();
    let tracer = Tracer::builder().sink(sink.clone()).build();
    record(&tracer, "without a reader");
    assert!(!tracer.flush(LONG).unwrap_err().is_timeout());
    assert_eq!(sink.stats().abandoned, 1);
}

/// Takes half of the first line, then fails once.
#[derive(Clone, Default)]
struct FullOnce(Arc<Mutex<(usize, Vec<u8>)>>);

impl Write for FullOnce {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        state.0 += 1;
        match state.0 {
            1 => {
                state.1.extend_from_slice(&bytes[..20]);
                Ok(20)
            }
            2 => Err(io::ErrorKind::StorageFull.into()),
            _ => {
                state.1.extend_from_slice(bytes);
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_costs_one_line_and_no_other() {
    let disk = FullOnce::default();
    let sink = FileSink::to_writer(disk.clone()).unwrap();
    let tracer = Tracer::builder().sink(sink.clone()).build();
    record(&tracer, "lost");
    assert!(!tracer.flush(LONG).unwrap_err().is_timeout());
    record(&tracer, "written");
    tracer.flush(LONG).unwrap();
    assert_eq!((sink.stats().abandoned, sink.stats().sent), (1, 1));
    assert!(String::from_utf8_lossy(&disk.0.lock().unwrap().1).contains("hopline.dropped"));
    let text = String::from_utf8(disk.0.lock().unwrap().1.clone()).unwrap();
    let lines: Vec<_> = text.lines().map(decode_json).collect();
    assert!(lines[0].as_ref().unwrap_err().is_syntax());
    assert_eq!(lines[1].as_ref().unwrap()[0].name, "written");
}

/// Panics in every second write, and starts a span in each.
struct Guest(Arc<Mutex<(usize, Vec<u8>)>>, Tracer);

impl Write for Guest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        record(&self.1, "of the writer");
        let mut state = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        state.0 += 1;
        assert!(state.0 % 2 == 1, "a writer's bug");
        state.1.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_panics_and_starts_spans_costs_its_own_spans_alone() {
    let written = Arc::default();
    let kept = Recorded::default();
    let other = Tracer::builder().sink(kept.clone()).build();
    let sink = FileSink::to_writer(Guest(Arc::clone(&written), other)).unwrap();
    let tracer = Tracer::builder().sink(sink.clone()).build();
    record_many(&tracer, 10);
    assert!(!tracer.flush(LONG).unwrap_err().is_timeout());
    let stats = sink.stats();
    assert_eq!((stats.given, stats.sent, stats.abandoned), (10, 5, 5));
    assert_eq!(
        kept.0.load(Ordering::Relaxed),
        0,
        "spans of the writer are recorded"
    );

    let sink = FileSink::text_to(io::sink(), |spans| {
        assert_ne!(spans[0].name, "0", "a function's bug");
        spans[0].name.clone()
    });
    let sink = sink.unwrap();
    let tracer = Tracer::builder().sink(sink.clone()).build();
    record_many(&tracer, 10);
    assert!(!tracer.flush(LONG).unwrap_err().is_timeout());
    assert_eq!((sink.stats().sent, sink.stats().abandoned), (9, 1));
}

/// Counts the spans it is given.
#[derive(Clone, Default)]
struct Recorded(Arc<AtomicUsize>);

impl hopline_core::Sink for Recorded {
    fn accept(&self, batch: &Arc<hopline_core::Batch>) {
        self.0.fetch_add(batch.len(), Ordering::Relaxed);
    }
}

/// Holds what it is given until it is flushed, which fails once.
#[derive(Clone, Default)]
struct Buffered(Arc<Mutex<BufferedState>>);

#[derive(Default)]
struct BufferedState {
    held: Vec<u8>,
    out: Vec<u8>,
    writes: usize,
    flushes: usize,
}

impl Write for Buffered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        state.writes += 1;
        if state.writes == 4 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let held = std::mem::take(&mut state.held);
        state.flushes += 1;
        if state.flushes == 2 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.out.extend(held);
        Ok(())
    }
}

#[test]
fn what_a_failing_writer_wrote_and_what_it_lost_is_counted_exactly() {
    let out = Buffered::default();
    let sink = {
        // held back, so that all ten are one front
        let gate = out.0.lock().unwrap();
        let sink = FileSink::text_to(out.clone(), |spans| format!("{}\n", spans[0].name)).unwrap();
        let tracer = Tracer::builder().sink(sink.clone()).build();
        record_many(&tracer, 10);
        drop(gate);
        tracer.flush(LONG).unwrap_err();
        sink
    };
    let text = String::from_utf8(out.0.lock().unwrap().out.clone()).unwrap();
    let arrived = text.lines().filter(|line| !line.is_empty()).count() as u64;
    let stats = sink.stats();
    assert_eq!(
        (stats.sent, stats.sent + stats.lost()),
        (arrived, 10),
        "{text}"
    );
    assert!(stats.abandoned >= 2 && arrived >= 3, "{stats:?}");
}
