//! Sends spans and metrics to receivers that are not of this project, and compares what they received with what was recorded.
//!
//! `receivers PYTHON ROTEL`: an interpreter that has `opentelemetry-proto` and `grpcio`, and rotel's program.
//! `cargo xtask receivers` installs both and calls it.

#![expect(clippy::print_stdout, reason = "a program that answers on stdout")]

mod metrics;
mod process;
mod spans;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use hopline_otlp::{Exporter, ExporterBuilder, Protocol};
use hopline_test_support::ports::free_ports;
use process::Process;

/// Nothing here takes longer, unless it is broken.
const LONG: Duration = Duration::from_secs(30);

/// The ports of the receivers. rotel passes on what it receives to the gRPC port of the Python receiver.
struct Ports {
    http: u16,
    grpc: u16,
    rotel_http: u16,
    rotel_grpc: u16,
}

impl Ports {
    /// The ways to each receiver that both signals take, with their names.
    fn ways(&self) -> [(&'static str, ExporterBuilder); 8] {
        [
            ("Python, http/protobuf", over(self.http)),
            ("Python, http/protobuf, gzip", over(self.http).gzip()),
            ("Python, grpc", over_grpc(self.grpc)),
            ("Python, grpc, gzip", over_grpc(self.grpc).gzip()),
            ("rotel, http/protobuf", over(self.rotel_http)),
            ("rotel, http/protobuf, gzip", over(self.rotel_http).gzip()),
            ("rotel, grpc", over_grpc(self.rotel_grpc)),
            ("rotel, grpc, gzip", over_grpc(self.rotel_grpc).gzip()),
        ]
    }
}

fn main() {
    let mut words = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(python), Some(rotel)) = (words.next(), words.next()) else {
        panic!("receivers PYTHON ROTEL; `cargo xtask receivers` calls it");
    };
    let folder = std::env::temp_dir().join(format!("hopline-receivers-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let (spans, metrics) = (folder.join("spans.jsonl"), folder.join("metrics.hex"));
    let ports = Ports {
        http: free_ports(1),
        grpc: free_ports(1),
        rotel_http: free_ports(1),
        rotel_grpc: free_ports(1),
    };
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/receivers/receiver.py"
    );
    let _python = Process::start(
        Command::new(python)
            .arg(script)
            .args([&spans, &metrics])
            .args([ports.http.to_string(), ports.grpc.to_string()]),
        &[ports.http, ports.grpc],
    );
    let _rotel = Process::start(
        Command::new(rotel)
            .arg("start")
            .args(["--exporter", "otlp", "--otlp-exporter-protocol", "grpc"])
            .arg("--otlp-exporter-endpoint")
            .arg(format!("http://127.0.0.1:{}", ports.grpc))
            .arg("--otlp-http-endpoint")
            .arg(format!("127.0.0.1:{}", ports.rotel_http))
            .arg("--otlp-grpc-endpoint")
            .arg(format!("127.0.0.1:{}", ports.rotel_grpc))
            .args(["--otlp-grpc-max-recv-msg-size-mib", "64"])
            .arg("--pid-file")
            .arg(folder.join("rotel.pid"))
            .arg("--log-file")
            .arg(folder.join("rotel.log"))
            .stdout(Stdio::null()),
        &[ports.rotel_http, ports.rotel_grpc],
    );
    let sent = spans::compare(&ports, spans);
    println!("{sent} spans: each arrived once and equals the recorded one");
    let points = metrics::compare(&ports, metrics);
    println!("{points} data points: each arrived once and equals the measured one");
    fs::remove_dir_all(folder).unwrap();
}

fn over(port: u16) -> ExporterBuilder {
    Exporter::builder().endpoint(format!("http://127.0.0.1:{port}"))
}

fn over_grpc(port: u16) -> ExporterBuilder {
    over(port).protocol(Protocol::Grpc)
}
