//! Headers of a caller who means harm.

use std::hint::black_box;

use hopline_core::{
    Clock, Extract, Incoming,
    propagation::{BAGGAGE, TRACEPARENT, TRACESTATE},
};

use crate::case::{Case, Work};
use crate::requests::SAMPLED;

/// The two sizes at which each is parsed: twice as long must not take much more than twice the time.
pub const SIZES: [usize; 2] = [500_000, 1_000_000];

/// Field lines in order, as a socket brings them.
struct Lines(Vec<(&'static str, Vec<u8>)>);

impl Extract for Lines {
    fn each_value(&self, name: &str, found: &mut dyn FnMut(&[u8])) {
        let lines = self.0.iter().filter(|(key, _)| *key == name);
        lines.for_each(|(_, value)| found(value));
    }
}

/// A header, by the name of what is wrong with it, and its field lines at a size.
type Attack = (&'static str, &'static str, fn(usize) -> Vec<Vec<u8>>);

const ATTACKS: [Attack; 10] = [
    ("baggage, small members", BAGGAGE, |size| {
        one_line(b"k=v,", size)
    }),
    ("baggage, large members", BAGGAGE, |size| {
        one_line(&large_member(), size)
    }),
    ("baggage, one long value", BAGGAGE, |size| {
        vec![[b"k=", &b"%20".repeat(size / 3)[..]].concat()]
    }),
    ("baggage, commas and spaces", BAGGAGE, |size| {
        one_line(b" ,\t", size)
    }),
    ("baggage, lines", BAGGAGE, |size| many_lines(b"k=v", size)),
    ("tracestate, members", TRACESTATE, |size| {
        one_line(b"k=v,", size)
    }),
    ("tracestate, spaces", TRACESTATE, |size| {
        one_line(b" \t", size)
    }),
    ("tracestate, lines", TRACESTATE, |size| {
        many_lines(b"k=v", size)
    }),
    ("traceparent, one long line", TRACEPARENT, |size| {
        one_line(b"00-4bf92f35", size)
    }),
    ("traceparent, lines", TRACEPARENT, |size| {
        many_lines(SAMPLED.as_bytes(), size)
    }),
];

fn one_line(piece: &[u8], size: usize) -> Vec<Vec<u8>> {
    vec![piece.repeat(size / piece.len())]
}

fn many_lines(line: &[u8], size: usize) -> Vec<Vec<u8>> {
    vec![line.to_vec(); size / line.len()]
}

/// As long as a member may be, with properties, and no character that is not coded.
fn large_member() -> Vec<u8> {
    let value = b"%20".repeat(1000);
    [b"k=", &value[..], b";p=", &value, b","].concat()
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, header, lines) in ATTACKS {
        for size in SIZES {
            let make = move |_: &Clock| parsing(header, lines(size));
            cases.push(Case::new(format!("headers/{name}/{size}"), make).times(1));
        }
    }
    cases
}

/// Names of the attacks in the names of the cases.
pub(crate) fn attacks() -> impl Iterator<Item = &'static str> {
    ATTACKS.iter().map(|(name, ..)| *name)
}

fn parsing(header: &'static str, lines: Vec<Vec<u8>>) -> Work {
    let mut carrier = Vec::new();
    if header != TRACEPARENT {
        // without a valid one the tracestate is not read
        carrier.push((TRACEPARENT, SAMPLED.into()));
    }
    carrier.extend(lines.into_iter().map(|line| (header, line)));
    let carrier = Lines(carrier);
    Work::each(move || drop(black_box(Incoming::extract(black_box(&carrier)))))
}
