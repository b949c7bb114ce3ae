//! Metrics: each data point arrives once, and equals the one that was sent; the sums equal an independent count.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hopline_core::metrics::{Exemplar, Instrument, Meter};
use hopline_core::{Resource, SpanId, TraceId, attr};
use hopline_metrics::Metrics;
use hopline_metrics::otlp::Temporality;
use hopline_otlp::ExporterBuilder;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use prost::Message as _;

use crate::{LONG, Ports};

static WAITS: Instrument = Instrument::histogram("shop.wait", "s").description("Waits.");
static CARTS: Instrument = Instrument::counter("shop.carts", "{cart}").description("Carts.");
static OPEN: Instrument = Instrument::up_down_counter("shop.carts.open", "{cart}");
static FREE: Instrument = Instrument::gauge("shop.memory.free", "By");

/// Requests of each way of sending.
const ROUNDS: u32 = 4;

/// Sends metrics in each way with either temporality, and returns the number of data points.
pub(crate) fn compare(ports: &Ports, file: PathBuf) -> usize {
    let mut points = 0;
    for (name, exporter) in ports.ways() {
        for temporality in [Temporality::Cumulative, Temporality::Delta] {
            points += run(name, exporter.clone(), temporality, &file);
        }
    }
    points
}

/// Measures and sends in rounds, waits and compares. Returns the number of data points.
fn run(name: &str, exporter: ExporterBuilder, temporality: Temporality, file: &PathBuf) -> usize {
    let service = format!("{name}, {temporality:?}");
    let metrics = Metrics::builder()
        .resource(Resource::new(&service).with("shop.floors", 2))
        .build();
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let (sent, mut reader) = (bodies.clone(), metrics.otlp(temporality));
    let exporter = exporter
        .metrics(Duration::from_millis(50), move |unsent| {
            let body = unsent.unwrap_or_else(|| reader.request());
            sent.lock().unwrap().push(body.clone());
            body
        })
        .unwrap();
    let mut carts = 0.0;
    for round in 0..ROUNDS {
        for number in 0..1_000 {
            measure(&metrics, f64::from(number), number + 1_000 * round);
            carts += f64::from(number % 3);
        }
        let before = exporter.stats().sent;
        let start = Instant::now();
        while exporter.stats().sent == before {
            assert!(
                start.elapsed() < LONG,
                "{service}: no request arrives: {exporter:?}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    exporter
        .shutdown(LONG)
        .unwrap_or_else(|error| panic!("{service}: {error}; {exporter:?}"));
    assert_eq!(exporter.stats().lost(), 0, "{service}");

    let bodies = bodies.lock().unwrap();
    let expected: Vec<String> = sorted(bodies.iter().flat_map(|body| points(body)));
    let received = received(file, &service, expected.len());
    assert_eq!(received.len(), expected.len(), "{service}");
    for (received, expected) in received.iter().zip(&expected) {
        assert_eq!(received, expected, "{service}");
    }
    let total = total(&bodies, temporality);
    assert_eq!(total, (f64::from(ROUNDS) * 1_000.0, carts), "{service}");
    println!("{service}: {} data points", expected.len());
    expected.len()
}

/// One measurement of each instrument, some with an exemplar.
fn measure(metrics: &Metrics, value: f64, number: u32) {
    let exemplar = number.is_multiple_of(7).then(|| Exemplar {
        trace_id: TraceId::from_u128(u128::from(number) + 1).unwrap(),
        span_id: SpanId::from_u64(u64::from(number) + 1).unwrap(),
    });
    let route = format!("/orders/{}", number % 5);
    let attributes = [
        attr("http.route", &*route),
        attr("http.response.status_code", 200 + i64::from(number % 2)),
        attr("shop.gold", number.is_multiple_of(2)),
        attr("shop.rate", 0.1),
    ];
    metrics.record(&WAITS, value / 97.0, &attributes, exemplar);
    metrics.record(&CARTS, f64::from(number % 1_000 % 3), &attributes, None);
    metrics.record(
        &OPEN,
        if number.is_multiple_of(2) { 1.5 } else { -2.0 },
        &attributes[..1],
        None,
    );
    metrics.record(&FREE, value * 1e9 + 0.25, &[], None);
}

/// The number of waits and the sum of carts that the requests add up to.
fn total(bodies: &[Vec<u8>], temporality: Temporality) -> (f64, f64) {
    let (mut waits, mut carts) = (0.0, 0.0);
    for body in bodies {
        if temporality == Temporality::Cumulative {
            (waits, carts) = (0.0, 0.0);
        }
        let request = ExportMetricsServiceRequest::decode(&**body).unwrap();
        for metric in &request.resource_metrics[0].scope_metrics[0].metrics {
            match &metric.data {
                Some(Data::Histogram(data)) => {
                    waits += data
                        .data_points
                        .iter()
                        .map(|point| point.count as f64)
                        .sum::<f64>();
                }
                Some(Data::Sum(data)) if metric.name == "shop.carts" => {
                    for point in &data.data_points {
                        if let Some(Value::AsDouble(value)) = point.value {
                            carts += value;
                        }
                    }
                }
                _ => {}
            }
        }
    }
    (waits, carts)
}

/// The data points of a request, each with all that it is of, as text.
fn points(body: &[u8]) -> Vec<String> {
    let request = ExportMetricsServiceRequest::decode(body).unwrap();
    let mut points = Vec::new();
    for group in request.resource_metrics {
        let resource = group.resource.unwrap().attributes;
        for of_scope in group.scope_metrics {
            let scope = of_scope.scope.unwrap();
            for metric in of_scope.metrics {
                let of = format!(
                    "{resource:?} {} {} {} {} {}",
                    scope.name, scope.version, metric.name, metric.unit, metric.description
                );
                match metric.data.unwrap() {
                    Data::Histogram(data) => {
                        let temporality = data.aggregation_temporality;
                        let shown = data.data_points.iter();
                        points.extend(shown.map(|point| format!("{of} {temporality} {point:?}")));
                    }
                    Data::Sum(data) => {
                        let kind = (data.aggregation_temporality, data.is_monotonic);
                        let shown = data.data_points.iter();
                        points.extend(shown.map(|point| format!("{of} {kind:?} {point:?}")));
                    }
                    Data::Gauge(data) => {
                        let shown = data.data_points.iter();
                        points.extend(shown.map(|point| format!("{of} {point:?}")));
                    }
                    other => panic!("{other:?} was not measured"),
                }
            }
        }
    }
    points
}

fn sorted(points: impl Iterator<Item = String>) -> Vec<String> {
    let mut points: Vec<String> = points.collect();
    points.sort();
    points
}

/// The data points of a service that arrived, once there are as many as were sent. Waits for a moment more, in which a duplicate
/// would arrive.
fn received(file: &PathBuf, service: &str, sent: usize) -> Vec<String> {
    let read = || {
        let text = fs::read_to_string(file).unwrap_or_default();
        // the last line may not be whole yet
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let of_service = format!("{service:?}");
        let all = whole.lines().flat_map(|line| points(&from_hex(line)));
        sorted(all.filter(|point| point.contains(&of_service)))
    };
    let start = Instant::now();
    while read().len() < sent {
        assert!(
            start.elapsed() < LONG,
            "{service}: {} of {sent} points arrived",
            read().len()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    read()
}

fn from_hex(line: &str) -> Vec<u8> {
    let digits = line.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}
