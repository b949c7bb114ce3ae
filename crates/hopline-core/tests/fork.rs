//! Ids after a fork, in a real child.
#![cfg(unix)]

use std::collections::HashSet;
use std::io::{Read, Write};

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use fork::{Fork, fork, waitpid};
use hopline_core::{
    Incoming, Notice, SpanBuilder, Tracer, notify, propagation::reseed_after_fork, set_notice_hook,
};

const COUNT: usize = 1000;
const LONG: Duration = Duration::from_secs(30);

static PARENT: AtomicU32 = AtomicU32::new(0);

/// The ids of new traces and of their roots, as the tracer gives them.
fn ids(tracer: &Tracer) -> Vec<(u128, u64)> {
    let root = |_| {
        let root = SpanBuilder::new("root")
            .tracer(tracer)
            .parent(Incoming::default())
            .start();
        let context = root.span_context().unwrap();
        (context.trace_id().to_u128(), context.span_id().to_u64())
    };
    (0..COUNT).map(root).collect()
}

fn to_bytes(ids: &[(u128, u64)]) -> Vec<u8> {
    ids.iter()
        .flat_map(|(trace, span)| [&trace.to_le_bytes()[..], &span.to_le_bytes()].concat())
        .collect()
}

static HEARD: AtomicU32 = AtomicU32::new(0);

/// True if a child that forked while the notices' thread was at work has one of its own.
fn notices_work() -> bool {
    let before = HEARD.load(Relaxed);
    notify("fork-child", || "in the child".to_owned());
    Notice::flush(LONG) && HEARD.load(Relaxed) == before + 1
}

// The only test of this binary: a child has the thread that forked and no other.
#[test]
fn a_child_has_notices_of_its_own_and_draws_its_parents_ids_until_it_reseeds() {
    // in the parent the hook hangs
    set_notice_hook(|_| {
        HEARD.fetch_add(1, Relaxed);
        if std::process::id() == PARENT.load(Relaxed) {
            std::thread::park();
        }
    });
    PARENT.store(std::process::id(), Relaxed);
    notify("fork-parent", || "in the parent".to_owned());
    while HEARD.load(Relaxed) == 0 {
        std::thread::yield_now();
    }
    let tracer = Tracer::builder().plan("* 0%".parse().unwrap()).build();
    ids(&tracer); // the generators of this thread are seeded before the fork
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let child = match fork().unwrap() {
        Fork::Child => {
            let heard = notices_work();
            let same = to_bytes(&ids(&tracer));
            reseed_after_fork();
            // and once more, of the same kind: a process that is new
            let heard = heard && notices_work();
            let own = to_bytes(&ids(&tracer));
            let written = writer.write_all(&[same, own].concat());
            // the parent's test harness is not to go on here as well
            std::process::exit(i32::from(written.is_err() || !heard));
        }
        Fork::Parent(child) => child,
    };
    drop(writer); // so that the pipe ends with the child
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    assert_eq!(waitpid(child).unwrap(), 0);

    let (same, own) = bytes.split_at(bytes.len() / 2);
    let why = "without it both draw the same, which is why there is a function for it";
    assert_eq!(same, to_bytes(&ids(&tracer)), "{why}");
    // Had the child gone on without new seeds, these were its next ones. Word by word, so that a generator that is only
    // some words ahead is seen as well.
    let next = [same, &to_bytes(&ids(&tracer))].concat();
    let parents: HashSet<&[u8]> = next.chunks(8).collect();
    let own: HashSet<&[u8]> = own.chunks(8).collect();
    assert_eq!(own.len(), COUNT * 3, "no repeats within the child either");
    assert!(
        own.is_disjoint(&parents),
        "the child draws what its parent draws"
    );
}
