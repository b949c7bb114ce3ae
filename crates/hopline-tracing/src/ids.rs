//! Adds the trace id and the span id to log lines.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use hopline_core::bridge::current_ids_text;
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
        keys: ["trace_id", "span_id"],
        shape: AtomicU8::new(UNKNOWN),
    }
}

/// An event format whose lines have ids; [`with_ids`] makes it.
///
/// It implements `FormatEvent` for each format that does, and changes nothing in a line outside a trace.
#[derive(Debug)]
pub struct WithIds<E> {
    format: E,
    /// The keys of the trace id and the span id.
    keys: [&'static str; 2],
    /// Known after the first line, if colours are on.
    shape: AtomicU8,
}

thread_local! {
    /// The buffer for the line that the format writes, before the ids are added. It is taken out while it is in use, so a
    /// format that logs has one of its own.
    static SPARE: Cell<String> = const { Cell::new(String::new()) };
}

/// The size in bytes from which a thread's buffer is freed after use.
const KEPT_BYTES: usize = 64 * 1024;

const UNKNOWN: u8 = 0;
const TEXT: u8 = 1;
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
        self.keys = [trace_id, span_id];
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
            keys: self.keys,
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
        let Some(ids) = current_ids_text() else {
            return self.format.format_event(ctx, writer, event);
        };
        let ids = Ids {
            keys: self.keys,
            ids: ids.as_strs(),
        };
        if self.is_coloured(&writer) {
            ids.write_to(&mut writer)?;
            writer.write_str(" ")?;
            return self.format.format_event(ctx, writer, event);
        }
        let mut line = SPARE.try_with(Cell::take).unwrap_or_default();
        let format = &self.format;
        let mut result = format.format_event(ctx, Writer::new(&mut line), event);
        if result.is_ok() {
            let is_json = line.trim_start().starts_with('{');
            self.shape.store(if is_json { JSON } else { TEXT }, Relaxed);
            result = if is_json {
                ids.into_object(&line, &mut writer)
            } else {
                ids.into_text(&line, &mut writer)
            };
        }
        line.clear();
        line.shrink_to(KEPT_BYTES);
        let _ = SPARE.try_with(|spare| spare.set(line));
        result
    }
}

/// The ids of a line, with their keys. They are read once for each line, before the format runs.
struct Ids<'a> {
    keys: [&'static str; 2],
    /// The ids of the trace and the span, as text.
    ids: (&'a str, &'a str),
}

impl Ids<'_> {
    // piece by piece: formatting machinery would take longer than the rest of the work

    /// Writes a JSON object with the ids as its first members. The format wrote `line`, so it is an object.
    fn into_object(self, line: &str, out: &mut Writer<'_>) -> fmt::Result {
        let ([trace_key, span_key], (trace_id, span_id)) = (self.keys, self.ids);
        let (before, members) = line.split_once('{').unwrap_or_default();
        let is_empty = members.trim_start().starts_with('}');
        for piece in [
            before, "{\"", trace_key, "\":\"", trace_id, "\",\"", span_key, "\":\"", span_id,
        ] {
            out.write_str(piece)?;
        }
        out.write_str(if is_empty { "\"" } else { "\"," })?;
        out.write_str(members)
    }

    /// Writes text with the ids at the end of its first line: a format such as `pretty` writes several.
    ///
    /// An empty line stays empty.
    fn into_text(self, line: &str, out: &mut Writer<'_>) -> fmt::Result {
        if line.is_empty() {
            return Ok(());
        }
        let (first, rest) = line.split_at(line.find('\n').unwrap_or(line.len()));
        out.write_str(first)?;
        out.write_str(" ")?;
        self.write_to(out)?;
        out.write_str(rest)
    }

    /// Writes `key=id` twice.
    fn write_to(&self, out: &mut Writer<'_>) -> fmt::Result {
        let ([trace_key, span_key], (trace_id, span_id)) = (self.keys, self.ids);
        for piece in [trace_key, "=", trace_id, " ", span_key, "=", span_id] {
            out.write_str(piece)?;
        }
        Ok(())
    }
}
