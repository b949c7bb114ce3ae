//! Measures the spans per second that a viewer receives over OTLP/HTTP, with its memory at the bound.
//!
//! `cargo xtask bench --view` runs it. Its arguments are the number of seconds, and the spans a second without which it
//! fails; default to 10 seconds and none.
//! Sender and viewer share the machine's cores; the requests are encoded before the clock starts, and a few hundred of
//! them, each with other trace ids, are sent again and again from two connections.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use hopline_view::{ServerOptions, View, ViewLimits};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

const SPANS: u64 = 512;
const SPANS_OF_TRACE: u64 = 8;
const CONNECTIONS: u64 = 2;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args()
        .nth(1)
        .map_or(Ok(10), |seconds| seconds.parse())?;
    let at_least: f64 = std::env::args()
        .nth(2)
        .map_or(Ok(0.0), |spans| spans.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    // the bytes are the bound that is reached
    let view = View::with_limits(ViewLimits::default().traces(usize::MAX));
    let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    let options = ServerOptions::default()
        .page(any)
        .otlp_http(any)
        .without_grpc();
    let server = runtime.block_on(options.start(&view))?;
    let address = server.otlp_http();
    let requests: Vec<Vec<u8>> = (0..400).map(request).collect();
    let bytes = requests[0].len();
    let begun = Instant::now();
    let until = begun + Duration::from_secs(seconds);
    let sent: u64 = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|connection| {
                let mut own: Vec<Vec<u8>> = requests
                    .iter()
                    .skip(connection as usize)
                    .step_by(CONNECTIONS as usize)
                    .cloned()
                    .collect();
                scope.spawn(move || send(address, &mut own, until).unwrap_or(0))
            })
            .collect();
        senders
            .into_iter()
            .map(|sender| sender.join().unwrap_or(0))
            .sum()
    });
    let elapsed = begun.elapsed().as_secs_f64();
    let counts = view.counts();
    let speed = sent as f64 / elapsed;
    println!(
        "{speed:.0} spans/s ({sent} spans in {elapsed:.1} s, {SPANS} in a request of {bytes} bytes, 8 attributes each)"
    );
    println!(
        "received {} held {} in {} traces, {:.1} MiB of 64 MiB; resident {:.0} MiB",
        counts.received.spans,
        counts.spans,
        counts.traces,
        mebi(counts.bytes),
        mebi(resident())
    );
    println!(
        "{:.1} µs of processor time a span, with the sender's",
        processor_seconds() * 1e6 / sent as f64
    );
    for lost in counts.evicted.iter().filter(|lost| lost.traces > 0) {
        println!(
            "let go of by {}: {} traces, {} spans",
            lost.reason, lost.traces, lost.spans
        );
    }
    if speed < at_least {
        return Err(format!("{speed:.0} spans a second are less than {at_least:.0}").into());
    }
    Ok(())
}

fn mebi(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Sends until the time is over; gives the number of spans. The trace ids of each round are new: the first byte differs.
fn send(address: SocketAddr, requests: &mut [Vec<u8>], until: Instant) -> std::io::Result<u64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut answer = [0; 1024];
    let mut sent = 0;
    for round in 0u64.. {
        for body in requests.iter_mut() {
            if Instant::now() >= until {
                return Ok(sent);
            }
            renumber(body, round);
            let head = format!(
                "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes())?;
            stream.write_all(body)?;
            let length = stream.read(&mut answer)?;
            if !answer[..length].starts_with(b"HTTP/1.1 200") {
                return Err(std::io::Error::other("refused"));
            }
            sent += SPANS;
        }
    }
    Ok(sent)
}

/// Each trace id starts with eight bytes of a marker, here the round.
fn renumber(body: &mut [u8], round: u64) {
    let mut at = 0;
    while at + 18 <= body.len() {
        // field 1 of a span, 16 bytes long, with the tag that `request` made
        if body[at] == 0x0a && body[at + 1] == 16 && body[at + 10..at + 12] == MARK {
            body[at + 2..at + 10].copy_from_slice(&round.to_be_bytes());
            at += 18;
        } else {
            at += 1;
        }
    }
}

const MARK: [u8; 2] = [0xab, 0xcd];

fn request(number: u64) -> Vec<u8> {
    let text = |value: String| {
        Some(AnyValue {
            value: Some(any_value::Value::StringValue(value)),
        })
    };
    let pair = |key: &str, value: String| KeyValue {
        key: key.into(),
        value: text(value),
        ..KeyValue::default()
    };
    let spans = (0..SPANS).map(|index| {
        let mut trace_id = vec![0; 16];
        trace_id[8..10].copy_from_slice(&MARK);
        trace_id[10..]
            .copy_from_slice(&(number * SPANS + index / SPANS_OF_TRACE).to_be_bytes()[2..]);
        let in_trace = index % SPANS_OF_TRACE;
        Span {
            trace_id,
            span_id: (in_trace + 1).to_be_bytes().to_vec(),
            parent_span_id: if in_trace == 0 {
                Vec::new()
            } else {
                1u64.to_be_bytes().to_vec()
            },
            name: if in_trace == 0 {
                "POST /orders/{id}"
            } else {
                "db.query"
            }
            .into(),
            kind: if in_trace == 0 { 2 } else { 3 },
            start_time_unix_nano: 1_795_900_000_000_000_000 + index * 1000,
            end_time_unix_nano: 1_795_900_000_000_900_000 + index * 1000,
            attributes: vec![
                pair("http.request.method", "POST".into()),
                pair("http.route", "/orders/{id}".into()),
                pair("url.path", format!("/orders/{}", number * SPANS + index)),
                pair("db.system.name", "postgresql".into()),
                pair(
                    "db.query.text",
                    "SELECT id, item, quantity FROM orders WHERE id = $1".into(),
                ),
                pair("server.address", "orders.internal".into()),
                pair("tenant_id", format!("tenant-{}", index % 50)),
                pair(
                    "user.id",
                    format!(
                        "{:x}",
                        (number * SPANS + index).wrapping_mul(0x9e37_79b9_7f4a_7c15)
                    ),
                ),
            ],
            ..Span::default()
        }
    });
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![pair("service.name", "orders".into())],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans: spans.collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    request.encode_to_vec()
}

/// Processor time of this process so far, where the system gives it.
fn processor_seconds() -> f64 {
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // user and system time are the 12th and 13th field behind the name, which ends with the last parenthesis
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let ticks = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_A_SECOND
}

/// Resident bytes of this process, where the system reports them.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}
