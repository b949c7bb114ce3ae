//! OTLP over gRPC, against a real server on loopback that follows a script.
#![cfg(feature = "grpc")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hopline_core::Tracer;
use hopline_otlp::{Exporter, ExporterBuilder, Protocol};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::sync::oneshot;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::{Server, server::TcpIncoming};
use tonic::{Code, Request, Response, Status};

use hopline_test_support::LONG;
use hopline_test_support::otlp::{
    free_address, record, record_large, record_many, roomy, span_names,
};

/// The collector's response to one call; success after the end of the script.
enum Step {
    Fail(Status),
    Partial(i64, String),
    Hang,
}

#[derive(Clone)]
struct Call {
    at: Instant,
    metadata: MetadataMap,
    body: ExportTraceServiceRequest,
}

#[derive(Clone, Default)]
struct Scripted(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    script: VecDeque<Step>,
    calls: Vec<Call>,
}

#[tonic::async_trait]
impl TraceService for Scripted {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let step = {
            let mut state = self.0.0.lock().unwrap();
            let (metadata, _, body) = request.into_parts();
            state.calls.push(Call {
                at: Instant::now(),
                metadata,
                body,
            });
            state.script.pop_front()
        };
        self.0.1.notify_all();
        let partial_success = match step {
            None => None,
            Some(Step::Fail(status)) => return Err(status),
            Some(Step::Hang) => std::future::pending().await,
            Some(Step::Partial(rejected_spans, error_message)) => Some(ExportTracePartialSuccess {
                rejected_spans,
                error_message,
            }),
        };
        Ok(Response::new(ExportTraceServiceResponse {
            partial_success,
        }))
    }
}

/// A server on a thread and a runtime of its own.
struct Collector {
    address: SocketAddr,
    scripted: Scripted,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Collector {
    fn start(script: impl IntoIterator<Item = Step>) -> Self {
        Self::on(free_address(), script)
    }

    fn on(address: SocketAddr, script: impl IntoIterator<Item = Step>) -> Self {
        Self::serve(address, script, 64 << 20)
    }

    /// One that takes no message of more bytes.
    fn limited(bytes: usize) -> Self {
        Self::serve(free_address(), [], bytes)
    }

    fn serve(address: SocketAddr, script: impl IntoIterator<Item = Step>, most: usize) -> Self {
        let scripted = Scripted::default();
        scripted.0.0.lock().unwrap().script.extend(script);
        let service = TraceServiceServer::new(scripted.clone())
            .max_decoding_message_size(most)
            .accept_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Gzip);
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
                let incoming =
                    TcpIncoming::from(tokio::net::TcpListener::from_std(listener).unwrap());
                let server = Server::builder().add_service(service);
                tokio::select! {
                    served = server.serve_with_incoming(incoming) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            scripted,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn exporter(&self) -> ExporterBuilder {
        Exporter::builder()
            .endpoint(format!("http://{}", self.address))
            .protocol(Protocol::Grpc)
            .schedule_delay(Duration::from_secs(3600))
    }

    fn calls(&self) -> Vec<Call> {
        self.scripted.0.0.lock().unwrap().calls.clone()
    }

    fn await_calls(&self, count: usize) {
        let state = self.scripted.0.0.lock().unwrap();
        let missing = |state: &mut State| state.calls.len() < count;
        let waited = self.scripted.0.1.wait_timeout_while(state, LONG, missing);
        assert!(!waited.unwrap().1.timed_out(), "{count} calls did not come");
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

fn traced(exporter: &Exporter) -> Tracer {
    Tracer::builder()
        .service("orders")
        .sink(exporter.clone())
        .build()
}

/// `google.rpc.Status` and what it may hold, as its `.proto` files have them.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

fn with_delay(code: Code, seconds: i64, nanos: i32) -> Status {
    let info = RetryInfo {
        retry_delay: Some(Delay { seconds, nanos }),
    };
    let any = Any {
        type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
        value: info.encode_to_vec(),
    };
    let status = RpcStatus {
        code: code as i32,
        message: "later".to_owned(),
        details: vec![any],
    };
    Status::with_details(code, "later", status.encode_to_vec().into())
}

#[test]
fn each_span_arrives_once_with_headers_packed_or_not() {
    for gzip in [false, true] {
        let collector = Collector::start([]);
        let exporter = collector.exporter().headers([("api-key", "s3cret")]);
        let exporter = if gzip { exporter.gzip() } else { exporter };
        let exporter = exporter.build().unwrap();
        let tracer = traced(&exporter);
        let names = record_many(&tracer, 700);
        tracer.flush(LONG).unwrap();
        let calls = collector.calls();
        let found: Vec<String> = calls
            .iter()
            .flat_map(|call| span_names(&call.body))
            .collect();
        assert_eq!(found, names);
        for call in &calls {
            assert_eq!(call.metadata.get("api-key").unwrap(), "s3cret");
            let packed = call
                .metadata
                .get("grpc-encoding")
                .map(|value| value.to_str().unwrap());
            assert_eq!(packed, gzip.then_some("gzip"));
            let agent = call.metadata.get("user-agent").unwrap().to_str().unwrap();
            assert!(agent.starts_with("hopline-otlp/"), "{agent}");
        }
        assert_eq!((exporter.stats().sent, exporter.stats().lost()), (700, 0));
    }
}

#[test]
fn resource_exhausted_is_final_unless_it_names_a_delay() {
    let collector = Collector::start([Step::Fail(Status::resource_exhausted("quota"))]);
    let exporter = collector.exporter().build().unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "refused");
    assert!(!tracer.flush(LONG).unwrap_err().is_timeout());
    assert_eq!((collector.calls().len(), exporter.stats().rejected), (1, 1));

    let collector = Collector::start([Step::Fail(with_delay(
        Code::ResourceExhausted,
        0,
        600_000_000,
    ))]);
    let exporter = collector.exporter().build().unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "later");
    tracer.flush(LONG).unwrap();
    let calls = collector.calls();
    assert!(calls[1].at - calls[0].at >= Duration::from_millis(600));
    assert_eq!((exporter.stats().sent, exporter.stats().lost()), (1, 0));
}

#[test]
fn unavailable_is_retried_after_its_delay() {
    let collector = Collector::start([Step::Fail(with_delay(Code::Unavailable, 1, 0))]);
    let exporter = collector.exporter().build().unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "later");
    tracer.flush(LONG).unwrap();
    let calls = collector.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].body, calls[1].body);
    assert!(calls[1].at - calls[0].at >= Duration::from_secs(1));
}

#[test]
fn only_retryable_codes_are_retried() {
    let retried = [
        Code::Cancelled,
        Code::DeadlineExceeded,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unavailable,
        Code::DataLoss,
    ];
    let final_ones = [
        Code::Unknown,
        Code::InvalidArgument,
        Code::NotFound,
        Code::AlreadyExists,
        Code::PermissionDenied,
        Code::FailedPrecondition,
        Code::Unimplemented,
        Code::Internal,
        Code::Unauthenticated,
    ];
    for (codes, calls) in [(&retried[..], 2), (&final_ones[..], 1)] {
        for code in codes {
            let collector = Collector::start([Step::Fail(Status::new(*code, "no"))]);
            let exporter = collector.exporter().build().unwrap();
            let tracer = traced(&exporter);
            record(&tracer, "span");
            assert_eq!(tracer.flush(LONG).is_ok(), calls == 2, "{code:?}");
            assert_eq!(collector.calls().len(), calls, "{code:?}");
        }
    }
}

#[test]
fn huge_or_broken_details_fail_one_attempt() {
    let huge = Status::with_details(Code::ResourceExhausted, "x", vec![7; 8 << 20].into());
    let broken = Status::with_details(Code::ResourceExhausted, "x", vec![0xff; 100].into());
    let collector = Collector::start([Step::Fail(huge), Step::Fail(broken)]);
    let exporter = collector
        .exporter()
        .give_up_after(Duration::from_millis(1))
        .build()
        .unwrap();
    let tracer = traced(&exporter);
    for lost in [1, 2] {
        record(&tracer, "lost");
        assert!(!tracer.flush(LONG).unwrap_err().is_timeout());
        assert_eq!(exporter.stats().lost(), lost);
    }
    record(&tracer, "taken");
    tracer.flush(LONG).unwrap();
    assert_eq!(exporter.stats().sent, 1);
}

#[test]
fn partial_success_is_counted_and_not_retried() {
    let collector = Collector::start([
        Step::Partial(2, "too old".to_owned()),
        Step::Partial(0, "slow down".to_owned()),
    ]);
    let exporter = collector.exporter().build().unwrap();
    let tracer = traced(&exporter);
    record_many(&tracer, 5);
    assert!(!tracer.flush(LONG).unwrap_err().is_timeout());
    record(&tracer, "warned");
    tracer.flush(LONG).unwrap();
    assert_eq!((exporter.stats().sent, exporter.stats().rejected), (4, 2));
    assert_eq!(collector.calls().len(), 2);
}

#[test]
fn gzip_answers_are_read() {
    let collector = Collector::start([
        Step::Partial(2, "too old ".repeat(1000)),
        // more than the cap once it is unpacked: by its status the call succeeded
        Step::Partial(0, "x".repeat(5 << 20)),
    ]);
    let exporter = collector.exporter().build().unwrap();
    let tracer = traced(&exporter);
    record_many(&tracer, 5);
    assert!(!tracer.flush(LONG).unwrap_err().is_timeout());
    record(&tracer, "taken");
    tracer.flush(LONG).unwrap();
    let stats = exporter.stats();
    assert_eq!((stats.sent, stats.rejected, stats.unconfirmed), (4, 2, 0));
    exporter
        .check(hopline_core::Resource::new("orders"))
        .unwrap();
    tracer.shutdown(LONG).unwrap();
}

/// A server of tonic with its own limit for messages.
#[test]
fn the_limit_of_a_real_grpc_server_is_found() {
    let collector = Collector::limited(100_000);
    let exporter = collector.exporter().gzip().build().unwrap();
    let tracer = roomy(exporter.clone());
    for _ in 0..30 {
        record_large(&tracer, "large", 50_000);
    }
    tracer.flush(LONG).unwrap();
    assert_eq!((exporter.stats().sent, exporter.stats().lost()), (30, 0));
    let spans = collector
        .calls()
        .iter()
        .map(|call| span_names(&call.body).len())
        .sum::<usize>();
    assert_eq!(spans, 30);
}

#[test]
fn a_hung_collector_delays_no_shutdown_and_a_late_one_receives_all() {
    let collector = Collector::start([Step::Hang, Step::Hang]);
    let exporter = collector
        .exporter()
        .timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    let tracer = traced(&exporter);
    record(&tracer, "span");
    assert!(
        tracer
            .flush(Duration::from_millis(50))
            .unwrap_err()
            .is_timeout()
    );
    collector.await_calls(1);
    let address = collector.address;
    drop(collector);
    record(&tracer, "meanwhile");
    assert!(
        tracer
            .flush(Duration::from_millis(50))
            .unwrap_err()
            .is_timeout()
    );
    let collector = Collector::on(address, []);
    tracer.flush(LONG).unwrap();
    let names: Vec<String> = collector
        .calls()
        .iter()
        .flat_map(|call| span_names(&call.body))
        .collect();
    assert_eq!(names, ["span", "meanwhile"]);

    // and a shutdown does not wait for an absent collector
    drop(collector);
    record(&tracer, "late");
    let start = Instant::now();
    assert!(!tracer.shutdown(LONG).unwrap_err().is_timeout());
    assert!(start.elapsed() < LONG / 2);
    assert_eq!(exporter.stats().abandoned, 1);
}

#[test]
fn a_check_shows_the_reason() {
    let collector = Collector::start([Step::Fail(Status::unauthenticated("who?"))]);
    let exporter = collector.exporter().build().unwrap();
    let resource = || hopline_core::Resource::new("orders");
    let error = exporter.check(resource()).unwrap_err().to_string();
    assert!(error.contains("OTEL_EXPORTER_OTLP_HEADERS"), "{error}");
    exporter.check(resource()).unwrap();
    let calls = collector.calls();
    assert_eq!(span_names(&calls[1].body), ["hopline.check"]);
    assert_eq!(exporter.stats().given, 0);
    let nobody = Exporter::builder()
        .endpoint(format!("http://{}", free_address()))
        .protocol(Protocol::Grpc)
        .build()
        .unwrap();
    let error = nobody.check(resource()).unwrap_err().to_string();
    assert!(error.contains("does a collector listen there?"), "{error}");
}
