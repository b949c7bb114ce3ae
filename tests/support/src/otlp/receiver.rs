//! A collector that answers by a script.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Response, Uri};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message as _;
use tokio::sync::oneshot;

use crate::LONG;

/// The answer to one request. After the script's end every answer is an empty 200.
#[derive(Clone, Debug)]
pub enum Step {
    /// This status and an empty body.
    Status(u16),
    /// This status and `Retry-After`.
    RetryAfter(u16, String),
    /// 200 with a body of this content type.
    Answer(&'static str, Vec<u8>),
    /// Another status with a body of this content type.
    Failure(u16, &'static str, Vec<u8>),
    /// 200 with a body declared as gzip.
    Packed(Vec<u8>),
    /// 307 to this location.
    Redirect(String),
    /// No answer, ever.
    Hang,
}

/// A received request.
#[derive(Clone, Debug)]
pub struct Received {
    /// The time of its receipt.
    pub at: Instant,
    /// Its target.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body as it was sent, compressed or not.
    pub body: Bytes,
    /// True if it was answered with success.
    pub taken: bool,
    /// True if that answer was not OTLP.
    pub foreign: bool,
}

impl Received {
    /// Decompresses and decodes the body.
    ///
    /// # Panics
    ///
    /// If it is no OTLP.
    pub fn decode(&self) -> ExportTraceServiceRequest {
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

    /// The names of its spans.
    pub fn span_names(&self) -> Vec<String> {
        span_names(&self.decode())
    }

    /// The number of spans lost before it, by the attribute of its first scope.
    pub fn dropped(&self) -> Option<i64> {
        dropped(&self.decode())
    }
}

/// The names of a request's spans.
pub fn span_names(request: &ExportTraceServiceRequest) -> Vec<String> {
    let scopes = request
        .resource_spans
        .iter()
        .flat_map(|group| &group.scope_spans);
    let spans = scopes.flat_map(|scope| &scope.spans);
    spans.map(|span| span.name.clone()).collect()
}

/// The number of spans lost before a request, by the attribute of its first scope.
pub fn dropped(request: &ExportTraceServiceRequest) -> Option<i64> {
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
    assert!(found.len() <= 1, "once in a request: {found:?}");
    found.first().copied()
}

/// Compresses by gzip.
pub fn packed(plain: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(plain).unwrap();
    packed.finish().unwrap()
}

fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut plain).unwrap();
    plain
}

/// An OTLP/HTTP receiver on a socket, with its own thread and runtime.
#[derive(Debug)]
pub struct Receiver {
    /// Its socket.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<ReceiverState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct ReceiverState {
    script: VecDeque<Step>,
    /// The answer to requests of more bytes than this.
    limit: Option<(usize, Step)>,
    received: Vec<Received>,
}

impl Receiver {
    /// Starts on a free port with this script.
    pub fn start(script: impl IntoIterator<Item = Step>) -> Self {
        Self::on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), script)
    }

    /// Starts on an address with this script.
    ///
    /// # Panics
    ///
    /// If the address is in use.
    pub fn on(address: SocketAddr, script: impl IntoIterator<Item = Step>) -> Self {
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

    /// Answers requests of more than `bytes` bytes by this step, before the script.
    pub fn limit(&self, bytes: usize, answer: Step) {
        self.shared.state.lock().unwrap().limit = Some((bytes, answer));
    }

    /// Its URL without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for `count` requests, whether they were answered with success or not.
    pub fn await_requests(&self, count: usize) -> Vec<Received> {
        self.await_that(&format!("{count} requests"), |received| {
            received.len() >= count
        })
    }

    /// Waits until `count` spans are in requests answered with success, and returns their names.
    pub fn await_spans(&self, count: usize) -> Vec<String> {
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

    /// The requests received so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.state.lock().unwrap().received.clone()
    }

    /// Waits until this is true of the requests, and returns them; `what` describes it if it does not happen.
    ///
    /// # Panics
    ///
    /// After [`LONG`].
    pub fn await_that(&self, what: &str, enough: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let state = self.shared.state.lock().unwrap();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, LONG, |state| !enough(&state.received))
            .unwrap();
        assert!(
            !waited.1.timed_out(),
            "waited for {what}; there are {} requests",
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
