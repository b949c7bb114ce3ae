//! A collector that does as it is told.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Response, Uri};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use hopline_core::{Incoming, SpanBuilder, Tracer};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message as _;
use tokio::sync::oneshot;

/// Nothing here takes longer, unless it is broken.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// How the collector answers one request; with an empty 200 where the script has ended.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Status(u16),
    RetryAfter(u16, String),
    Answer(&'static str, Vec<u8>),
    /// The same with another status.
    Failure(u16, &'static str, Vec<u8>),
    /// The same, said to be packed by gzip.
    Packed(Vec<u8>),
    Redirect(String),
    /// No answer, ever.
    Hang,
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) at: Instant,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// True if it was answered with success.
    pub(crate) taken: bool,
    /// True if that was not an answer of OTLP.
    pub(crate) foreign: bool,
}

impl Received {
    pub(crate) fn decode(&self) -> ExportTraceServiceRequest {
        let body = match self.headers.get("content-encoding") {
            Some(encoding) if encoding == "gzip" => unpacked(&self.body),
            _ => self.body.to_vec(),
        };
        if self.headers["content-type"] == "application/json" {
            serde_json::from_slice(&body).unwrap()
        } else {
            ExportTraceServiceRequest::decode(body.as_slice()).unwrap()
        }
    }

    pub(crate) fn span_names(&self) -> Vec<String> {
        span_names(&self.decode())
    }

    /// How many spans were lost before it, as its scope says.
    pub(crate) fn dropped(&self) -> Option<i64> {
        dropped(&self.decode())
    }
}

pub(crate) fn span_names(request: &ExportTraceServiceRequest) -> Vec<String> {
    let scopes = request
        .resource_spans
        .iter()
        .flat_map(|group| &group.scope_spans);
    let spans = scopes.flat_map(|scope| &scope.spans);
    spans.map(|span| span.name.clone()).collect()
}

pub(crate) fn dropped(request: &ExportTraceServiceRequest) -> Option<i64> {
    let scopes = request
        .resource_spans
        .iter()
        .flat_map(|group| &group.scope_spans);
    let attributes = scopes.flat_map(|scope| &scope.scope.as_ref().unwrap().attributes);
    let found: Vec<i64> = attributes
        .map(|attribute| {
            assert_eq!(attribute.key, "hopline.dropped");
            let value = attribute.value.as_ref().unwrap().value.as_ref().unwrap();
            let Value::IntValue(number) = value else {
                panic!("{value:?}")
            };
            *number
        })
        .collect();
    assert!(found.len() <= 1, "said once in a request: {found:?}");
    found.first().copied()
}

pub(crate) fn packed(plain: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(plain).unwrap();
    packed.finish().unwrap()
}

fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut plain).unwrap();
    plain
}

/// A real OTLP/HTTP receiver, on a thread and a runtime of its own.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<ReceiverState>,
    changed: Condvar,
}

#[derive(Default)]
struct ReceiverState {
    script: VecDeque<Step>,
    /// The answer to requests beyond so many bytes.
    limit: Option<(usize, Step)>,
    received: Vec<Received>,
}

impl Receiver {
    pub(crate) fn start(script: impl IntoIterator<Item = Step>) -> Self {
        Self::on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), script)
    }

    pub(crate) fn on(address: SocketAddr, script: impl IntoIterator<Item = Step>) -> Self {
        let shared = Arc::new(Shared::default());
        shared.state.lock().unwrap().script = script.into_iter().collect();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind(address))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new()
            .fallback(receive)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    result = async { axum::serve(listener, app).await } => result.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Answers requests beyond so many bytes by this, whatever the script is.
    pub(crate) fn limit(&self, bytes: usize, answer: Step) {
        self.shared.state.lock().unwrap().limit = Some((bytes, answer));
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for so many requests, whatever was answered to them.
    pub(crate) fn await_requests(&self, count: usize) -> Vec<Received> {
        self.await_that(&format!("{count} requests"), |received| {
            received.len() >= count
        })
    }

    /// Waits until so many spans are in requests that were taken.
    pub(crate) fn await_spans(&self, count: usize) -> Vec<String> {
        let names = |received: &[Received]| -> Vec<String> {
            received
                .iter()
                .filter(|one| one.taken)
                .flat_map(Received::span_names)
                .collect()
        };
        names(&self.await_that(&format!("{count} spans"), |received| {
            names(received).len() >= count
        }))
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.state.lock().unwrap().received.clone()
    }

    pub(crate) fn await_that(
        &self,
        what: &str,
        enough: impl Fn(&[Received]) -> bool,
    ) -> Vec<Received> {
        let state = self.shared.state.lock().unwrap();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, LONG, |state| !enough(&state.received))
            .unwrap();
        assert!(
            !waited.1.timed_out(),
            "{what} did not come; there are {}",
            waited.0.received.len()
        );
        waited.0.received.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let step = {
        let mut state = shared.state.lock().unwrap();
        let refusal = state
            .limit
            .as_ref()
            .filter(|(limit, _)| body.len() > *limit);
        let step = match refusal.map(|(_, answer)| answer.clone()) {
            Some(answer) => answer,
            None => state.script.pop_front().unwrap_or(Step::Status(200)),
        };
        let taken = matches!(
            step,
            Step::Status(200..300) | Step::Answer(..) | Step::Packed(..)
        );
        let foreign = matches!(step, Step::Answer(kind, _) if kind.starts_with("text/"));
        state.received.push(Received {
            at: Instant::now(),
            uri,
            headers,
            body,
            taken,
            foreign,
        });
        step
    };
    shared.changed.notify_all();
    let response = Response::builder();
    match step {
        Step::Status(status) => response.status(status).body(Body::empty()).unwrap(),
        Step::RetryAfter(status, value) => response
            .status(status)
            .header("retry-after", value)
            .body(Body::empty())
            .unwrap(),
        Step::Answer(content_type, body) => response
            .header("content-type", content_type)
            .body(Body::from(body))
            .unwrap(),
        Step::Failure(status, content_type, body) => response
            .status(status)
            .header("content-type", content_type)
            .body(Body::from(body))
            .unwrap(),
        Step::Packed(body) => response
            .header("content-type", "application/x-protobuf")
            .header("content-encoding", "gzip")
            .body(Body::from(body))
            .unwrap(),
        Step::Redirect(to) => response
            .status(307)
            .header("location", to)
            .body(Body::empty())
            .unwrap(),
        Step::Hang => std::future::pending().await,
    }
}

/// A port on which nobody listens.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
}

/// Answers one request with a head and then bytes without end; the thread returns how many it got rid of.
pub(crate) fn endless_answer() -> (SocketAddr, JoinHandle<u64>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4294967296\r\n\r\n")
            .unwrap();
        let mut written = 0;
        while stream.write_all(&[b'x'; 65_536]).is_ok() {
            written += 65_536;
        }
        written
    });
    (address, thread)
}

/// Answers one request with a 200 that breaks off in its body, and listens no more.
pub(crate) fn broken_answer() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
            .unwrap();
    });
    address
}

/// Answers each of so many requests with a head and then a byte now and then, for ever.
pub(crate) fn dripping_answers(requests: usize) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        for _ in 0..requests {
            let (mut stream, _) = listener.accept().unwrap();
            read_request(&mut stream);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4294967296\r\n\r\n")
                .unwrap();
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    });
    (address, thread)
}

/// Closes so many connections with a part of the request unread, which the peer sees as a reset, and then
/// listens no more.
pub(crate) fn resetting(connections: usize) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        for _ in 0..connections {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 10]).unwrap();
        }
    });
    (address, thread)
}

/// Reads a head and the body its content-length tells.
fn read_request(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).unwrap();
        assert!(count > 0, "the request broke off");
        request.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .unwrap();
        if request.len() >= head.len() + 4 + length.parse::<usize>().unwrap() {
            return;
        }
    }
}

/// Answers one request with "100 Continue" for long; the thread returns whether the other side closed before.
pub(crate) fn endless_continue() -> (SocketAddr, JoinHandle<bool>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
        let one = format!("HTTP/1.1 100 Continue\r\nx: {}\r\n\r\n", "x".repeat(2000));
        let many = one.repeat(100);
        let start = Instant::now();
        // it is work that ends it, for which a busy machine takes its time
        while start.elapsed() < 6 * LONG {
            if stream.write_all(many.as_bytes()).is_err() {
                return true;
            }
        }
        false
    });
    (address, thread)
}

/// Ends a root span of this name with a text of so many bytes.
pub(crate) fn record_large(tracer: &Tracer, name: &str, bytes: usize) {
    let text = "x".repeat(bytes);
    SpanBuilder::new(hopline_core::Name::dynamic(name))
        .tracer(tracer)
        .parent(Incoming::default())
        .attributes(|| [hopline_core::attr("text", &text)])
        .start()
        .end();
}

/// A tracer whose spans may have texts of up to a megabyte.
pub(crate) fn roomy(sink: impl hopline_core::Sink) -> Tracer {
    let limits = hopline_core::Limits {
        value_bytes: 1 << 20,
        trace_bytes: 4 << 20,
        ..hopline_core::Limits::default()
    };
    Tracer::builder()
        .service("orders")
        .limits(limits)
        .sink(sink)
        .build()
}

/// Ends a failed root span of this name.
pub(crate) fn record_failed(tracer: &Tracer, name: &str) {
    let span = SpanBuilder::new(hopline_core::Name::dynamic(name))
        .tracer(tracer)
        .parent(Incoming::default())
        .start();
    span.fail("refused");
    span.end();
}

/// Ends a root span of this name.
pub(crate) fn record(tracer: &Tracer, name: &str) {
    SpanBuilder::new(hopline_core::Name::dynamic(name))
        .tracer(tracer)
        .parent(Incoming::default())
        .start()
        .end();
}

/// Ends root spans named `0`, `1`, … and returns the names.
pub(crate) fn record_many(tracer: &Tracer, count: usize) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    names.iter().for_each(|name| record(tracer, name));
    names
}
