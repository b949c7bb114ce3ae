//! Answers of gRPC as collectors, proxies and strangers may give them, frame by frame.
#![cfg(feature = "grpc")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response};
use hopline_core::{Resource, Tracer};
use hopline_otlp::{ExportStats, Exporter, Protocol};
use http_body::Frame;
use http_body_util::StreamBody;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message as _;
use tokio::sync::oneshot;
use tonic::service::Routes;
use tonic::transport::Server;

use hopline_test_support::LONG;
use hopline_test_support::otlp::patient;
use hopline_test_support::otlp::{free_address, packed, record, record_large, record_many, roomy};

#[derive(Clone, Default)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    trailers: Vec<(&'static str, String)>,
}

impl Answer {
    fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// A success with this message, framed by the caller.
    fn message(framed: Vec<u8>) -> Self {
        Self::status(200)
            .header("content-type", "application/grpc")
            .body(framed)
            .trailer("grpc-status", "0")
    }

    /// A failure in the headers, without a message.
    fn failure(code: &str, message: &str) -> Self {
        Self::status(200)
            .header("content-type", "application/grpc")
            .header("grpc-status", code)
            .header("grpc-message", message)
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    fn trailer(mut self, name: &'static str, value: &str) -> Self {
        self.trailers.push((name, value.to_owned()));
        self
    }
}

/// A message with its prefix.
fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flag], &length[..], message].concat()
}

fn partial(rejected_spans: i64) -> Vec<u8> {
    let partial = ExportTracePartialSuccess {
        rejected_spans,
        error_message: String::new(),
    };
    let answer = ExportTraceServiceResponse {
        partial_success: Some(partial),
    };
    answer.encode_to_vec()
}

/// A server of HTTP/2 that gives one answer after the other.
struct Collector {
    address: SocketAddr,
    state: Scripted,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Default)]
struct Scripted {
    script: Arc<Mutex<VecDeque<Answer>>>,
    /// The response to messages beyond a number of bytes.
    limit: Arc<Mutex<Option<(usize, Answer)>>>,
    bodies: Arc<Mutex<Vec<usize>>>,
}

impl Collector {
    fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        let state = Scripted::default();
        state.script.lock().unwrap().extend(script);
        let app = Router::new().fallback(answer).with_state(state.clone());
        let address = free_address();
        let (stop, stopped) = oneshot::channel::<()>();
        // bound here: a caller that does not retry finds it listening
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let server = Server::builder().add_routes(Routes::from(app));
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let incoming = tonic::transport::server::TcpIncoming::from(listener);
                tokio::select! {
                    served = server.serve_with_incoming(incoming) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            state,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn exporter(&self) -> Exporter {
        let url = format!("http://{}", self.address);
        patient(&url).protocol(Protocol::Grpc).build().unwrap()
    }

    fn calls(&self) -> usize {
        self.state.bodies.lock().unwrap().len()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

async fn answer(State(state): State<Scripted>, body: Bytes) -> Response<Body> {
    state.bodies.lock().unwrap().push(body.len());
    let limit = state.limit.lock().unwrap().clone();
    let refusal = limit.filter(|(limit, _)| body.len() > *limit);
    let next = || state.script.lock().unwrap().pop_front();
    let answer = match refusal {
        Some((_, answer)) => answer,
        None => next().unwrap_or_else(|| Answer::message(framed(0, b""))),
    };
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    let mut frames = Vec::new();
    if !answer.body.is_empty() {
        frames.push(Ok::<_, Infallible>(Frame::data(Bytes::from(answer.body))));
    }
    if !answer.trailers.is_empty() {
        let named = |(name, value): (&'static str, String)| {
            (
                HeaderName::from_static(name),
                HeaderValue::try_from(value).unwrap(),
            )
        };
        let trailers: HeaderMap = answer.trailers.into_iter().map(named).collect();
        frames.push(Ok(Frame::trailers(trailers)));
    }
    let stream = StreamBody::new(futures_util::stream::iter(frames));
    response.body(Body::new(stream)).unwrap()
}

/// The counts for one span with this response, the number of attempts, and the result of a flush.
fn outcome(answer: Answer) -> (ExportStats, usize, bool) {
    let collector = Collector::start([answer]);
    let exporter = collector.exporter();
    let tracer = Tracer::builder().sink(exporter.clone()).build();
    record_many(&tracer, 3);
    let flushed = tracer.flush(LONG);
    assert!(!flushed.is_err_and(|error| error.is_timeout()));
    (exporter.stats(), collector.calls(), flushed.is_ok())
}

#[test]
fn a_good_answer_that_cannot_be_read_is_no_rejection() {
    let zeros = packed(&vec![0; 100 << 20]);
    assert!(zeros.len() < 1 << 20);
    let gzip = |message: Vec<u8>| Answer::message(message).header("grpc-encoding", "gzip");
    for (what, answer, rejected) in [
        ("plain", Answer::message(framed(0, &partial(2))), 2),
        (
            "packed, though not all of it",
            gzip(framed(0, &partial(2))),
            2,
        ),
        ("packed", gzip(framed(1, &packed(&partial(2)))), 2),
        ("packed but no gzip", gzip(framed(1, b"no gzip")), 0),
        ("a bomb", gzip(framed(1, &zeros)), 0),
        (
            "many members",
            gzip(framed(1, &packed(b"").repeat(150_000))),
            0,
        ),
        ("packed without a name", Answer::message(framed(1, b"x")), 0),
        (
            "packed otherwise",
            Answer::message(framed(1, b"x")).header("grpc-encoding", "zstd"),
            0,
        ),
        ("garbage", Answer::message(framed(0, &[0xff; 100])), 0),
        ("cut off", Answer::message(vec![0, 0]), 0),
        ("nothing", Answer::message(Vec::new()), 0),
        ("a status in the head", Answer::failure("0", ""), 0),
    ] {
        let (stats, calls, flushed) = outcome(answer);
        assert_eq!(
            (stats.sent, stats.rejected),
            (3 - rejected, rejected),
            "{what}"
        );
        assert_eq!((calls, flushed), (1, rejected == 0), "{what}");
        assert_eq!(stats.lost(), rejected, "{what}");
    }
}

#[test]
fn a_success_that_is_not_grpc_is_counted_by_itself_and_named_by_a_check() {
    let page = || {
        Answer::status(200)
            .header("content-type", "text/html")
            .body(b"<html>".to_vec())
    };
    let silent = || {
        let mut answer = Answer::message(framed(0, b""));
        answer.trailers.clear();
        answer
    };
    let long = || Answer::message(vec![0; (4 << 20) + 6]);
    for answer in [page, silent, long] {
        let (stats, calls, flushed) = outcome(answer());
        assert_eq!((stats.unconfirmed, stats.lost(), calls), (3, 3, 1));
        assert!(!flushed);
    }
    let collector = Collector::start([page()]);
    let error = collector
        .exporter()
        .check(Resource::new("orders"))
        .unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("200 OK with text/html, which is not OTLP"),
        "{error}"
    );
}

#[test]
fn statuses_are_read_from_headers_trailers_and_http() {
    for (what, answer, calls) in [
        ("head", Answer::failure("3", "no"), 1),
        ("unknown code", Answer::failure("99", "no"), 1),
        ("no number", Answer::failure("no", "no"), 1),
        // tonic's own reader panics on these
        (
            "details that are not base64",
            Answer::failure("8", "no").header("grpc-status-details-bin", "!"),
            1,
        ),
        (
            "a message that is not UTF-8",
            Answer::failure("3", "%ff%zz"),
            1,
        ),
        ("unavailable", Answer::failure("14", "no"), 2),
        ("401", Answer::status(401), 1),
        ("404", Answer::status(404), 1),
        (
            "a redirect",
            Answer::status(307).header("location", "http://127.0.0.1:9/"),
            1,
        ),
        ("503", Answer::status(503), 2),
        ("429", Answer::status(429), 2),
    ] {
        let (stats, made, _) = outcome(answer);
        assert_eq!(made, calls, "{what}");
        let expected = if calls == 1 { (0, 3) } else { (3, 0) };
        assert_eq!((stats.sent, stats.rejected), expected, "{what}");
    }
    let trailing = Answer {
        trailers: vec![
            ("grpc-status", "16".to_owned()),
            ("grpc-message", "no%20key".to_owned()),
        ],
        ..Answer::message(Vec::new())
    };
    let collector = Collector::start([trailing, Answer::status(403), Answer::status(404)]);
    for remedy in [
        "the collector answered Unauthenticated: no key; are the headers right",
        "403 Forbidden; are the headers right",
        "404 Not Found",
    ] {
        let error = collector
            .exporter()
            .check(Resource::new("orders"))
            .unwrap_err()
            .to_string();
        assert!(error.contains(remedy), "{error}");
    }
}

#[test]
fn a_check_names_the_wrong_port() {
    // HTTP/1 where gRPC is spoken to, and the reverse
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let exporter = patient(&url).protocol(Protocol::Grpc).build().unwrap();
    let error = exporter
        .check(Resource::new("orders"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("is this the port for gRPC (mostly 4317)?"),
        "{error}"
    );
    answering.join().unwrap();
    let collector = Collector::start([]);
    let exporter = patient(&format!("http://{}", collector.address))
        .build()
        .unwrap();
    let error = exporter
        .check(Resource::new("orders"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("is this the port for HTTP (mostly 4318)?"),
        "{error}"
    );
}

#[test]
fn a_request_that_is_too_large_is_halved_for_each_kind_of_refusal() {
    for refusal in [
        Answer::failure(
            "8",
            "grpc: received message larger than max (400000 vs. 100000)",
        ),
        Answer::failure("8", "gRPC message exceeds maximum size 100000: 400000"),
        Answer::failure("8", "Received message larger than max (400000 vs. 100000)"),
        Answer::failure(
            "8",
            "Received message exceeds the maximum configured message size.",
        ),
        Answer::failure(
            "11",
            "Error, decoded message length too large: found 400000 bytes, the limit is: 100000 bytes",
        ),
        Answer::failure("13", "message%20too%20large"),
        Answer::status(413),
    ] {
        let collector = Collector::start([]);
        *collector.state.limit.lock().unwrap() = Some((100_000, refusal));
        let exporter = collector.exporter();
        let tracer = roomy(exporter.clone());
        record_many(&tracer, 19);
        record_large(&tracer, "large", 400_000);
        record_many(&tracer, 20);
        assert!(!tracer.flush(LONG).unwrap_err().is_timeout());
        assert_eq!((exporter.stats().sent, exporter.stats().rejected), (39, 1));
        let before = collector.calls();
        record(&tracer, "after");
        tracer.flush(LONG).unwrap();
        assert_eq!(collector.calls(), before + 1);
    }
}
