//! Ids in log lines, for every format and under every filter.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};

use hopline_core::{Incoming, Span, SpanBuilder, Tracer, span};
use hopline_tracing::with_ids;
use serde_json::Value;
use tracing::{Event, Subscriber, info, info_span};
use tracing_subscriber::fmt::format::{DefaultFields, Format, Writer};
use tracing_subscriber::fmt::{self, FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, reload};

/// The log lines.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Output {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Output {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn request() -> Span {
    let tracer = Tracer::builder()
        .ids(hopline_core::IdGenerator::Sequence)
        .build();
    SpanBuilder::new("GET /")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start()
}

fn ids(span: &Span) -> (String, String) {
    let context = span.span_context().unwrap();
    (
        context.trace_id().to_string(),
        context.span_id().to_string(),
    )
}

/// Logs outside a trace, in a request, and in a span of it; returns the lines and the ids of both spans.
fn logged<E>(format: E, ansi: bool, log: impl Fn()) -> (String, [(String, String); 2])
where
    E: for<'a> FormatEvent<Registry, DefaultFields> + Send + Sync + 'static,
{
    let output = Output::default();
    let layer = fmt::layer()
        .event_format(with_ids(format))
        .with_ansi(ansi)
        .with_writer(output.clone());
    let subscriber = tracing_subscriber::registry().with(layer);
    let ids = tracing::subscriber::with_default(subscriber, || {
        log();
        let mut request = request();
        let outer = ids(&request);
        let inner = request.in_scope(|| {
            log();
            let mut inner = span("inner");
            let ids = ids(&inner);
            inner.in_scope(&log);
            ids
        });
        [outer, inner]
    });
    (output.text(), ids)
}

type Registry = tracing_subscriber::Registry;

#[test]
fn text_lines_end_with_the_ids_of_the_current_span() {
    let (text, [outer, inner]) = logged(fmt::format().without_time(), false, || {
        info!(answer = 42, "hello");
    });
    let line = " INFO lines: hello answer=42";
    let with = |(trace, span): &(String, String)| format!("{line} trace_id={trace} span_id={span}");
    assert_eq!(
        text.lines().collect::<Vec<_>>(),
        [line, &with(&outer), &with(&inner)]
    );
    assert!(text.ends_with('\n'));
}

#[test]
fn compact_and_pretty_formats_have_the_ids_on_the_first_line() {
    let (compact, [outer, _]) = logged(fmt::format().compact(), false, || info!("hello"));
    let (trace, span) = &outer;
    let ids = format!(" trace_id={trace} span_id={span}");
    assert_eq!(compact.matches(&ids).count(), 1);
    assert_eq!(compact.lines().count(), 3);

    let (pretty, [outer, _]) = logged(fmt::format().pretty(), false, || info!("hello"));
    let (trace, span) = &outer;
    let first = format!("hello trace_id={trace} span_id={span}\n");
    assert_eq!(pretty.matches(&first).count(), 1, "{pretty}");
}

#[test]
fn a_message_of_several_lines_has_the_ids_on_the_first() {
    let (text, [(trace, _), _]) = logged(fmt::format().without_time(), false, || info!("a\nb"));
    assert_eq!(
        text.matches(&format!(": a trace_id={trace}")).count(),
        2,
        "{text}"
    );
}

#[test]
fn coloured_lines_keep_their_colours() {
    let (text, [_, (trace, span)]) = logged(fmt::format().without_time(), true, || info!("hello"));
    let last = text.lines().last().unwrap();
    assert!(
        last.starts_with(&format!("trace_id={trace} span_id={span} ")),
        "{last:?}"
    );
    assert!(last.contains("\u{1b}[32m INFO\u{1b}[0m "), "{last:?}");
}

#[test]
fn json_has_the_ids_as_the_first_keys() {
    for ansi in [false, true] {
        let (text, [outer, inner]) = logged(fmt::format().json(), ansi, || info!("hello"));
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0]["trace_id"], Value::Null);
        for (line, (trace, span)) in [(&lines[1], outer), (&lines[2], inner)] {
            assert_eq!(line["trace_id"], trace.as_str());
            assert_eq!(line["span_id"], span.as_str());
            assert_eq!(line["fields"]["message"], "hello");
        }
        assert!(text.lines().nth(1).unwrap().starts_with("{\"trace_id\":"));
    }
}

#[test]
fn the_names_of_the_keys_can_be_changed() {
    let output = Output::default();
    let format = with_ids(Format::default().json()).keys("dd.trace_id", "dd.span_id");
    let layer = fmt::layer()
        .event_format(format)
        .with_writer(output.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        request().in_scope(|| info!("hello"));
    });
    let line: Value = serde_json::from_str(&output.text()).unwrap();
    assert!(line["dd.trace_id"].is_string() && line["dd.span_id"].is_string());
}

/// A format of another crate, which writes in small pieces.
struct Pieces(&'static [&'static str]);

impl<S, N> FormatEvent<S, N> for Pieces
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        _: &Event<'_>,
    ) -> std::fmt::Result {
        self.0.iter().try_for_each(|piece| writer.write_str(piece))
    }
}

#[test]
fn formats_of_other_crates_have_ids_too() {
    for (pieces, expected) in [
        (&["{", "}", "\n"][..], "{IDS}\n"),
        (&[" ", "{ ", "\"a\":1}\n"], " {IDS, \"a\":1}\n"),
        (&["{\"a\"", ":1}"], "{IDS,\"a\":1}"),
        (&["a", "b\n", "c\n"], "abTEXT\nc\n"),
        (&["no line end"], "no line endTEXT"),
        (&[""], ""),
    ] {
        let (text, [(trace, span), (last_trace, last_span)]) =
            logged(Pieces(pieces), false, || info!("x"));
        let plain: String = pieces.concat();
        let with = |trace: &str, span: &str| {
            let mut line = String::new();
            let json = format!("\"trace_id\":\"{trace}\",\"span_id\":\"{span}\"");
            let in_text = format!(" trace_id={trace} span_id={span}");
            write!(
                line,
                "{}",
                expected.replace("IDS", &json).replace("TEXT", &in_text)
            )
            .unwrap();
            line
        };
        let expected = plain + &with(&trace, &span) + &with(&last_trace, &last_span);
        assert_eq!(text, expected);
    }
}

#[test]
fn lines_have_ids_under_filters_and_reload_and_without_any_span_of_tracing() {
    let output = Output::default();
    let layer = fmt::layer()
        .event_format(with_ids(fmt::format().with_ansi(false)))
        .with_writer(output.clone())
        .with_filter(EnvFilter::new("off,lines=info"));
    let (layer, handle) = reload::Layer::new(layer);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        request().in_scope(|| {
            info!("plain");
            tracing::trace_span!("hidden by the filter").in_scope(|| info!("in a hidden span"));
            handle
                .modify(|layer| *layer.filter_mut() = EnvFilter::new("warn"))
                .unwrap();
            info!("filtered");
            tracing::warn!("reloaded");
            info_span!("span").in_scope(|| tracing::warn!("in a span"));
        });
    });
    let text = output.text();
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(
        text.lines().all(|line| line.contains("trace_id=")),
        "{text}"
    );
}
