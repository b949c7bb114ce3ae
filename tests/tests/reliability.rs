//! Hostile and unlucky requests, through a real server to a real receiver.

use std::collections::{BTreeSet, HashSet};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{any, get};
use hopline::axum::TraceLayer;
use hopline::core::{Incoming, Limits, propagation::TraceState};
use hopline::otlp::{Exporter, Protocol};
use hopline::{Context, SpanBuilder, Telemetry, Tracer, attr};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use hopline_test_support::LONG;
use hopline_test_support::otlp::{Received, Receiver};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A service under test, its telemetry, and the receiver of its spans.
struct Service {
    address: SocketAddr,
    telemetry: Telemetry,
    receiver: Receiver,
}

impl Service {
    /// Must be called outside the runtime, since the receiver has its own.
    fn start(runtime: &tokio::runtime::Runtime, plan: &str, public: bool) -> Self {
        let receiver = Receiver::start([]);
        let exporter = Exporter::builder()
            .endpoint(receiver.url())
            .protocol(Protocol::HttpJson)
            .queue(1_000_000)
            .queue_bytes(usize::MAX)
            .build()
            .unwrap();
        let telemetry = hopline::builder("edge")
            .override_plan(plan.parse().unwrap())
            .exporter(exporter)
            .shutdown_timeout(LONG)
            .build()
            .unwrap();
        let layer = if public {
            TraceLayer::public()
        } else {
            TraceLayer::new()
        };
        let app = Router::new()
            .route("/", any(sent_headers))
            .route(
                "/items/{id}",
                any(|Path(id): Path<String>| async move { id.len().to_string() }),
            )
            .route("/fails", get(fails))
            .layer(layer.tracer(telemetry.tracer().unwrap().clone()));
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self {
            address,
            telemetry,
            receiver,
        }
    }

    /// Shuts down, and gives what arrived.
    fn finish(self, runtime: &tokio::runtime::Runtime) -> Vec<Received> {
        runtime.block_on(self.telemetry.try_shutdown()).unwrap();
        self.receiver.received()
    }
}

/// The headers that the next service would receive, one per line.
async fn sent_headers() -> String {
    let mut headers = std::collections::BTreeMap::new();
    Context::current().inject(&mut headers);
    let lines = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"));
    lines.collect()
}

async fn fails() -> (StatusCode, &'static str) {
    let error = std::io::Error::other("password=s3cret");
    Context::current().record_error(&error);
    (StatusCode::INTERNAL_SERVER_ERROR, "s3cret")
}

/// A connection for arbitrary bytes.
struct Raw(TcpStream);

impl Raw {
    async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Sends a request with these header lines; gives the status and the body.
    async fn ask(&mut self, line: &str, headers: &[u8]) -> (u16, String) {
        let mut request = format!("{line} HTTP/1.1\r\nhost: edge\r\n").into_bytes();
        request.extend_from_slice(headers);
        request.extend_from_slice(b"\r\n");
        self.0.write_all(&request).await.unwrap();
        let mut answer = Vec::new();
        loop {
            let mut chunk = [0; 65_536];
            let read = self.0.read(&mut chunk).await.unwrap();
            assert!(read > 0, "the connection was closed");
            answer.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8_lossy(&answer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return (status, body.to_owned());
            }
        }
    }
}

/// Held by each test: one of them watches the memory of the process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

fn header<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    body.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn any_trace_headers_are_served_and_valid_headers_are_sent() {
    let _alone = alone();
    let runtime = runtime();
    let service = Service::start(&runtime, "* 100%", false);
    let valid = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let state = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7";
    let bag = "k=v,tenant=%C3%A9;p=1";
    // bytes that a header may hold at all: the rest the server itself refuses
    let byte = prop_oneof![Just(b'\t'), 0x20..0x7f_u8, 0x80..=0xff_u8];
    let noise = prop::collection::vec(byte, 0..40);
    let mut runner = TestRunner::deterministic();
    runtime.block_on(async {
        let mut raw = Raw::connect(service.address).await;
        for round in 0..1500 {
            let mut lines = Vec::new();
            for (name, good) in [
                ("traceparent", valid.as_str()),
                ("TraceState", state),
                ("baggage", bag),
            ] {
                let noise = noise.new_tree(&mut runner).unwrap().current();
                let at = round % (good.len() + 1);
                lines.extend_from_slice(name.as_bytes());
                lines.extend_from_slice(b": ");
                match round % 5 {
                    // cut, spoilt in the middle, replaced, escapes of a terminal, twice
                    0 => lines.extend_from_slice(&good.as_bytes()[..at]),
                    1 => lines
                        .extend([&good.as_bytes()[..at], &noise, &good.as_bytes()[at..]].concat()),
                    2 => lines.extend_from_slice(&noise),
                    3 => lines.extend(
                        [
                            "\u{9b}31m%0d%0aset-cookie:x=1%00".as_bytes(),
                            good.as_bytes(),
                        ]
                        .concat(),
                    ),
                    _ => lines.extend_from_slice(format!("{good}\r\n{name}: {good}").as_bytes()),
                }
                lines.extend_from_slice(b"\r\n");
            }
            let (status, body) = raw.ask("GET /", &lines).await;
            assert_eq!(status, 200, "{}", lines.escape_ascii());
            let parent = header(&body, "traceparent").unwrap();
            let parsed: hopline::core::SpanContext = parent.parse().unwrap();
            assert!(parsed.trace_id().to_string() == TRACE || !parent.contains("00f067aa0ba902b7"));
            assert!(
                body.bytes()
                    .all(|byte| byte == b'\n' || (0x20..0x7f).contains(&byte)),
                "{body}"
            );
            let state = header(&body, "tracestate").unwrap_or_default();
            TraceState::parse([state]).unwrap();
            assert!(body.lines().count() <= 3, "{body}");
        }
    });
    let spans: usize = service
        .finish(&runtime)
        .iter()
        .map(|one| one.span_names().len())
        .sum();
    assert_eq!(spans, 1500);
}

#[test]
fn many_and_long_headers_cost_no_more_than_their_cap() {
    let _alone = alone();
    let runtime = runtime();
    let service = Service::start(&runtime, "* 100%", false);
    let commas = ",".repeat(4000);
    let bad = "%zz,".repeat(1000);
    let member = |number: usize| format!("key{number}={}", "v".repeat(300));
    let many: Vec<String> = (0..80).map(member).collect();
    let long = format!("k={}", "v".repeat(200_000));
    runtime.block_on(async {
        let mut raw = Raw::connect(service.address).await;
        for values in [vec![commas; 50], vec![bad; 50], many, vec![long]] {
            let lines: String = values
                .iter()
                .map(|value| format!("baggage: {value}\r\n"))
                .collect();
            let asked = raw.ask("GET /", lines.as_bytes());
            let (status, body) = tokio::time::timeout(LONG, asked).await.unwrap();
            assert_eq!(status, 200);
            let goes = header(&body, "baggage").unwrap_or_default();
            assert!(goes.len() <= 8192);
            let members: Vec<&str> = goes
                .split(',')
                .filter(|member| !member.is_empty())
                .collect();
            assert!(members.len() <= 64);
            // whole members, unchanged
            assert!(
                members
                    .iter()
                    .all(|member| values.contains(&(*member).to_owned())),
                "{goes}"
            );
        }
    });
    assert_eq!(service.finish(&runtime).len(), 1);
}

#[test]
fn span_names_stay_few_and_memory_stays_flat_for_random_requests() {
    let _alone = alone();
    let runtime = runtime();
    let service = Service::start(&runtime, "* 1%", false);
    let held = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<i64>()
            .unwrap()
    };
    let mut after = Vec::new();
    runtime.block_on(async {
        let mut raw = Raw::connect(service.address).await;
        for number in 0..20_000 {
            let method = if number % 2 == 0 {
                "GET".to_owned()
            } else {
                format!("M{number}")
            };
            let path = if number % 3 == 0 {
                format!("/nowhere/{number}")
            } else {
                format!("/items/{number}")
            };
            let agent = format!("user-agent: agent/{number}\r\nx-forwarded-host: h{number}\r\n");
            raw.ask(&format!("{method} {path}"), agent.as_bytes()).await;
            if number % 5_000 == 4_999 {
                after.push(held());
            }
        }
    });
    let received = service.finish(&runtime);
    let names: BTreeSet<String> = received.iter().flat_map(|one| one.span_names()).collect();
    let expected = ["GET", "GET /items/{id}", "HTTP", "HTTP /items/{id}"];
    assert!(
        names.iter().all(|name| expected.contains(&name.as_str())),
        "{names:?}"
    );
    assert!(names.len() > 1, "{names:?}");
    let more = after[3] - after[0];
    assert!(
        more < 8 << 10,
        "{more} kB more after 15,000 requests: {after:?}"
    );
}

#[test]
fn a_flood_of_forged_flags_and_ids_decides_nothing_at_a_public_edge() {
    let _alone = alone();
    let runtime = runtime();
    let service = Service::start(&runtime, "* 1%", true);
    let forged = format!("traceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n");
    runtime.block_on(async {
        let mut raw = Raw::connect(service.address).await;
        for _ in 0..5_000 {
            let (_, body) = raw.ask("GET /", forged.as_bytes()).await;
            assert!(!body.contains(TRACE), "{body}");
        }
    });
    let received = service.finish(&runtime);
    let requests: Vec<_> = received.iter().map(Received::decode).collect();
    let groups = requests.iter().flat_map(|request| &request.resource_spans);
    let spans: Vec<_> = groups
        .flat_map(|group| &group.scope_spans)
        .flat_map(|scope| &scope.spans)
        .collect();
    // one in a hundred, five standard deviations around it
    assert!((15..=85).contains(&spans.len()), "{}", spans.len());
    let traces: HashSet<_> = spans.iter().map(|span| span.trace_id.clone()).collect();
    assert_eq!(traces.len(), spans.len());
}

#[test]
fn no_secret_is_in_any_exported_byte() {
    let _alone = alone();
    let runtime = runtime();
    let service = Service::start(&runtime, "* 100%", false);
    let headers = "authorization: Bearer s3cret\r\ncookie: session=s3cret\r\nx-api-key: s3cret\r\n\
                   baggage: password=s3cret\r\nreferer: http://u:s3cret@h/?q=s3cret\r\n";
    runtime.block_on(async {
        let mut raw = Raw::connect(service.address).await;
        for line in [
            "GET /?sig=s3cret&X-Amz-Signature=s3cret&X-Amz-Security-Token=s3cret",
            "GET /fails",
            "POST http://user:s3cret@edge/items/1?X-Goog-Signature=s3cret",
        ] {
            raw.ask(line, headers.as_bytes()).await;
        }
    });
    let received = service.finish(&runtime);
    let spans: usize = received.iter().map(|one| one.span_names().len()).sum();
    assert_eq!(spans, 3);
    for request in &received {
        let text = String::from_utf8_lossy(&request.body);
        assert!(!text.contains("s3cret"), "{text}");
    }
}

/// Spans as they arrive, from a tracer with these limits.
fn arrived(
    limits: Limits,
    record: impl FnOnce(&Tracer),
) -> Vec<opentelemetry_proto::tonic::trace::v1::Span> {
    let receiver = Receiver::start([]);
    let exporter = Exporter::builder()
        .endpoint(receiver.url())
        .build()
        .unwrap();
    let tracer = Tracer::builder().limits(limits).sink(exporter).build();
    record(&tracer);
    tracer.shutdown(LONG).unwrap();
    let requests: Vec<_> = receiver.received().iter().map(Received::decode).collect();
    let groups = requests
        .into_iter()
        .flat_map(|request| request.resource_spans);
    groups
        .flat_map(|group| group.scope_spans)
        .flat_map(|scope| scope.spans)
        .collect()
}

#[test]
fn no_span_ends_before_its_start_when_the_clock_jumps() {
    let _alone = alone();
    let now = SystemTime::now();
    let spans = arrived(Limits::default(), |tracer| {
        let hour = Duration::from_secs(3600);
        for (start, end) in [
            (now, now - hour),
            (now + hour, now),
            (now, SystemTime::UNIX_EPOCH),
        ] {
            SpanBuilder::new("jump")
                .start_time(start)
                .tracer(tracer)
                .parent(Incoming::default())
                .start()
                .end_at(end);
        }
        SpanBuilder::new("ahead")
            .start_time(now + hour)
            .tracer(tracer)
            .parent(Incoming::default())
            .start()
            .end();
    });
    assert_eq!(spans.len(), 4);
    for span in spans {
        assert!(span.start_time_unix_nano > 0);
        assert!(
            span.end_time_unix_nano >= span.start_time_unix_nano,
            "{span:?}"
        );
    }
}

#[test]
fn ids_of_many_threads_do_not_repeat_and_end_in_random_bits() {
    let _alone = alone();
    const THREADS: usize = 8;
    const EACH: usize = 125_000;
    let ids: Vec<(u128, u64)> = std::thread::scope(|scope| {
        let draw = || {
            // a tracer for each, as processes have
            let tracer = Tracer::builder().plan("* 0%".parse().unwrap()).build();
            let one = || {
                let span = SpanBuilder::new("id")
                    .tracer(&tracer)
                    .parent(Incoming::default())
                    .start();
                let context = span.span_context().unwrap();
                assert!(context.flags().is_random());
                let span_id = u64::from_be_bytes(context.span_id().to_bytes());
                (context.trace_id().to_u128(), span_id)
            };
            (0..EACH).map(|_| one()).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(draw)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    let traces: HashSet<u128> = ids.iter().map(|id| id.0).collect();
    let spans: HashSet<u64> = ids.iter().map(|id| id.1).collect();
    assert_eq!(
        (traces.len(), spans.len()),
        (THREADS * EACH, THREADS * EACH)
    );
    assert!(!traces.contains(&0) && !spans.contains(&0));
    // each of the 56 bits to the right is set in half of the ids, six standard deviations around it
    for bit in 0..56 {
        let set = ids.iter().filter(|id| id.0 >> bit & 1 == 1).count();
        assert!(
            set.abs_diff(ids.len() / 2) < 3_000,
            "bit {bit} is set in {set}"
        );
    }
}

#[test]
fn limits_cut_and_count_and_split_no_character() {
    let _alone = alone();
    let limits = Limits {
        trace_bytes: 64 << 20,
        ..Limits::default()
    };
    let text = "é€😀".repeat(120_000);
    assert!(text.len() > 1 << 20);
    let spans = arrived(limits, |tracer| {
        let span = SpanBuilder::new("much")
            .tracer(tracer)
            .parent(Incoming::default())
            .attributes(|| [attr("text", &text)])
            .start();
        for number in 0..100_000 {
            span.event("event", || []);
            if number < 500 {
                span.set(&format!("key{number}"), number);
            }
        }
        span.end();
    });
    let span = &spans[0];
    // decoding has shown that all text is UTF-8
    assert_eq!(
        (span.events.len(), span.dropped_events_count),
        (128, 100_000 - 128)
    );
    assert_eq!(
        (span.attributes.len(), span.dropped_attributes_count),
        // one more with the reason why the trace was kept, which no limit drops
        (129, 500 - 127)
    );
    let Some(opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(cut)) =
        span.attributes[0].value.as_ref().unwrap().value.as_ref()
    else {
        panic!("{span:?}")
    };
    assert!(cut.len() <= 16 << 10 && cut.len() > (16 << 10) - 4);
    assert!(text.starts_with(cut.as_str()));
}
