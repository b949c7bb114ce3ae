//! The differences between two traces, aligned by service, name and order.
//!
//! The viewer shows them for a slow and a typical request, or for requests before and after a deployment.

use std::collections::HashMap;

use hopline_core::export::SpanData;

use crate::describe::label;
use crate::trace::Trace;

/// The rows of two traces, aligned, in tree order.
///
/// ```text
/// depth  change   a                       b
/// 0      Slower   POST /orders    7.0 ms  POST /orders    31 ms
/// 1      Same     db.begin        234 µs  db.begin        240 µs
/// 1      Slower   db.query        282 µs  db.query         24 ms
/// 1      Added                            POST            1.2 ms
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Diff<'a> {
    /// One row for each span of either trace; a pair of spans has one row together.
    pub rows: Vec<DiffRow<'a>>,
}

/// A span of the first trace, the span of the second trace that corresponds to it, or both.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DiffRow<'a> {
    /// Number of spans above it.
    pub depth: usize,
    /// The difference of the second span from the first.
    pub change: Change,
    /// The span of the first trace.
    pub a: Option<&'a SpanData>,
    /// The span of the second trace.
    pub b: Option<&'a SpanData>,
}

/// The difference of a row: presence, or a change of the duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
// five outcomes of one comparison: there is no sixth
#[expect(
    clippy::exhaustive_enums,
    reason = "readers mark each change differently, and have to see a new one"
)]
pub enum Change {
    /// In both, as long as before or nearly so.
    Same,
    /// Longer by more than a fifth and more than a millisecond.
    Slower,
    /// Shorter by more than a fifth and more than a millisecond.
    Faster,
    /// In the second only.
    Added,
    /// In the first only.
    Missing,
}

impl Diff<'_> {
    /// The number of rows with this change.
    pub fn count(&self, change: Change) -> usize {
        self.rows.iter().filter(|row| row.change == change).count()
    }
}

impl DiffRow<'_> {
    /// Duration in the second trace less the duration in the first, in nanoseconds; 0 for a span of one trace.
    pub fn delta_nanos(&self) -> i64 {
        match (self.a, self.b) {
            (Some(a), Some(b)) => {
                let difference = i128::from(b.duration_nanos()) - i128::from(a.duration_nanos());
                i64::try_from(difference).unwrap_or(if difference < 0 {
                    i64::MIN
                } else {
                    i64::MAX
                })
            }
            _ => 0,
        }
    }
}

/// Compares two traces. Below spans that correspond, the nth child of a service and name corresponds to the nth child of
/// that service and name.
///
/// # Examples
///
/// ```
/// use hopline_analysis::{diff::{Change, diff}, traces};
/// use hopline_core::export::SpanData;
/// use hopline_core::{SpanId, TraceId};
///
/// let span = |trace, id, name: &str| {
///     SpanData::new(name, TraceId::from_u128(trace).unwrap(), SpanId::from_u64(id).unwrap())
/// };
/// let before = [span(1, 1, "GET /orders")];
/// let mut after = [span(2, 1, "GET /orders"), span(2, 2, "db.query")];
/// after[1].parent = SpanId::from_u64(1);
///
/// let (before, after) = (traces(&before), traces(&after));
/// let changes = diff(&before[0], &after[0]);
/// assert_eq!((changes.count(Change::Same), changes.count(Change::Added)), (1, 1));
/// assert_eq!(diff(&after[0], &after[0]).count(Change::Same), 2);
/// ```
pub fn diff<'a>(a: &Trace<'a>, b: &Trace<'a>) -> Diff<'a> {
    let mut rows = Vec::with_capacity(a.spans().len().max(b.spans().len()));
    // with a stack of its own, so that no depth overflows
    let mut stack: Vec<(Pair, usize)> = Vec::new();
    push(
        &mut stack,
        pairs((a, a.root_indices()), (b, b.root_indices())),
        0,
    );
    while let Some((pair, depth)) = stack.pop() {
        let in_a = pair.a.and_then(|index| a.spans().get(index).copied());
        let in_b = pair.b.and_then(|index| b.spans().get(index).copied());
        rows.push(DiffRow {
            depth,
            change: change(in_a, in_b),
            a: in_a,
            b: in_b,
        });
        let below = |trace: &Trace<'a>, index: Option<usize>| {
            index.map(|index| trace.children(index).to_vec())
        };
        let (of_a, of_b) = (
            below(a, pair.a).unwrap_or_default(),
            below(b, pair.b).unwrap_or_default(),
        );
        push(&mut stack, pairs((a, &of_a), (b, &of_b)), depth + 1);
    }
    Diff { rows }
}

/// Indices of corresponding spans in the two traces; one of them may be missing.
#[derive(Clone, Copy)]
struct Pair {
    a: Option<usize>,
    b: Option<usize>,
    /// From the start of its trace, for the order of the rows.
    offset: u64,
}

/// Pushes pairs so that the first is popped first.
fn push(stack: &mut Vec<(Pair, usize)>, pairs: Vec<Pair>, depth: usize) {
    stack.extend(pairs.into_iter().rev().map(|pair| (pair, depth)));
}

/// Siblings of both traces, in the order in which they started in the first trace that has them.
fn pairs(a: (&Trace<'_>, &[usize]), b: (&Trace<'_>, &[usize])) -> Vec<Pair> {
    let mut unpaired: HashMap<(String, String, usize), usize> = HashMap::new();
    let in_b = keys(b.0, b.1);
    for (key, index) in &in_b {
        unpaired.insert(key.clone(), *index);
    }
    let mut pairs: Vec<Pair> = Vec::with_capacity(a.1.len());
    for (key, index) in keys(a.0, a.1) {
        pairs.push(Pair {
            a: Some(index),
            b: unpaired.remove(&key),
            offset: offset(a.0, index),
        });
    }
    for (key, index) in in_b {
        if unpaired.contains_key(&key) {
            pairs.push(Pair {
                a: None,
                b: Some(index),
                offset: offset(b.0, index),
            });
        }
    }
    pairs.sort_by_key(|pair| pair.offset);
    pairs
}

/// Service, label, and the number of siblings before with both.
fn keys(trace: &Trace<'_>, indices: &[usize]) -> Vec<((String, String, usize), usize)> {
    let mut seen: HashMap<(String, String), usize> = HashMap::new();
    let key = |index: &usize| {
        let span = trace.spans()[*index];
        let (service, label) = (span.service().to_owned(), label(span));
        let count = seen.entry((service.clone(), label.clone())).or_default();
        *count += 1;
        ((service, label, *count), *index)
    };
    indices.iter().map(key).collect()
}

/// The start of a span after the start of its trace, in nanoseconds.
fn offset(trace: &Trace<'_>, index: usize) -> u64 {
    let start = trace
        .spans()
        .first()
        .map_or(0, |span| span.start_unix_nanos);
    trace.spans()[index].start_unix_nanos - start
}

/// The difference of two spans; a change of a duration counts if it is more than a fifth and more than a millisecond.
fn change(a: Option<&SpanData>, b: Option<&SpanData>) -> Change {
    const MILLISECOND: u64 = 1_000_000;
    match (a, b) {
        (Some(a), Some(b)) => {
            let (a, b) = (a.duration_nanos(), b.duration_nanos());
            let is_large = a.abs_diff(b) > MILLISECOND && a.abs_diff(b) > a.max(1) / 5;
            match (is_large, b > a) {
                (false, _) => Change::Same,
                (true, true) => Change::Slower,
                (true, false) => Change::Faster,
            }
        }
        (Some(_), None) => Change::Missing,
        _ => Change::Added,
    }
}
