//! A megabyte of headers: allocations are bounded for any content and any number of lines.

use allocation_counter::measure;
use hopline_core::Incoming;
use hopline_test_support::hop::{Lines, SPAN, TRACE};

const MEGABYTE: usize = 1 << 20;

/// The most bytes allocated while the headers of a request are read: some times the 32 kB of baggage that are read, since
/// each member has its own copies of key, value and properties.
const MAX_BYTES: u64 = 160 * 1024;
const MAX_BYTES_AT_ONCE: u64 = 64 * 1024;
/// Most where many small members find the baggage full but for a few bytes.
const MAX_ALLOCATIONS: u64 = 8000;

/// Header values of about `bytes` together, by what is odd about them.
fn hostile(bytes: usize) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let one = |unit: &[u8]| vec![unit.repeat(bytes / unit.len())];
    let lines = |count: usize, unit: &[u8]| vec![unit.repeat(bytes / unit.len() / count); count];
    let member =
        |length: usize, rest: &[u8]| [b"k=v", &rest.repeat(length / rest.len())[..], b","].concat();
    let mut late = vec![b",".repeat(4000); bytes / 4000];
    late.push(b"a=1".to_vec());
    let mut full = vec![format!("k={}", "v".repeat(8180)).into_bytes()];
    full.extend(one(b"key=%zzzzz,"));
    let large = format!("k={}", "v".repeat(bytes / 640 - 3));
    vec![
        (
            "one member",
            vec![format!("k={}", "v".repeat(bytes)).into_bytes()],
        ),
        ("small members on one line", one(b"key=value,")),
        ("the smallest members", one(b"a=,")),
        ("small members on 1000 lines", lines(1000, b"key=value,")),
        ("a member a line", vec![b"key=value".to_vec(); bytes / 9]),
        ("small members behind one that fills it", full),
        (
            "640 members on 20 lines",
            vec![[large.as_str(); 32].join(",").into_bytes(); 20],
        ),
        ("4000 empty members a line, and one", late),
        ("commas", one(b",")),
        ("spaces", one(b" ")),
        ("white space between commas", one(b" \t,\t ")),
        ("equals signs", one(b"=")),
        ("semicolons", one(b";")),
        ("bad percent-coding", one(b"k=%zz%4%,")),
        ("a percent sign and no end", one(b"%")),
        (
            "coded values",
            one(&[b"k=", &b"%41".repeat(2700)[..], b","].concat()),
        ),
        (
            "bytes that are no text, coded",
            one(&[b"k=", &b"%FF".repeat(2700)[..], b","].concat()),
        ),
        ("one byte that is no text, coded", one(b"k=%FF,")),
        ("properties without end", vec![member(bytes, b";p")]),
        ("properties up to the limit", one(&member(8000, b";p=v"))),
        ("empty properties", one(&member(8000, b" ;\t"))),
        (
            "properties that are malformed at their end",
            one(&[&member(8000, b";p=v")[..8000], b"\","].concat()),
        ),
        ("bytes that are no text", one(b"\xff\xfe,k=\xff,")),
        ("control characters", one(b"\x1b[31m=\0,")),
        ("members of two systems", one(b"ot=th:c;rv:9b8233f7e3a151,")),
        (
            "traceparents",
            vec![format!("00-{TRACE}-{SPAN}-01").into_bytes(); bytes / 55],
        ),
        (
            "a traceparent that is too long",
            vec![format!("cc-{TRACE}-{SPAN}-01-{}", "0".repeat(bytes)).into_bytes()],
        ),
    ]
}

fn carrier(name: &str, values: Vec<Vec<u8>>) -> Lines {
    let mut lines = Lines::default();
    if name != "traceparent" {
        lines.0.push((
            "traceparent".to_owned(),
            format!("00-{TRACE}-{SPAN}-01").into_bytes(),
        ));
    }
    lines
        .0
        .extend(values.into_iter().map(|value| (name.to_owned(), value)));
    lines
}

#[test]
fn reading_allocates_no_more_for_more() {
    // the loss is reported once, which allocates its message
    Incoming::extract(&carrier("baggage", vec![b"=".to_vec()]));
    for size in [MEGABYTE, 2 * MEGABYTE] {
        for (what, values) in hostile(size) {
            for name in ["traceparent", "tracestate", "baggage"] {
                let lines = carrier(name, values.clone());
                let used = measure(|| drop(Incoming::extract(&lines)));
                assert!(
                    used.bytes_total <= MAX_BYTES
                        && used.bytes_max <= MAX_BYTES_AT_ONCE
                        && used.count_total <= MAX_ALLOCATIONS,
                    "{name}, {what}: {used:?}"
                );
            }
        }
    }
}
