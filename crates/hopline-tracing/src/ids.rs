//! Adds the trace id and the span id to log lines.
//!
//! The format writes its line into a buffer of the thread, which the ids then join on the way out. They are formatted
//! once for all lines of a span that follow each other. Writing to that buffer is cheaper than to the layer's own, which
//! pays for the rest: a line of JSON takes no longer with ids than without.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use hopline_core::bridge::{IdsText, current_ids};
use hopline_core::{SpanId, TraceId};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Adds `trace_id` and `span_id` to each line of an event format.
///
/// Wraps any format: full, compact, pretty, JSON, and those of other crates. Reads hopline's current context, so it
/// needs no [`layer`](crate::layer()), works under every filter, and covers events outside any `tracing` span. Adds
/// nothing outside a trace, and allocates nothing.
///
/// | format | result |
/// |---|---|
/// | text | ` trace_id=… span_id=…` at the end of the first line |
/// | text of a layer with ANSI colours | the same in front of the line, since the format keeps its colours only that way; `format().with_ansi(true)` keeps colours and puts the ids at the end |
/// | JSON | the first two keys of the object |
///
/// # Examples
///
/// ```no_run
/// use tracing_subscriber::fmt;
///
/// fmt().json().map_event_format(hopline_tracing::with_ids).init();
/// ```
///
/// `map_event_format` wraps the format that the layer has, which for JSON requires its own format of fields.
pub fn with_ids<E>(format: E) -> WithIds<E> {
    WithIds {
        format,
        pieces: Pieces::new("trace_id", "span_id"),
        shape: AtomicU8::new(UNKNOWN),
    }
}

/// An event format whose lines have ids; [`with_ids`] makes it.
///
/// It implements `FormatEvent` for each format that does, and changes nothing in a line outside a trace.
#[derive(Debug)]
pub struct WithIds<E> {
    /// The format of the application.
    format: E,
    /// The names of the ids, with what surrounds them.
    pieces: Pieces,
    /// Known after the first line, if colours are on.
    shape: AtomicU8,
}

thread_local! {
    /// The buffers of the thread, taken out while they are in use, so a format that logs has some of its own.
    static SPARE: Cell<Option<Box<Buffers>>> = const { Cell::new(None) };
}

/// The size in bytes from which a thread's buffer is freed after use.
const KEPT_BYTES: usize = 64 * 1024;

/// The shape before the first line: no line was seen yet.
const UNKNOWN: u8 = 0;
/// The format writes text for people.
const TEXT: u8 = 1;
/// The format writes an object for each line.
const JSON: u8 = 2;

impl<E> WithIds<E> {
    /// Sets the names of the trace id and the span id. Defaults to `trace_id` and `span_id`.
    ///
    /// ```
    /// use tracing_subscriber::fmt::format;
    ///
    /// let datadog = hopline_tracing::with_ids(format().json()).keys("dd.trace_id", "dd.span_id");
    /// let elastic = hopline_tracing::with_ids(format().json()).keys("trace.id", "span.id");
    /// # let _ = (datadog, elastic);
    /// ```
    #[must_use]
    pub fn keys(mut self, trace_id: &'static str, span_id: &'static str) -> Self {
        self.pieces = Pieces::new(trace_id, span_id);
        self
    }

    /// True if the format writes coloured text. tracing-subscriber gives no way to pass colours through another writer, so
    /// the ids precede such a line.
    fn is_coloured(&self, writer: &Writer<'_>) -> bool {
        writer.has_ansi_escapes() && self.shape.load(Relaxed) == TEXT
    }
}

impl<E: Clone> Clone for WithIds<E> {
    fn clone(&self) -> Self {
        Self {
            format: self.format.clone(),
            pieces: self.pieces.clone(),
            shape: AtomicU8::new(self.shape.load(Relaxed)),
        }
    }
}

impl<S, N, E> FormatEvent<S, N> for WithIds<E>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    E: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(current) = current_ids() else {
            return self.format.format_event(ctx, writer, event);
        };
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        let mut buffers = spare.unwrap_or_default();
        let Buffers { ids, line } = &mut *buffers;
        let result = if self.is_coloured(&writer) {
            let text = ids.text.of(current, &self.pieces.text);
            let written = writer
                .write_str(&text[1..])
                .and_then(|()| writer.write_str(" "));
            written.and_then(|()| self.format.format_event(ctx, writer, event))
        } else {
            let format = &self.format;
            let written = format.format_event(ctx, Writer::new(line), event);
            written.and_then(|()| self.add(ids, current, &line.0, &mut writer))
        };
        line.0.clear();
        if line.0.capacity() > KEPT_BYTES {
            line.0.shrink_to(KEPT_BYTES);
        }
        let _ = SPARE.try_with(|spare| spare.set(Some(buffers)));
        result
    }
}

impl<E> WithIds<E> {
    /// Writes a line with its ids, by the shape that the line itself has: a format may write both.
    fn add(
        &self,
        ids: &mut Ids,
        current: (TraceId, SpanId),
        line: &str,
        out: &mut Writer<'_>,
    ) -> fmt::Result {
        let is_json = line.trim_ascii_start().starts_with('{');
        self.shape.store(if is_json { JSON } else { TEXT }, Relaxed);
        if is_json {
            write_object(line, ids.members.of(current, &self.pieces.members), out)
        } else {
            write_text(line, ids.text.of(current, &self.pieces.text), out)
        }
    }
}

/// The text before and between the ids, and behind them.
#[derive(Clone, Debug)]
struct Pieces {
    /// ` trace_id=`, ` span_id=` and nothing
    text: Arc<[String; 3]>,
    /// `{"trace_id":"`, `","span_id":"` and `",`
    members: Arc<[String; 3]>,
}

impl Pieces {
    fn new(trace_id: &str, span_id: &str) -> Self {
        let text = [
            format!(" {trace_id}="),
            format!(" {span_id}="),
            String::new(),
        ];
        let members = [
            format!("{{\"{trace_id}\":\""),
            format!("\",\"{span_id}\":\""),
            "\",".to_owned(),
        ];
        Self {
            text: Arc::new(text),
            members: Arc::new(members),
        }
    }
}

/// The buffers of a thread.
#[derive(Default)]
struct Buffers {
    ids: Ids,
    line: Line,
}

/// The ids of the last line of text and of the last of JSON.
#[derive(Default)]
struct Ids {
    text: Shown,
    members: Shown,
}

/// Ids between their pieces. The lines of a span follow each other, so mostly the next line has the same.
#[derive(Default)]
struct Shown {
    /// The ids in `shown`.
    of: Option<(TraceId, SpanId)>,
    /// The names in `shown`: two formats of a process may use different ones.
    pieces: Option<Arc<[String; 3]>>,
    shown: String,
}

impl Shown {
    /// The text of these ids.
    #[inline]
    fn of(&mut self, ids: (TraceId, SpanId), pieces: &Arc<[String; 3]>) -> &str {
        let same = |own: &Arc<_>| Arc::ptr_eq(own, pieces);
        if self.of != Some(ids) || !self.pieces.as_ref().is_some_and(same) {
            self.show(ids, pieces);
        }
        &self.shown
    }

    /// Formats other ids, into the text of the last ones.
    fn show(&mut self, ids: (TraceId, SpanId), pieces: &Arc<[String; 3]>) {
        if !self
            .pieces
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, pieces))
        {
            self.pieces = Some(Arc::clone(pieces));
        }
        self.of = Some(ids);
        let digits = IdsText::of(ids);
        let (trace_id, span_id) = digits.as_strs();
        let [before, between, behind] = &**pieces;
        self.shown.clear();
        for piece in [before, trace_id, between, span_id, behind] {
            self.shown.push_str(piece);
        }
    }
}

/// Writes a JSON object with the ids as its first members.
fn write_object(line: &str, ids: &str, out: &mut Writer<'_>) -> fmt::Result {
    // without a search where nothing is before the object
    let members = match line.strip_prefix('{') {
        Some(members) => members,
        None => {
            let (before, members) = line.split_once('{').unwrap_or_default();
            out.write_str(before)?;
            members
        }
    };
    let is_empty = members.trim_ascii_start().starts_with('}');
    out.write_str(&ids[..ids.len() - usize::from(is_empty)])?;
    out.write_str(members)
}

/// Writes text with the ids at the end of its first line: a format such as `pretty` writes several.
///
/// An empty line stays empty.
fn write_text(line: &str, ids: &str, out: &mut Writer<'_>) -> fmt::Result {
    if line.is_empty() {
        return Ok(());
    }
    let (first, rest) = line.split_at(first_end(line));
    out.write_str(first)?;
    out.write_str(ids)?;
    out.write_str(rest)
}

/// The end of the first line.
fn first_end(text: &str) -> usize {
    // nearly every line is one: to find no other newline takes a fraction of looking for the first
    let bytes = text.as_bytes();
    if let [line @ .., b'\n'] = bytes
        && !line
            .iter()
            .fold(false, |found, byte| found | (*byte == b'\n'))
    {
        return line.len();
    }
    text.find('\n').unwrap_or(text.len())
}

/// The buffer for the line that the format writes, before the ids are added. Formats write mostly single characters,
/// which are cheaper here than in a `String`.
#[derive(Default)]
struct Line(String);

impl fmt::Write for Line {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match text.as_bytes() {
            [byte] if byte.is_ascii() => self.0.push(char::from(*byte)),
            _ => self.0.push_str(text),
        }
        Ok(())
    }

    #[inline]
    fn write_char(&mut self, character: char) -> fmt::Result {
        self.0.push(character);
        Ok(())
    }
}
