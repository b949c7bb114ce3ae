//! Sends spans to receivers that are not of this project, and compares what they took with what was recorded.
//!
//! `receivers PYTHON ROTEL`: an interpreter that has `opentelemetry-proto` and `grpcio`, and rotel's program.
//! `cargo xtask receivers` installs both and calls it.

#![expect(clippy::print_stdout, reason = "a program that answers on stdout")]

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hopline_core::{SpanId, Tracer};
use hopline_otlp::{Exporter, ExporterBuilder, Protocol};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use hopline_test_support::otlp::{plan, record_one, resource};
use hopline_test_support::sinks::KeptBatches;

/// Traces for each way of sending.
const TRACES: usize = 400;

/// Nothing here takes longer, unless it is broken.
const LONG: Duration = Duration::from_secs(30);

fn main() {
    let mut words = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(python), Some(rotel)) = (words.next(), words.next()) else {
        panic!("receivers PYTHON ROTEL; `cargo xtask receivers` calls it");
    };
    let folder = std::env::temp_dir().join(format!("hopline-receivers-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let file = folder.join("received.jsonl");
    let (http, grpc) = (free_port(), free_port());
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/receivers/receiver.py"
    );
    let _python = Process::start(
        Command::new(python)
            .arg(script)
            .arg(&file)
            .args([http.to_string(), grpc.to_string()]),
        &[http, grpc],
    );
    let (rotel_http, rotel_grpc) = (free_port(), free_port());
    let _rotel = Process::start(
        Command::new(rotel)
            .arg("start")
            .args(["--exporter", "otlp", "--otlp-exporter-protocol", "grpc"])
            .args([
                "--otlp-exporter-endpoint",
                &format!("http://127.0.0.1:{grpc}"),
            ])
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{rotel_http}")])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{rotel_grpc}")])
            .args(["--otlp-grpc-max-recv-msg-size-mib", "64"])
            .arg("--pid-file")
            .arg(folder.join("rotel.pid"))
            .arg("--log-file")
            .arg(folder.join("rotel.log"))
            .stdout(Stdio::null()),
        &[rotel_http, rotel_grpc],
    );
    let mut arrived = Arrived {
        file,
        lines: 0,
        spans: HashMap::new(),
    };
    let json = Protocol::HttpJson;
    let ways = [
        ("Python, http/protobuf", over(http)),
        ("Python, http/protobuf, gzip", over(http).gzip()),
        ("Python, http/json", over(http).protocol(json)),
        ("Python, http/json, gzip", over(http).protocol(json).gzip()),
        ("Python, grpc", over_grpc(grpc)),
        ("Python, grpc, gzip", over_grpc(grpc).gzip()),
        // not http/json: rotel reads a number of 17 digits without its last bit
        ("rotel, http/protobuf", over(rotel_http)),
        ("rotel, http/protobuf, gzip", over(rotel_http).gzip()),
        ("rotel, grpc", over_grpc(rotel_grpc)),
        ("rotel, grpc, gzip", over_grpc(rotel_grpc).gzip()),
    ];
    let mut sent = 0;
    let mut runner = TestRunner::deterministic();
    for (name, exporter) in ways {
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
    fs::remove_dir_all(folder).unwrap();
    println!("{sent} spans: each arrived once and equals the recorded one");
}

fn over(port: u16) -> ExporterBuilder {
    Exporter::builder().endpoint(format!("http://127.0.0.1:{port}"))
}

fn over_grpc(port: u16) -> ExporterBuilder {
    over(port).protocol(Protocol::Grpc)
}

/// Records, sends, waits and compares; gives how many spans that were.
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
    let recorded = hopline_test_support::otlp::expected(&keep.batches());
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
            "{name}: {} spans did not come",
            missing(arrived)
        );
        std::thread::sleep(Duration::from_millis(50));
        arrived.read();
    }
    for span in &recorded {
        let (resource, scope, received) = &arrived.spans[&span.span_id];
        hopline_test_support::otlp::assert_scope(scope, span);
        hopline_test_support::otlp::assert_span(received, span);
        let attributes: Vec<_> = span
            .resource
            .iter()
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .collect();
        hopline_test_support::otlp::assert_attributes(resource, &attributes);
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

/// A child that ends with this program.
struct Process(Child);

impl Process {
    /// Starts it and waits until it listens.
    fn start(command: &mut Command, ports: &[u16]) -> Self {
        let shown = Path::new(command.get_program()).display().to_string();
        let mut process = Self(
            command
                .spawn()
                .unwrap_or_else(|error| panic!("{shown}: {error}")),
        );
        let start = Instant::now();
        for port in ports {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_err() {
                assert!(start.elapsed() < LONG, "{shown} does not listen on {port}");
                let ended = process.0.try_wait().unwrap();
                assert!(ended.is_none(), "{shown} ended: {ended:?}");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        process
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
