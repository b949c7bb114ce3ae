//! OTLP JSON: encodes finished spans as an `ExportTraceServiceRequest`.
//!
//! The exporter calls it for `http/json`, and the file sink for each line.

use std::fmt::Write as _;
use std::sync::Arc;

use hopline_core::export::SpanView;
use hopline_core::{Batch, InstrumentationScope, Resource};

use crate::any::Any;
use crate::encode::{DROPPED, STATUS_ERROR, kind_number, span_flags};
use crate::slice::{SpanGroup, by_resource, scopes, spans_of};

/// Encodes spans as an OTLP `ExportTraceServiceRequest` in JSON, on one line without a line break.
///
/// Follows OTLP's JSON mapping: ids in hexadecimal, 64-bit integers as text, enumerations as numbers.
///
/// # Examples
///
/// ```
/// # use std::sync::{Arc, Mutex};
/// # use hopline_core::{Batch, Incoming, Sink, SpanBuilder, Tracer};
/// # struct Keep(Arc<Mutex<Vec<Arc<Batch>>>>);
/// # impl Sink for Keep {
/// #     fn accept(&self, batch: &Arc<Batch>) {
/// #         self.0.lock().unwrap().push(Arc::clone(batch));
/// #     }
/// # }
/// # let kept = Arc::default();
/// # let tracer = Tracer::builder().sink(Keep(Arc::clone(&kept))).build();
/// # SpanBuilder::new("GET /orders/{id}").tracer(&tracer).parent(Incoming::default()).start().end();
/// # let batches = kept.lock().unwrap();
/// let line = hopline_otlp::encode_json(&batches);
/// assert_eq!(hopline_otlp::decode_json(&line)?[0].name, "GET /orders/{id}");
/// # Ok::<(), hopline_otlp::DecodeError>(())
/// ```
pub fn encode_json(batches: &[Arc<Batch>]) -> String {
    json(batches, 0)
}

/// The same for parts of batches, with the number of spans lost before them.
pub(crate) fn json<P: SpanGroup>(parts: &[P], lost: u64) -> String {
    let spans: usize = parts.iter().map(SpanGroup::len).sum();
    // once in a request, or a reader that adds the numbers would count it several times
    let mut lost = (lost > 0).then_some(lost);
    let mut json = Json {
        out: String::with_capacity(512 + spans * 768),
        comma: false,
    };
    json.object(|json| {
        json.list("resourceSpans", by_resource(parts), |json, same| {
            resource_spans(json, same, &mut lost)
        });
    });
    json.out
}

fn resource_spans<P: SpanGroup>(json: &mut Json, parts: &[P], lost: &mut Option<u64>) {
    if let Some(first) = parts.first() {
        json.key("resource");
        json.object(|json| resource(json, first.resource()));
    }
    json.list("scopeSpans", scopes(parts), |json, of| {
        json.key("scope");
        json.object(|json| scope(json, of, lost.take()));
        json.list("spans", spans_of(parts, of), |json, view| span(json, &view));
    });
}

fn scope(json: &mut Json, scope: &InstrumentationScope, lost: Option<u64>) {
    json.text("name", scope.name());
    json.text("version", scope.version());
    json.list("attributes", lost, |json, lost| {
        key_value(json, DROPPED, Any::I64(lost.cast_signed()));
    });
}

fn resource(json: &mut Json, resource: &Resource) {
    json.list("attributes", resource.iter(), |json, (key, value)| {
        key_value(json, key, value.into())
    });
}

fn span(json: &mut Json, span: &SpanView<'_>) {
    json.shown("traceId", span.trace_id());
    json.shown("spanId", span.span_id());
    if !span.tracestate().is_empty() {
        json.text("traceState", span.tracestate().as_str());
    }
    if let Some(parent) = span.parent() {
        json.shown("parentSpanId", parent);
    }
    json.number("flags", span_flags(span.flags(), span.parent_is_remote()));
    json.text("name", span.name());
    json.number("kind", kind_number(span.kind()));
    json.shown("startTimeUnixNano", span.start_unix_nanos());
    json.shown("endTimeUnixNano", span.end_unix_nanos());
    json.list("attributes", span.attributes(), |json, (key, value)| {
        key_value(json, key, value.into())
    });
    json.count("droppedAttributesCount", span.dropped_attributes());
    json.list("events", span.events(), |json, event| {
        json.shown("timeUnixNano", event.time_unix_nanos());
        json.text("name", event.name());
        json.list("attributes", event.attributes(), |json, (key, value)| {
            key_value(json, key, value.into())
        });
        json.count("droppedAttributesCount", event.dropped_attributes());
    });
    json.count("droppedEventsCount", span.dropped_events());
    json.list("links", span.links(), |json, link| {
        let to = link.span_context();
        json.shown("traceId", to.trace_id());
        json.shown("spanId", to.span_id());
        if !to.tracestate().is_empty() {
            json.text("traceState", to.tracestate().as_str());
        }
        json.number("flags", span_flags(to.flags(), to.is_remote()));
    });
    json.count("droppedLinksCount", span.dropped_links());
    if span.is_error() {
        json.key("status");
        json.object(|json| {
            if !span.status_message().is_empty() {
                json.text("message", span.status_message());
            }
            json.number("code", STATUS_ERROR);
        });
    }
}

fn key_value(json: &mut Json, key: &str, value: Any<'_>) {
    json.text("key", key);
    json.key("value");
    json.object(|json| any(json, value));
}

fn any(json: &mut Json, value: Any<'_>) {
    match value {
        Any::Str(text) => json.text("stringValue", text),
        Any::Bool(truth) => json.number("boolValue", truth),
        Any::I64(number) => json.shown("intValue", number),
        Any::F64(number) if number.is_finite() => {
            json.number("doubleValue", format_args!("{number:?}"))
        }
        // JSON has no such numbers; these names are of the JSON mapping of Protocol Buffers
        Any::F64(number) if number.is_nan() => json.text("doubleValue", "NaN"),
        Any::F64(number) => json.text(
            "doubleValue",
            if number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            },
        ),
        Any::Array(elements) => {
            json.key("arrayValue");
            json.object(|json| {
                json.key("values");
                json.array(|json| elements.each(|element| json.object(|json| any(json, element))));
            });
        }
    }
}

/// Writes JSON and sets the commas.
struct Json {
    out: String,
    /// True behind a member or element, where the next one needs a comma before it.
    comma: bool,
}

impl Json {
    fn object(&mut self, write: impl FnOnce(&mut Self)) {
        self.nested('{', '}', write);
    }

    fn array(&mut self, write: impl FnOnce(&mut Self)) {
        self.nested('[', ']', write);
    }

    /// A member that is an array of objects; none, if there is nothing in it.
    fn list<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_some() {
            self.key(key);
            self.array(|json| items.for_each(|item| json.object(|json| write(json, item))));
        }
    }

    fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        self.quoted(text);
        self.comma = true;
    }

    /// Text that needs no escapes.
    fn shown(&mut self, key: &str, text: impl std::fmt::Display) {
        self.number(key, format_args!("\"{text}\""));
    }

    fn number(&mut self, key: &str, number: impl std::fmt::Display) {
        self.key(key);
        // writing to a String cannot fail
        let _ = write!(self.out, "{number}");
        self.comma = true;
    }

    fn count(&mut self, key: &str, count: u32) {
        if count > 0 {
            self.number(key, count);
        }
    }

    fn key(&mut self, key: &str) {
        self.separate();
        self.quoted(key);
        self.out.push(':');
        self.comma = false;
    }

    fn nested(&mut self, open: char, close: char, write: impl FnOnce(&mut Self)) {
        self.separate();
        self.out.push(open);
        self.comma = false;
        write(self);
        self.out.push(close);
        self.comma = true;
    }

    fn separate(&mut self) {
        if self.comma {
            self.out.push(',');
        }
    }

    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
            let (plain, tail) = rest.split_at(at);
            self.out.push_str(plain);
            let (special, tail) = tail.split_at(1);
            match special {
                "\n" => self.out.push_str("\\n"),
                "\"" => self.out.push_str("\\\""),
                "\\" => self.out.push_str("\\\\"),
                other => {
                    let _ = write!(self.out, "\\u{:04x}", other.as_bytes()[0]);
                }
            }
            rest = tail;
        }
        self.out.push_str(rest);
        self.out.push('"');
    }
}
