//! The terminal of an application: one block of text for each request.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use hopline_core::{Incoming, Span, SpanBuilder, Tracer};
use hopline_view::{Terminal, View};

/// A terminal that hands each write on.
struct Writes(Sender<String>);

impl Write for Writes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        self.0.send(text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tracer(settings: impl FnOnce(Terminal) -> Terminal) -> (View, Tracer, Receiver<String>) {
    let (sender, written) = channel();
    let view = View::new();
    let terminal = settings(view.terminal()).to(Writes(sender));
    let tracer = Tracer::builder().service("shop").sink(terminal.sink());
    (view, tracer.build(), written)
}

fn request(tracer: &Tracer, name: &'static str) -> Span {
    let root = SpanBuilder::new(name).tracer(tracer);
    root.parent(Incoming::default()).start()
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_request_is_one_block_with_a_link() {
    let (view, tracer, written) =
        tracer(|terminal| terminal.link("http://127.0.0.1:3000/").width(80));
    let root = request(&tracer, "POST /orders");
    let child = SpanBuilder::new("INSERT orders").child_of(root.context_ref());
    child.start().end();
    root.end();
    // without a flush
    let block = written.recv_timeout(LONG).unwrap();
    let id = view.find(&"orders".parse().unwrap())[0][0].trace_id;
    let lines: Vec<&str> = block.lines().collect();
    assert_eq!(lines[0], format!("http://127.0.0.1:3000/_trace/t/{id}"));
    assert!(lines[1].starts_with("POST /orders ▸ shop"), "{block}");
    assert!(lines[2].starts_with("└─ INSERT orders"), "{block}");
    assert_eq!((lines.len(), lines[3]), (4, ""));
    tracer.flush(LONG).unwrap();
    assert!(written.try_recv().is_err(), "it is printed once");
}

#[test]
fn only_traces_that_match_are_printed() {
    let (view, tracer, written) = tracer(|terminal| terminal.only("status:error".parse().unwrap()));
    request(&tracer, "GET /fine").end();
    let failed = request(&tracer, "GET /broken");
    failed.fail("out of stock");
    failed.end();
    tracer.flush(LONG).unwrap();
    let block = written.try_recv().unwrap();
    assert!(
        block.starts_with("trace ") && block.contains("GET /broken"),
        "{block}"
    );
    assert!(written.try_recv().is_err());
    assert_eq!(view.counts().traces, 2);
}

#[test]
fn a_trace_is_printed_when_its_last_part_has_ended() {
    let (_view, tracer, written) = tracer(|terminal| terminal);
    let gateway = request(&tracer, "GET /gateway");
    // a second service in the same process
    let incoming = Incoming::from(gateway.context_ref().span_context().unwrap());
    let part = SpanBuilder::new("GET /orders").tracer(&tracer);
    part.parent(incoming).start().end();
    tracer.flush(LONG).unwrap();
    assert!(written.try_recv().is_err(), "the gateway has not ended");
    gateway.end();
    tracer.flush(LONG).unwrap();
    let block = written.try_recv().unwrap();
    assert!(block.contains("└─ GET /orders"), "{block}");
    assert!(written.try_recv().is_err());
}

#[test]
fn a_block_is_cut_to_its_lines() {
    let (_view, tracer, written) = tracer(|terminal| terminal.lines(3));
    let root = request(&tracer, "GET /");
    for name in ["a", "b", "c", "d", "e"] {
        SpanBuilder::new(name)
            .child_of(root.context_ref())
            .start()
            .end();
    }
    root.end();
    tracer.flush(LONG).unwrap();
    let block = written.try_recv().unwrap();
    assert!(block.contains("… 3 more lines\n"), "{block}");
}

#[test]
fn a_terminal_that_is_closed_harms_neither_viewer_nor_tracer() {
    let (view, tracer, written) = tracer(|terminal| terminal);
    drop(written);
    for _ in 0..3 {
        request(&tracer, "GET /").end();
        tracer.flush(LONG).unwrap();
    }
    assert_eq!(view.counts().traces, 3);
}
