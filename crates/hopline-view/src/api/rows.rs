//! The rows of a trace: its spans in tree order.
//! The details, the log records and the search of a trace number their rows by it.

use std::collections::HashMap;

use hopline_analysis::{Trace, traces};
use hopline_core::SpanId;
use hopline_core::export::SpanData;

use super::copied::Copied;

/// A trace joined to a tree, with the row of each span.
pub(super) struct Rows<'a> {
    pub(super) trace: Trace<'a>,
    /// Index and depth, by row.
    pub(super) order: Vec<(usize, usize)>,
    /// Row, by index.
    pub(super) row_of: Vec<usize>,
}

impl<'a> Rows<'a> {
    /// Joins the spans; `None` for a trace of log records alone.
    pub(super) fn new(copied: &'a Copied) -> Option<Self> {
        let trace = traces(&copied.spans).into_iter().next()?;
        let order = trace.in_tree_order();
        let mut row_of = vec![0; order.len()];
        for (row, (index, _)) in order.iter().enumerate() {
            row_of[*index] = row;
        }
        Some(Self {
            trace,
            order,
            row_of,
        })
    }

    pub(super) fn spans(&self) -> impl Iterator<Item = (usize, &'a SpanData)> + '_ {
        self.order
            .iter()
            .enumerate()
            .map(|(row, (index, _))| (row, self.trace.spans()[*index]))
    }

    /// The first row of each id.
    pub(super) fn by_id(&self) -> HashMap<SpanId, usize> {
        let mut rows = HashMap::new();
        for (row, span) in self.spans() {
            rows.entry(span.span_id).or_insert(row);
        }
        rows
    }

    /// Number of spans below each row. Rows are in tree order, so a span's rows end before the next of its depth.
    pub(super) fn below(&self) -> Vec<usize> {
        let mut below = vec![0; self.order.len()];
        let mut open: Vec<usize> = Vec::new();
        for (row, (_, depth)) in self.order.iter().enumerate() {
            while open.len() > *depth {
                let Some(ended) = open.pop() else { break };
                below[ended] = row - ended - 1;
            }
            open.push(row);
        }
        for ended in open {
            below[ended] = self.order.len() - ended - 1;
        }
        below
    }
}
