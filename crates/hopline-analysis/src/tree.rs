//! Trees as text: one trace, for a terminal or for a test.
//!
//! The console, the command line and examples print them with times; tests compare them without.

use hopline_core::export::{EventData, SpanData};
use hopline_core::text::shown;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::NAME;
use crate::describe::{failure, label, place, status_code, target};
use crate::percentile::duration;
use crate::trace::Trace;

/// Options of a tree: width, lines, times, attributes.
///
/// # Examples
///
/// ```
/// use hopline_analysis::{TreeOptions, traces};
/// use hopline_core::export::SpanData;
/// use hopline_core::{SpanId, TraceId};
///
/// let mut span = SpanData::new("job", TraceId::from_u128(1).unwrap(), SpanId::from_u64(1).unwrap());
/// span.attributes.push(("tenant".into(), "a".into()));
/// let spans = [span];
/// let options = TreeOptions::snapshot().attribute("tenant");
/// assert_eq!(traces(&spans)[0].tree(&options), "job ▸ unknown_service  tenant=a\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeOptions {
    width: usize,
    times: bool,
    ids: bool,
    hosts: bool,
    fold: bool,
    max_lines: usize,
    attributes: Vec<String>,
}

impl TreeOptions {
    /// Options for tests: structure, names and outcomes, without times, ids, hosts and bars, which change with each run.
    pub fn snapshot() -> Self {
        Self {
            times: false,
            ids: false,
            hosts: false,
            fold: false,
            max_lines: usize::MAX,
            ..Self::default()
        }
    }

    /// Sets the width in columns, at least 60. Defaults to 110.
    #[must_use]
    pub fn width(mut self, columns: usize) -> Self {
        self.width = columns.max(60);
        self
    }

    /// Sets the number of lines of one tree; a last line has the number of omitted ones. Defaults to 60.
    #[must_use]
    pub fn max_lines(mut self, lines: usize) -> Self {
        self.max_lines = lines.max(1);
        self
    }

    /// Shows this attribute on spans that have it.
    #[must_use]
    pub fn attribute(mut self, key: &str) -> Self {
        self.attributes.push(key.to_owned());
        self
    }
}

impl Default for TreeOptions {
    fn default() -> Self {
        Self {
            width: 110,
            times: true,
            ids: true,
            hosts: true,
            fold: true,
            max_lines: 60,
            attributes: Vec::new(),
        }
    }
}

/// One line: its text, and the start, end and index of its span if it has times.
struct Line {
    text: String,
    times: Option<(u64, u64, usize)>,
}

impl Trace<'_> {
    /// Draws the trace as text, each line ended by a newline: its id, then its spans.
    ///
    /// A call to another service shows its host, and its route or path: behind it the names are the callee's.
    /// Spans whose parent is missing follow the others, below `(parent not received)`.
    ///
    /// `▸` names the service where it changes, or the database; `✗` marks what failed, by its
    /// `error.type` and message; `·` an event. The bar shows when in the trace a span ran; `◀ 61 %` how
    /// much of the critical path was its own work.
    pub fn tree(&self, options: &TreeOptions) -> String {
        let mut lines = self.lines(options);
        let left_out = lines.len().saturating_sub(options.max_lines);
        lines.truncate(options.max_lines);
        let mut out = String::new();
        if let Some(id) = self.trace_id().filter(|_| options.ids) {
            out.push_str(&format!("trace {id}\n"));
        }
        if options.times {
            self.draw_times(&lines, options, &mut out);
        } else {
            for line in lines {
                out.push_str(&line.text);
                out.push('\n');
            }
        }
        if left_out > 0 {
            out.push_str(&format!("… {left_out} more lines\n"));
        }
        out
    }

    /// The lines in tree order. It uses a stack of its own, so that no depth overflows the thread's.
    fn lines(&self, options: &TreeOptions) -> Vec<Line> {
        let mut lines = Vec::new();
        // index, how often it is repeated, the prefix of its line, the prefix of those below it
        let mut stack: Vec<(usize, usize, String, String)> = Vec::new();
        for root in self.roots.iter().rev() {
            stack.push((*root, 1, String::new(), String::new()));
        }
        let mut missing = None;
        while let Some((index, times, prefix, below)) = stack.pop() {
            if lines.len() > options.max_lines.saturating_mul(2) && options.max_lines < usize::MAX {
                // only their number is of interest now, and the prefixes of a deep trace are long
                lines.push(Line {
                    text: String::new(),
                    times: None,
                });
                stack.extend(
                    self.children[index]
                        .iter()
                        .map(|child| (*child, 1, String::new(), String::new())),
                );
                continue;
            }
            if self.parents[index].is_none() && self.spans[index].parent != missing {
                missing = self.spans[index].parent;
                lines.push(Line {
                    text: "(parent not received)".to_owned(),
                    times: None,
                });
            }
            self.span_lines(index, times, &prefix, &below, options, &mut lines);
            let children = self.folded(index, options);
            let last = children.len().saturating_sub(1);
            for (at, (child, times)) in children.into_iter().enumerate().rev() {
                let (branch, trunk) = if at == last {
                    ("└─ ", "   ")
                } else {
                    ("├─ ", "│  ")
                };
                stack.push((
                    child,
                    times,
                    format!("{below}{branch}"),
                    format!("{below}{trunk}"),
                ));
            }
        }
        lines
    }

    fn span_lines(
        &self,
        index: usize,
        times: usize,
        prefix: &str,
        below: &str,
        options: &TreeOptions,
        lines: &mut Vec<Line>,
    ) {
        let span = self.spans[index];
        let parent = self.parents[index].map(|parent| self.spans[parent]);
        let mut text = format!("{prefix}{}", shown(label(span), NAME));
        if let Some(place) = place(span, times > 1).filter(|_| options.hosts) {
            text.push_str(&format!("  {}", shown(place, NAME)));
        }
        if times > 1 {
            text.push_str(&format!(" ×{times}"));
        }
        if let Some(target) = target(span, parent) {
            text.push_str(&format!(" ▸ {}", shown(target, NAME)));
        }
        text.push_str(&outcome(span, !options.times));
        for key in &options.attributes {
            if let Some(value) = span.attribute(key) {
                text.push_str(&format!("  {key}={}", shown(value, NAME)));
            }
        }
        lines.push(Line {
            text,
            times: Some((span.start_unix_nanos, span.end_unix_nanos, index)),
        });
        let trunk = if self.children[index].is_empty() {
            "   "
        } else {
            "│  "
        };
        if let Some(failure) = failure(span).filter(|_| options.times) {
            lines.push(Line {
                text: format!("{below}{trunk}✗ {failure}"),
                times: None,
            });
        }
        for event in &span.events {
            lines.push(Line {
                text: format!("{below}{trunk}· {}", event_text(event)),
                times: None,
            });
        }
    }

    /// The children, with three or more of the same look that follow each other as one.
    fn folded(&self, index: usize, options: &TreeOptions) -> Vec<(usize, usize)> {
        let plain = |child: usize| {
            let span = self.spans[child];
            (self.children[child].is_empty() && span.events.is_empty() && !span.is_error())
                .then(|| label(span))
        };
        let mut folded: Vec<(usize, usize)> = Vec::new();
        let children = &self.children[index];
        let mut at = 0;
        while at < children.len() {
            let look = plain(children[at]);
            let same = children[at..]
                .iter()
                .take_while(|child| look.is_some() && plain(**child) == look)
                .count();
            let times = if options.fold && same >= 3 { same } else { 1 };
            folded.push((children[at], times));
            at += times;
        }
        folded
    }

    fn draw_times(&self, lines: &[Line], options: &TreeOptions, out: &mut String) {
        const BAR: usize = 24;
        const REST: usize = 10 + BAR + 10;
        let start = self.spans.first().map_or(0, |span| span.start_unix_nanos);
        let end = self
            .spans
            .iter()
            .map(|span| span.end_unix_nanos)
            .max()
            .unwrap_or(start);
        let critical = self.critical_nanos();
        let all: u64 = critical.iter().sum();
        let longest = lines
            .iter()
            .map(|line| line.text.width())
            .max()
            .unwrap_or(0);
        let column = longest.min(options.width - REST);
        for line in lines {
            let Some((from, to, index)) = line.times else {
                out.push_str(&cut(&line.text, options.width));
                out.push('\n');
                continue;
            };
            let text = cut(&line.text, column);
            let space = " ".repeat(column - text.width());
            let mut row = format!(
                "{text}{space}{:>10}  {}",
                duration(to.saturating_sub(from)),
                bar::<BAR>(from, to, start, end)
            );
            let share = critical[index]
                .saturating_mul(100)
                .checked_div(all)
                .unwrap_or(0);
            if share >= 10 {
                row.push_str(&format!("  ◀ {share} %"));
            }
            out.push_str(row.trim_end());
            out.push('\n');
        }
    }
}

/// The status code, and whether it failed; why, if there is no line of its own for that.
fn outcome(span: &SpanData, with_failure: bool) -> String {
    let mut text = status_code(span).map_or_else(String::new, |code| format!("  {code}"));
    if span.is_error() {
        text.push_str("  ✗");
        if let Some(failure) = failure(span).filter(|_| with_failure) {
            text.extend([" ", &failure]);
        }
    }
    if let Some(count) = span.attribute("retry_count") {
        text.push_str(&format!("  retry {}", shown(count, NAME)));
    }
    text
}

fn event_text(event: &EventData) -> String {
    let mut text = shown(&event.name, NAME).to_string();
    for (key, value) in &event.attributes {
        text.push_str(&format!(" {}={}", shown(key, NAME), shown(value, NAME)));
    }
    text
}

/// When in the trace something ran, at least one column wide.
fn bar<const COLUMNS: usize>(from: u64, to: u64, start: u64, end: u64) -> String {
    let all = u128::from(end.saturating_sub(start)).max(1);
    let column = |at: u64| (u128::from(at.saturating_sub(start)) * COLUMNS as u128 / all) as usize;
    let first = column(from).min(COLUMNS - 1);
    let last = column(to).clamp(first + 1, COLUMNS);
    format!(
        "{}{}{}",
        " ".repeat(first),
        "█".repeat(last - first),
        " ".repeat(COLUMNS - last)
    )
}

/// The text in up to `columns`, with an ellipsis at the end if it was cut.
fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut width = 0;
    let fits = |c: &char| {
        width += c.width().unwrap_or(0);
        width < columns
    };
    text.chars().take_while(fits).chain(['…']).collect()
}
