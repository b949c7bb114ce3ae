//! The exporter of metrics, against real receivers on loopback.
#![cfg(feature = "http")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use std::time::{Duration, Instant};

use hopline_core::{SpanBuilder, Tracer};
use hopline_otlp::{Exporter, ExporterBuilder, MetricsExporter, MetricsStats, Protocol};
use hopline_test_support::LONG;
use hopline_test_support::otlp::{Received, Receiver, Step, free_address};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::{
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use prost::Message as _;

const SOON: Duration = Duration::from_millis(20);
const NEVER: Duration = Duration::from_secs(3600);

/// A request with one counter of this value.
fn body(value: i64) -> Vec<u8> {
    let point = NumberDataPoint {
        value: Some(number_data_point::Value::AsInt(value)),
        ..NumberDataPoint::default()
    };
    let sum = Sum {
        data_points: vec![point],
        ..Sum::default()
    };
    let counter = Metric {
        name: "shop.orders".to_owned(),
        data: Some(metric::Data::Sum(sum)),
        ..Metric::default()
    };
    let scope = ScopeMetrics {
        metrics: vec![counter],
        ..ScopeMetrics::default()
    };
    let resource_metrics = vec![ResourceMetrics {
        scope_metrics: vec![scope],
        ..ResourceMetrics::default()
    }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

/// The value of that counter.
fn value(request: &ExportMetricsServiceRequest) -> i64 {
    let metric = &request.resource_metrics[0].scope_metrics[0].metrics[0];
    assert_eq!(metric.name, "shop.orders");
    let Some(metric::Data::Sum(sum)) = &metric.data else {
        panic!("{metric:?}")
    };
    match sum.data_points[0].value {
        Some(number_data_point::Value::AsInt(value)) => value,
        other => panic!("{other:?}"),
    }
}

fn value_of(received: &Received) -> i64 {
    value(&ExportMetricsServiceRequest::decode(received.body.clone()).unwrap())
}

/// Totals: 1, 2, … each replaces one that did not arrive.
fn totals() -> impl FnMut(Option<Vec<u8>>) -> Vec<u8> + Send + 'static {
    let mut made = 0;
    move |_| {
        made += 1;
        body(made)
    }
}

/// Differences: each is sent until it arrives.
fn differences() -> impl FnMut(Option<Vec<u8>>) -> Vec<u8> + Send + 'static {
    let mut next = totals();
    move |unsent| unsent.unwrap_or_else(|| next(None))
}

fn to(receiver: &Receiver) -> ExporterBuilder {
    Exporter::builder().endpoint(receiver.url())
}

/// Waits for counts.
fn await_stats(exporter: &MetricsExporter, enough: impl Fn(MetricsStats) -> bool) -> MetricsStats {
    let end = Instant::now() + LONG;
    while !enough(exporter.stats()) {
        assert!(Instant::now() < end, "{exporter:?}");
        std::thread::yield_now();
    }
    exporter.stats()
}

#[test]
fn a_request_arrives_each_interval_and_the_last_at_the_shutdown() {
    let receiver = Receiver::start([]);
    let exporter = to(&receiver)
        .traces_endpoint("http://127.0.0.1:9/traces") // for spans alone
        .headers([("api-key", "secret")])
        .metrics(SOON, totals())
        .unwrap();
    receiver.await_requests(3);
    exporter.shutdown(LONG).unwrap();
    let received = receiver.received();
    let values: Vec<i64> = received.iter().map(value_of).collect();
    let expected: Vec<i64> = (1..=values.len() as i64).collect();
    assert_eq!(values, expected);
    for request in &received {
        assert_eq!(request.uri.path(), "/v1/metrics");
        assert_eq!(request.headers["content-type"], "application/x-protobuf");
        assert_eq!(request.headers["api-key"], "secret");
    }
    let stats = exporter.stats();
    let all = values.len() as u64;
    assert_eq!((stats.requests, stats.sent, stats.lost()), (all, all, 0));
}

#[test]
fn a_shutdown_sends_the_last_request_without_waiting_for_the_interval() {
    let receiver = Receiver::start([]);
    let exporter = to(&receiver)
        .protocol(Protocol::HttpJson)
        .metrics(NEVER, totals())
        .unwrap();
    assert_eq!(exporter.stats().requests, 0);
    exporter.shutdown(LONG).unwrap();
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    assert_eq!(value_of(&received[0]), 1, "protobuf also with http/json");
    assert_eq!(
        received[0].headers["content-type"],
        "application/x-protobuf"
    );
}

#[test]
fn the_last_request_is_sent_when_the_last_handle_is_dropped() {
    let receiver = Receiver::start([]);
    let exporter = to(&receiver).gzip().metrics(NEVER, totals()).unwrap();
    drop(exporter.clone());
    assert!(receiver.received().is_empty());
    drop(exporter);
    let received = receiver.await_requests(1);
    assert_eq!(received[0].headers["content-encoding"], "gzip");
}

#[test]
fn differences_are_sent_until_they_arrive_and_none_is_lost() {
    let away = || Step::Status(503);
    let receiver = Receiver::start([away(), away(), away()]);
    let exporter = to(&receiver).metrics(SOON, differences()).unwrap();
    receiver.await_that("three that are taken", |received| {
        received.iter().filter(|one| one.taken).count() >= 3
    });
    exporter.shutdown(LONG).unwrap();
    let received = receiver.received();
    assert!(received[..3].iter().all(|one| value_of(one) == 1));
    let taken = received.iter().filter(|one| one.taken).map(value_of);
    let taken: Vec<i64> = taken.collect();
    let expected: Vec<i64> = (1..=taken.len() as i64).collect();
    assert_eq!(taken, expected, "each once, in order");
    assert_eq!(exporter.stats().lost(), 0);
}

#[test]
fn totals_that_did_not_arrive_are_replaced_and_counted() {
    let receiver = Receiver::start(vec![Step::Status(503); 3]);
    let exporter = to(&receiver).metrics(SOON, totals()).unwrap();
    receiver.await_that("one that is taken", |received| {
        received.iter().any(|one| one.taken)
    });
    exporter.shutdown(LONG).unwrap();
    let stats = exporter.stats();
    assert!(stats.abandoned >= 1, "{stats:?}");
    assert_eq!(stats.requests, stats.sent + stats.abandoned);
    let received = receiver.received();
    let last = value_of(received.last().unwrap());
    assert_eq!(last as u64, stats.requests);
}

#[test]
fn refusals_are_counted_and_not_repeated() {
    let partial = ExportMetricsServiceResponse {
        partial_success: Some(ExportMetricsPartialSuccess {
            rejected_data_points: 7,
            error_message: "too old".to_owned(),
        }),
    };
    let json = br#"{"partialSuccess":{"rejectedDataPoints":"2"}}"#;
    let receiver = Receiver::start([
        Step::Status(400),
        Step::Answer("application/x-protobuf", partial.encode_to_vec()),
        Step::Answer("application/json", json.to_vec()),
        Step::Answer("text/html", b"<html>".to_vec()),
    ]);
    let exporter = to(&receiver).metrics(SOON, differences()).unwrap();
    let stats = await_stats(&exporter, |stats| stats.unconfirmed == 1);
    assert_eq!((stats.rejected, stats.rejected_points), (1, 9));
    assert!(exporter.shutdown(LONG).is_ok());
    let values = receiver.received();
    let values: Vec<i64> = values.iter().map(value_of).collect();
    let expected: Vec<i64> = (1..=values.len() as i64).collect();
    assert_eq!(values, expected);
}

#[test]
fn a_collector_that_hangs_or_is_away_keeps_no_shutdown_beyond_its_time() {
    let receiver = Receiver::start([Step::Hang]);
    let exporter = to(&receiver).metrics(NEVER, totals()).unwrap();
    let begun = Instant::now();
    let error = exporter.shutdown(Duration::from_millis(300)).unwrap_err();
    assert!(begun.elapsed() < LONG, "{error}");
    let stats = await_stats(&exporter, |stats| stats.lost() == 1);
    assert_eq!((stats.requests, stats.abandoned), (1, 1));

    let away = Exporter::builder().endpoint(format!("http://{}", free_address()));
    let exporter = away.metrics(NEVER, totals()).unwrap();
    assert!(!exporter.shutdown(LONG).unwrap_err().is_timeout());
    assert_eq!(exporter.stats().abandoned, 1);
}

#[test]
fn a_request_that_cannot_be_made_is_left_out_and_the_next_is_sent() {
    let receiver = Receiver::start([]);
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let tracer = Tracer::builder().service("orders").build();
    let request = move |_| {
        assert!(counted.fetch_add(1, Relaxed) > 0, "the first one panics");
        // nothing on this thread is recorded
        let span = SpanBuilder::new("inside").tracer(&tracer).start();
        assert!(!span.is_recording());
        body(5)
    };
    let exporter = to(&receiver).metrics(SOON, request).unwrap();
    assert_eq!(value_of(&receiver.await_requests(1)[0]), 5);
    exporter.shutdown(LONG).unwrap();
    assert_eq!(exporter.stats().requests + 1, calls.load(Relaxed));
}

#[test]
fn variables_for_metrics_win_over_those_for_all_signals() {
    let receiver = Receiver::start([]);
    let url = format!("{}/own/path", receiver.url());
    let lookup = |name: &str| {
        Some(match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => "http://127.0.0.1:9".to_owned(),
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" => url.clone(),
            "OTEL_EXPORTER_OTLP_HEADERS" => "api-key=all".to_owned(),
            "OTEL_EXPORTER_OTLP_METRICS_HEADERS" => "api-key=metrics".to_owned(),
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL" => "http/json".to_owned(),
            "OTEL_METRIC_EXPORT_INTERVAL" => "20".to_owned(),
            _ => return None,
        })
    };
    let exporter = MetricsExporter::from_variables(&lookup, totals()).unwrap();
    assert_eq!(exporter.to_string(), format!("{url} (http/protobuf)"));
    let received = receiver.await_requests(1);
    assert_eq!(received[0].uri.path(), "/own/path");
    assert_eq!(received[0].headers["api-key"], "metrics");
    exporter.shutdown(LONG).unwrap();

    let wrong = |name: &str| {
        (name == "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT").then(|| "collector:4318".to_owned())
    };
    let error = MetricsExporter::from_variables(&wrong, totals()).unwrap_err();
    assert_eq!(
        error.variable(),
        Some("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
    );
}

#[cfg(feature = "grpc")]
mod grpc {
    use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
        MetricsService, MetricsServiceServer,
    };
    use tonic::codec::CompressionEncoding::Gzip;
    use tonic::transport::{Server, server::TcpIncoming};

    use std::sync::Mutex;

    use super::*;

    /// A gRPC receiver that keeps values.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<i64>>>);

    #[tonic::async_trait]
    impl MetricsService for Kept {
        async fn export(
            &self,
            request: tonic::Request<ExportMetricsServiceRequest>,
        ) -> Result<tonic::Response<ExportMetricsServiceResponse>, tonic::Status> {
            self.0.lock().unwrap().push(value(request.get_ref()));
            Ok(tonic::Response::new(ExportMetricsServiceResponse::default()))
        }
    }

    #[test]
    fn requests_arrive_over_grpc() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Kept::default();
        let service = MetricsServiceServer::new(kept.clone()).accept_compressed(Gzip);
        runtime.spawn(
            Server::builder()
                .add_service(service)
                .serve_with_incoming(TcpIncoming::from(listener)),
        );
        let exporter = Exporter::builder()
            .endpoint(format!("http://{address}"))
            .protocol(Protocol::Grpc)
            .gzip()
            .metrics(NEVER, totals())
            .unwrap();
        exporter.shutdown(LONG).unwrap();
        assert_eq!(*kept.0.lock().unwrap(), [1]);
        assert_eq!(exporter.stats().sent, 1);
    }
}
