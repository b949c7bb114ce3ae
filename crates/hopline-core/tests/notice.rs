//! The notice hook is the application's code: a binary of its own, since there is one in a process.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use hopline_core::{
    Context, Incoming, Limits, Notice, SpanBuilder, Tracer, notify, set_notice_hook, span,
};

const LONG: Duration = Duration::from_secs(30);

/// The notices that the hook received: kind, message and thread.
type Heard = (String, String, Option<String>);

static HEARD: Mutex<Vec<Heard>> = Mutex::new(Vec::new());
static GATE: Mutex<Option<Receiver<()>>> = Mutex::new(None);

fn hook(notice: &Notice<'_>) {
    let thread = std::thread::current().name().map(str::to_owned);
    let heard = (notice.kind.to_owned(), notice.message.to_owned(), thread);
    HEARD.lock().unwrap().push(heard);
    assert!(Context::current().span_context().is_none());
    assert!(!span("notice").is_recording());
    match notice.kind {
        // as a full pipe does
        "stuck" => {
            let gate = GATE.lock().unwrap().take().unwrap();
            gate.recv().unwrap();
        }
        "limit" => std::panic::panic_any(Bomb),
        _ => {}
    }
}

/// The value of a panic of a hook, whose destructor panics.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a hook's bug");
    }
}

fn heard() -> Vec<Heard> {
    std::mem::take(&mut *HEARD.lock().unwrap())
}

#[test]
fn a_hook_that_panics_or_hangs_delays_no_thread_and_dropped_notices_are_counted() {
    set_notice_hook(hook);
    let limits = Limits {
        spans_per_trace: 2,
        ..Limits::default()
    };
    let tracer = Tracer::builder().limits(limits).build();
    let mut request = SpanBuilder::new("request")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
    // none has ended, so none can be let go to make room
    let children: Vec<_> = request.in_scope(|| (0..5).map(|_| span("child")).collect());
    assert!(Notice::flush(LONG));
    let [(kind, _, thread)] = &heard()[..] else {
        panic!("not once in ten seconds");
    };
    assert_eq!(
        (&**kind, thread.as_deref()),
        ("limit", Some("hopline-notices"))
    );
    assert_eq!(tracer.stats().lost_spans, 4);
    drop((children, request));

    // the text is one line, safe and bounded
    notify("text", || format!("\u{1b}[2Jorders\n{}", "x".repeat(5000)));
    assert!(Notice::flush(LONG));
    let (_, message, _) = heard().remove(0);
    assert!(message.starts_with(r"\u{1b}[2Jorders\nxx"), "{message}");
    assert!(message.chars().count() <= 2049, "{}", message.len());

    let open = stick();
    assert!(!Notice::flush(Duration::from_millis(1)));
    // the shutdown of a tracer waits a moment, and continues
    tracer.shutdown(Duration::ZERO).unwrap();
    for number in 0..40 {
        notify(format!("kind-{number}").leak(), || number.to_string());
    }
    assert_eq!(Notice::dropped(), 8);
    open.send(()).unwrap();
    assert!(Notice::flush(LONG));
    let heard = heard();
    let kinds: Vec<_> = heard.iter().map(|(kind, _, _)| &**kind).collect();
    assert_eq!((kinds.len(), &kinds[..2]), (34, &["stuck", "notices"][..]));
    assert!(
        heard[1].1.starts_with("8 notices were dropped"),
        "{heard:?}"
    );
    assert_eq!(kinds[33], "kind-31");
}

/// Makes the hook hang until the returned end is used.
fn stick() -> Sender<()> {
    let (open, gate) = channel();
    *GATE.lock().unwrap() = Some(gate);
    notify("stuck", || "the hook hangs".to_owned());
    open
}
