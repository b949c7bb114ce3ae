//! Prints traces that have become idle.
//! The thread of a sink calls it: after each batch, and when the wait of a trace is over.

use std::fmt;
use std::io::Write;
use std::time::{Duration, Instant};

use hopline_analysis::{TreeOptions, traces};
use hopline_core::{TraceId, notify};

use crate::search::Search;
use crate::view::View;

/// A trace is printed when nothing was added to it for this long.
///
/// The parts of a trace end apart: a response is sent before the tasks that it has started have ended.
const IDLE: Duration = Duration::from_millis(50);

/// Lines of a block, unless `Terminal::lines` sets another number.
const LINES: usize = 40;

/// Traces to print, and the place to write them to.
pub(crate) struct Printer {
    /// `None` after a write has failed: nothing is printed any more.
    pub(crate) out: Option<Box<dyn Write + Send>>,
    /// URL of the page, without a slash at its end.
    pub(crate) link: Option<String>,
    pub(crate) only: Search,
    pub(crate) options: TreeOptions,
    /// Traces that changed, with the time of the last change; the one that changed longest ago first. It has the traces of
    /// the last 50 ms only, so its length is bounded by what the thread takes in that time.
    waiting: Vec<(TraceId, Instant)>,
}

impl Printer {
    /// A printer of all traces, without a link.
    pub(crate) fn new(out: Box<dyn Write + Send>) -> Self {
        Self {
            out: Some(out),
            link: None,
            only: Search::default(),
            options: TreeOptions::default().max_lines(LINES),
            waiting: Vec::new(),
        }
    }

    /// Notes that spans were added to a trace.
    pub(crate) fn changed(&mut self, id: TraceId) {
        if self.out.is_some() {
            self.waiting.retain(|(waiting, _)| *waiting != id);
            self.waiting.push((id, Instant::now()));
        }
    }

    /// The time until the next trace is due; `None` if none waits.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let (_, changed) = self.waiting.first()?;
        Some(IDLE.saturating_sub(changed.elapsed()))
    }

    /// Prints the traces that are due.
    pub(crate) fn print_due(&mut self, view: &View) {
        let due = self.waiting.iter();
        let due = due.take_while(|(_, changed)| changed.elapsed() >= IDLE);
        let count = due.count();
        self.print(count, view);
    }

    /// Prints all traces that wait.
    pub(crate) fn print_all(&mut self, view: &View) {
        self.print(self.waiting.len(), view);
    }

    fn print(&mut self, count: usize, view: &View) {
        if count == 0 {
            return;
        }
        // a trace with a running span is printed at its end, which is a change
        view.refresh_open();
        for (id, _) in self.waiting.drain(..count) {
            let text = block(id, view, &self.only, &self.options, self.link.as_deref());
            let Some(out) = &mut self.out else { return };
            let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            if let Err(error) = written {
                notify("view", || {
                    format!(
                        "the terminal cannot be written to: {error}; no further trace is printed"
                    )
                });
                self.out = None;
                return;
            }
        }
    }
}

/// The text of a trace, ended by an empty line; empty for a trace that is not to be printed.
fn block(
    id: TraceId,
    view: &View,
    only: &Search,
    options: &TreeOptions,
    link: Option<&str>,
) -> String {
    let spans = {
        let store = view.lock();
        match store.trace(id) {
            Some(entry) if entry.open_ids().is_empty() && only.matches(entry) => entry.to_spans(),
            _ => return String::new(),
        }
    };
    let traces = traces(&spans);
    let trees = traces.iter().map(|trace| {
        let tree = trace.tree(options);
        // the first line has the id
        let rest = tree.split_once('\n').map_or("", |(_, rest)| rest);
        match link {
            Some(link) => format!("{link}/t/{id}\n{rest}\n"),
            None => format!("{tree}\n"),
        }
    });
    trees.collect()
}

impl fmt::Debug for Printer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Printer")
            .field("link", &self.link)
            .field("only", &self.only)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}
