//! A collector that does as it is told, and a sink that keeps what it gets.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use hopline_core::{Batch, Incoming, Sink, SpanBuilder, Tracer, no_attrs};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
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
    /// True if it was answered with 200.
    pub(crate) taken: bool,
}

impl Received {
    pub(crate) fn decode(&self) -> ExportTraceServiceRequest {
        if self.headers["content-type"] == "application/json" {
            serde_json::from_slice(&self.body).unwrap()
        } else {
            ExportTraceServiceRequest::decode(self.body.clone()).unwrap()
        }
    }

    pub(crate) fn span_names(&self) -> Vec<String> {
        let groups = self.decode().resource_spans.into_iter();
        let spans = groups
            .flat_map(|group| group.scope_spans)
            .flat_map(|scope| scope.spans);
        spans.map(|span| span.name).collect()
    }
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

    fn await_that(&self, what: &str, enough: impl Fn(&[Received]) -> bool) -> Vec<Received> {
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
        let step = state.script.pop_front().unwrap_or(Step::Status(200));
        let taken = matches!(step, Step::Status(200) | Step::Answer(..));
        state.received.push(Received {
            at: Instant::now(),
            uri,
            headers,
            body,
            taken,
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

/// Reads a head and the body its content-length tells.
fn read_request(stream: &mut TcpStream) {
    use std::io::Read as _;
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

/// A sink that keeps the batches as they are.
#[derive(Clone, Default)]
pub(crate) struct Keep(Arc<Mutex<Vec<Arc<Batch>>>>);

impl Sink for Keep {
    fn accept(&self, batch: &Arc<Batch>) {
        self.0.lock().unwrap().push(Arc::clone(batch));
    }
}

impl Keep {
    pub(crate) fn batches(&self) -> Vec<Arc<Batch>> {
        self.0.lock().unwrap().clone()
    }
}

/// Ends a root span of this name.
pub(crate) fn record(tracer: &Tracer, name: &str) {
    SpanBuilder::new(hopline_core::Name::dynamic(name))
        .start_root(Some(tracer), Incoming::default(), no_attrs)
        .end();
}

/// Ends root spans named `0`, `1`, … and returns the names.
pub(crate) fn record_many(tracer: &Tracer, count: usize) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    names.iter().for_each(|name| record(tracer, name));
    names
}
