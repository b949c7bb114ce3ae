//! Spans: each arrives once, and equals the recorded one field by field.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hopline_core::{SpanId, Tracer};
use hopline_otlp::{ExporterBuilder, Protocol};
use hopline_test_support::otlp::{
    assert_attributes, assert_scope, assert_span, expected, plan, record_one, resource,
};
use hopline_test_support::sinks::KeptBatches;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use crate::{LONG, Ports, over};

/// Traces for each way of sending.
const TRACES: usize = 400;

/// Sends traces in each way, and returns the number of spans.
pub(crate) fn compare(ports: &Ports, file: PathBuf) -> usize {
    let mut arrived = Arrived {
        file,
        lines: 0,
        spans: HashMap::new(),
    };
    let json = over(ports.http).protocol(Protocol::HttpJson);
    // not to rotel: it reads a number of 17 digits without its last bit
    let as_json = [
        ("Python, http/json", json.clone()),
        ("Python, http/json, gzip", json.gzip()),
    ];
    let mut sent = 0;
    let mut runner = TestRunner::deterministic();
    for (name, exporter) in ports.ways().into_iter().chain(as_json) {
        sent += run(name, exporter, &mut runner, &mut arrived);
    }
    // a duplicate would have arrived by now, or arrives during this wait
    std::thread::sleep(Duration::from_secs(1));
    arrived.read();
    assert_eq!(
        arrived.spans.len(),
        sent,
        "more spans arrived than were sent"
    );
    sent
}

/// Records, sends, waits and compares. Returns the number of spans.
fn run(
    name: &str,
    exporter: ExporterBuilder,
    runner: &mut TestRunner,
    arrived: &mut Arrived,
) -> usize {
    let exporter = exporter.queue(100_000).build().unwrap();
    let keep = KeptBatches::default();
    let tracer = Tracer::builder()
        .resource(resource())
        .sink(exporter.clone())
        .sink(keep.clone())
        .build();
    for _ in 0..TRACES {
        record_one(&tracer, &plan().new_tree(runner).unwrap().current());
    }
    tracer
        .shutdown(LONG)
        .unwrap_or_else(|error| panic!("{name}: {error}; {exporter:?}"));
    let recorded = expected(&keep.batches());
    let start = Instant::now();
    let missing = |arrived: &Arrived| {
        recorded
            .iter()
            .filter(|span| !arrived.spans.contains_key(&span.span_id))
            .count()
    };
    while missing(arrived) > 0 {
        assert!(
            start.elapsed() < LONG,
            "{name}: {} spans are missing",
            missing(arrived)
        );
        std::thread::sleep(Duration::from_millis(50));
        arrived.read();
    }
    for span in &recorded {
        let (resource, scope, received) = &arrived.spans[&span.span_id];
        assert_scope(scope, span);
        assert_span(received, span);
        let attributes: Vec<_> = span
            .resource
            .iter()
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .collect();
        assert_attributes(resource, &attributes);
    }
    println!("{name}: {} spans", recorded.len());
    recorded.len()
}

/// The output of the receiver, by span.
struct Arrived {
    file: PathBuf,
    lines: usize,
    spans: HashMap<SpanId, (Vec<KeyValue>, InstrumentationScope, Span)>,
}

impl Arrived {
    fn read(&mut self) {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        // the last line may not be whole yet
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        for line in whole.lines().skip(self.lines) {
            self.lines += 1;
            let request: ExportTraceServiceRequest = serde_json::from_str(line).unwrap();
            for group in request.resource_spans {
                let resource = group.resource.unwrap().attributes;
                for scope in group.scope_spans {
                    let named = scope.scope.unwrap();
                    assert!(named.attributes.is_empty());
                    for span in scope.spans {
                        let id: [u8; 8] = span.span_id.as_slice().try_into().unwrap();
                        let id = SpanId::from_bytes(id).unwrap();
                        let known = self
                            .spans
                            .insert(id, (resource.clone(), named.clone(), span));
                        assert!(known.is_none(), "span {id} arrived twice");
                    }
                }
            }
        }
    }
}
