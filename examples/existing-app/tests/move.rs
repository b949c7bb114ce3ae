//! The traces and log lines of the service before and after the move, compared.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use existing_app::{after, before};
use hopline::SpanKind;
use hopline_testing::Spans;
use opentelemetry::trace::Status;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use serde_json::Value;
use tower::ServiceExt as _;
use tracing_subscriber::fmt::MakeWriter;

/// The log lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Lines {
    fn json(&self) -> Vec<Value> {
        let text = self.0.lock().unwrap();
        let lines = text.split(|byte| *byte == b'\n');
        lines
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }
}

/// A span, however it was recorded.
#[derive(Debug, Default)]
struct Seen {
    name: String,
    parent: String,
    kind: String,
    failed: bool,
    attributes: BTreeMap<String, String>,
    events: Vec<(String, BTreeMap<String, String>)>,
}

const REQUESTS: [&str; 4] = ["/health", "/orders/1", "/orders/404", "/orders/502"];

async fn drive(app: Router) {
    for path in REQUESTS {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        axum::body::to_bytes(response.into_body(), 1 << 20)
            .await
            .unwrap();
        // the mail is sent after the answer
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
}

async fn traced_before() -> (Vec<Seen>, Vec<Value>) {
    let (exporter, lines) = (InMemorySpanExporter::default(), Lines::default());
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let guard = tracing::subscriber::set_default(before::subscriber(&provider, lines.clone()));
    drive(before::app()).await;
    drop(guard);
    let spans = exporter.get_finished_spans().unwrap();
    let text = |attributes: &[opentelemetry::KeyValue]| -> BTreeMap<String, String> {
        let pairs = attributes.iter();
        pairs
            .map(|pair| (pair.key.to_string(), pair.value.to_string()))
            .collect()
    };
    let seen = spans.iter().map(|span| Seen {
        name: span.name.to_string(),
        parent: spans
            .iter()
            .find(|parent| parent.span_context.span_id() == span.parent_span_id)
            .map_or(String::new(), |parent| parent.name.to_string()),
        kind: format!("{:?}", span.span_kind),
        failed: matches!(span.status, Status::Error { .. }),
        attributes: text(&span.attributes),
        events: span
            .events
            .iter()
            .map(|event| (event.name.to_string(), text(&event.attributes)))
            .collect(),
    });
    (seen.collect(), lines.json())
}

async fn traced_after() -> (Vec<Seen>, Vec<Value>, Spans) {
    let lines = Lines::default();
    // tracing-opentelemetry records the messages of errors without being asked
    let (tracer, spans) = hopline_testing::tracer_with(|t| t.service("shop").error_messages());
    let guard = tracing::subscriber::set_default(after::subscriber(lines.clone()));
    drive(after::app(tracer)).await;
    drop(guard);
    let all = spans.all();
    let seen = all.iter().map(|span| Seen {
        name: span.name.to_string(),
        parent: all
            .iter()
            .find(|parent| Some(parent.span_id) == span.parent)
            .map_or(String::new(), |parent| parent.name.to_string()),
        kind: format!("{:?}", span.kind),
        failed: span.status != hopline::core::export::StatusData::Unset,
        attributes: span
            .attributes
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect(),
        events: span
            .events
            .iter()
            .map(|event| {
                let pairs = event.attributes.iter();
                let text = pairs.map(|(key, value)| (key.to_string(), value.to_string()));
                (event.name.to_string(), text.collect())
            })
            .collect(),
    });
    (seen.collect(), lines.json(), spans.clone())
}

/// Attributes that hopline records by option only.
fn is_optional(key: &str) -> bool {
    let prefixes = ["code.", "thread."];
    prefixes.iter().any(|prefix| key.starts_with(prefix))
        || ["busy_ns", "idle_ns", "target", "level"].contains(&key)
}

#[tokio::test(flavor = "current_thread")]
async fn what_was_in_the_old_traces_is_in_the_new_ones() {
    let (old, _) = traced_before().await;
    let (new, ..) = traced_after().await;
    assert_eq!(old.iter().filter(|span| span.name == "request").count(), 4);
    let mut left: Vec<&Seen> = new.iter().collect();
    for old in old.iter().filter(|span| span.name != "request") {
        let found = left.iter().position(|new| covers(new, old));
        let found = found.unwrap_or_else(|| panic!("{old:#?}\nis not in\n{left:#?}"));
        left.remove(found);
    }
    // what is left are the requests themselves, which know more than tower-http's spans did
    let mut requests: Vec<&str> = left.iter().map(|span| &*span.name).collect();
    requests.sort_unstable();
    assert_eq!(
        requests,
        [
            "GET /health",
            "GET /orders/{id}",
            "GET /orders/{id}",
            "GET /orders/{id}"
        ]
    );
    assert!(
        left.iter()
            .all(|span| span.kind == format!("{:?}", SpanKind::Server))
    );
}

/// True if the new span is the old one, with all that it held.
fn covers(new: &Seen, old: &Seen) -> bool {
    let parent = new.parent == old.parent
        || (old.parent == "request" && new.parent.starts_with("GET /orders/{id}"));
    let attributes = old
        .attributes
        .iter()
        .filter(|(key, _)| {
            !is_optional(key) && !key.starts_with("exception") && !key.ends_with(".chain")
        })
        .all(|(key, value)| new.attributes.get(key) == Some(value));
    let events = old.events.iter().all(|(name, old)| {
        new.events.iter().any(|(new_name, new)| {
            // an error without a message is an `exception` in both
            new_name == name
                && old
                    .iter()
                    .filter(|(key, _)| {
                        !is_optional(key)
                            && !key.starts_with("exception")
                            && !key.ends_with(".chain")
                    })
                    .all(|(key, value)| new.get(key) == Some(value))
        })
    });
    new.name == old.name
        && parent
        && new.kind == old.kind
        && new.failed == old.failed
        && attributes
        && events
}

#[tokio::test(flavor = "current_thread")]
async fn each_log_line_of_a_request_has_its_trace_id() {
    let (_, old) = traced_before().await;
    let (_, new, spans) = traced_after().await;
    assert!(old.iter().all(|line| line.get("trace_id").is_none()));
    assert!(new.iter().all(|line| line["trace_id"].is_string()));
    let (old, new) = (of_shop(old), of_shop(new));
    let fields = |lines: &[Value]| -> Vec<Value> {
        lines.iter().map(|line| line["fields"].clone()).collect()
    };
    assert_eq!(fields(&old), fields(&new), "the same lines otherwise");
    assert!(new.len() >= 8, "{new:#?}");
    let all = spans.all();
    for line in &new {
        let (trace, span) = (line["trace_id"].as_str(), line["span_id"].as_str());
        let found = all
            .iter()
            .find(|known| Some(&*known.span_id.to_string()) == span);
        let found = found.unwrap_or_else(|| panic!("no span of the line {line}"));
        assert_eq!(Some(&*found.trace_id.to_string()), trace);
        // the line is an event of that very span, too
        let message = line["fields"]["message"].as_str().unwrap_or("exception");
        assert!(
            found.events.iter().any(|event| event.name == message),
            "{line}"
        );
    }
}

/// The lines of the application itself.
fn of_shop(lines: Vec<Value>) -> Vec<Value> {
    let is_of_shop = |line: &Value| line["target"] == "existing_app::shop";
    lines.into_iter().filter(is_of_shop).collect()
}
