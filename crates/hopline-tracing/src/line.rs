//! A log line on its way to the writer, into which the ids are put.

use std::fmt::{self, Write};

use hopline_core::{SpanId, TraceId};
use tracing_subscriber::fmt::format::Writer;

/// Passes a line on and adds the ids: after the `{` of a JSON object, else at the end of the first line.
pub(crate) struct Line<'a, 'w> {
    out: &'a mut Writer<'w>,
    keys: [&'static str; 2],
    trace_id: TraceId,
    span_id: SpanId,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Nothing but white space was written.
    Begin,
    /// The ids are written after `{`; whether a comma follows depends on what comes next.
    Object,
    Text,
    Json,
    /// The ids are in a line of text.
    Done,
}

impl<'a, 'w> Line<'a, 'w> {
    pub(crate) fn new(
        out: &'a mut Writer<'w>,
        keys: [&'static str; 2],
        trace_id: TraceId,
        span_id: SpanId,
    ) -> Self {
        Self {
            out,
            keys,
            trace_id,
            span_id,
            state: State::Begin,
        }
    }

    /// Adds the ids to a text that has no line end.
    pub(crate) fn finish(&mut self) -> fmt::Result {
        if self.state == State::Text {
            self.state = State::Done;
            self.ids()?;
        }
        Ok(())
    }

    pub(crate) fn is_json(&self) -> bool {
        matches!(self.state, State::Json | State::Object)
    }

    fn ids(&mut self) -> fmt::Result {
        let [trace_key, span_key] = self.keys;
        let (trace_id, span_id) = (self.trace_id, self.span_id);
        if self.is_json() {
            write!(
                self.out,
                "\"{trace_key}\":\"{trace_id}\",\"{span_key}\":\"{span_id}\""
            )
        } else {
            write!(self.out, " {trace_key}={trace_id} {span_key}={span_id}")
        }
    }
}

impl Write for Line<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut text = text;
        if self.state == State::Begin {
            let begin = text.trim_start();
            if begin.is_empty() {
                return self.out.write_str(text);
            }
            self.state = State::Text;
            if let Some(inside) = begin.strip_prefix('{') {
                self.out.write_str(&text[..text.len() - inside.len()])?;
                self.state = State::Object;
                self.ids()?;
                text = inside;
            }
        }
        if self.state == State::Object {
            let inside = text.trim_start();
            if inside.is_empty() {
                return Ok(());
            }
            self.state = State::Json;
            if !inside.starts_with('}') {
                self.out.write_str(",")?;
            }
        }
        if self.state == State::Text
            && let Some(end) = text.find('\n')
        {
            self.out.write_str(&text[..end])?;
            self.state = State::Done;
            self.ids()?;
            text = &text[end..];
        }
        self.out.write_str(text)
    }
}
