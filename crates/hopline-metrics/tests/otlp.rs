//! OTLP requests, decoded with `opentelemetry-proto`.
#![cfg(feature = "otlp")]

use hopline_core::metrics::{Exemplar, Instrument, Meter};
use hopline_core::{Resource, SpanId, TraceId, attr};
use hopline_metrics::Metrics;
use hopline_metrics::otlp::{OtlpReader, Temporality};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point::Value};
use prost::Message;

static REQUESTS: Instrument = Instrument::histogram("http.server.request.duration", "s")
    .buckets(&[0.1, 1.0])
    .description("Requests.");
static CARTS: Instrument = Instrument::counter("shop.carts", "{cart}");
static OPEN: Instrument = Instrument::up_down_counter("shop.carts.open", "{cart}");

fn metrics() -> Metrics {
    Metrics::builder()
        .resource(Resource::new("shop").with("shop.floor", 2))
        .build()
}

fn request(reader: &mut OtlpReader) -> Vec<Metric> {
    let decoded = ExportMetricsServiceRequest::decode(&*reader.request()).unwrap();
    let [resource] = <[_; 1]>::try_from(decoded.resource_metrics).unwrap();
    let attributes = resource.resource.unwrap().attributes;
    assert!(attributes.iter().any(|pair| pair.key == "shop.floor"));
    let [scope] = <[_; 1]>::try_from(resource.scope_metrics).unwrap();
    assert_eq!(scope.scope.unwrap().name, "hopline");
    let mut metrics = scope.metrics;
    metrics.sort_by(|one, other| one.name.cmp(&other.name));
    metrics
}

fn number(metric: &Metric) -> (f64, i32, bool) {
    let Some(Data::Sum(sum)) = &metric.data else {
        panic!("no sum: {metric:?}")
    };
    let Some(Value::AsDouble(value)) = sum.data_points[0].value else {
        panic!("no number: {sum:?}")
    };
    (value, sum.aggregation_temporality, sum.is_monotonic)
}

#[test]
fn another_decoder_reads_the_same_values() {
    let metrics = metrics();
    let exemplar = Exemplar {
        trace_id: TraceId::from_u128(7).unwrap(),
        span_id: SpanId::from_u64(9).unwrap(),
    };
    let route = [
        attr("http.route", "/checkout"),
        attr("http.response.status_code", 201),
    ];
    metrics.record(&REQUESTS, 0.05, &route, None);
    metrics.record(&REQUESTS, 5.0, &route, Some(exemplar));
    metrics.record(&CARTS, 3.0, &[attr("gold", true)], None);
    metrics.record(&OPEN, -2.0, &[], None);
    let read = request(&mut metrics.otlp(Temporality::Cumulative));
    let names: Vec<_> = read
        .iter()
        .map(|metric| (&*metric.name, &*metric.unit))
        .collect();
    assert_eq!(
        names,
        [
            ("http.server.request.duration", "s"),
            ("shop.carts", "{cart}"),
            ("shop.carts.open", "{cart}")
        ]
    );
    let Some(Data::Histogram(histogram)) = &read[0].data else {
        panic!("no histogram")
    };
    let point = &histogram.data_points[0];
    assert_eq!(
        (histogram.aggregation_temporality, point.count, point.sum),
        (2, 2, Some(5.05))
    );
    assert_eq!(
        (&*point.bucket_counts, &*point.explicit_bounds),
        (&[1, 0, 1][..], &[0.1, 1.0][..])
    );
    assert!(point.start_time_unix_nano > 0 && point.start_time_unix_nano <= point.time_unix_nano);
    assert_eq!(point.exemplars[0].trace_id, 7_u128.to_be_bytes());
    assert_eq!(point.exemplars[0].span_id, 9_u64.to_be_bytes());
    let keys: Vec<_> = point.attributes.iter().map(|pair| &*pair.key).collect();
    assert_eq!(keys, ["http.route", "http.response.status_code"]);
    assert_eq!(number(&read[1]), (3.0, 2, true));
    assert_eq!(number(&read[2]), (-2.0, 2, false));
}

#[test]
fn differences_are_of_what_only_grows() {
    let metrics = metrics();
    let mut reader = metrics.otlp(Temporality::Delta);
    for expected in [(3.0, 2.0), (3.0, 4.0)] {
        metrics.record(&CARTS, 3.0, &[], None);
        metrics.record(&OPEN, 2.0, &[], None);
        metrics.record(&REQUESTS, 0.5, &[], None);
        let read = request(&mut reader);
        assert_eq!(number(&read[1]), (expected.0, 1, true));
        assert_eq!(number(&read[2]), (expected.1, 2, false));
        let Some(Data::Histogram(histogram)) = &read[0].data else {
            panic!("no histogram")
        };
        assert_eq!(histogram.aggregation_temporality, 1);
        assert_eq!(
            (histogram.data_points[0].count, histogram.data_points[0].sum),
            (1, Some(0.5))
        );
    }
}

#[test]
fn an_exemplar_is_in_the_interval_of_its_measurement_alone() {
    for (temporality, again) in [(Temporality::Delta, 0), (Temporality::Cumulative, 1)] {
        let metrics = metrics();
        let mut reader = metrics.otlp(temporality);
        let exemplar = Exemplar {
            trace_id: TraceId::from_u128(7).unwrap(),
            span_id: SpanId::from_u64(9).unwrap(),
        };
        metrics.record(&REQUESTS, 0.05, &[], Some(exemplar));
        for expected in [1, again] {
            let read = request(&mut reader);
            let Some(Data::Histogram(histogram)) = &read[0].data else {
                panic!("no histogram")
            };
            assert_eq!(histogram.data_points[0].exemplars.len(), expected);
        }
    }
}
