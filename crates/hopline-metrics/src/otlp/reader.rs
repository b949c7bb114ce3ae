//! Reads the metrics for OTLP, as totals or as differences to the last request.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use hopline_core::export::OwnedValue;
use hopline_core::metrics::InstrumentKind;
use prost::Message;

use crate::attributes::{Attributes, Scalar};
use crate::metrics::Metrics;
use crate::otlp::messages::{
    AnyValue, Array, Data, Exemplar, ExportRequest, Gauge, Histogram, HistogramPoint, KeyValue,
    Metric, NumberPoint, Resource, ResourceMetrics, Scope, ScopeMetrics, Sum, Value,
};
use crate::series::{Reading, Sample};
use crate::snapshot::{Family, Point};

/// Totals since the start of the process, or differences to the last request.
///
/// The values of `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Temporality {
    /// Totals.
    #[default]
    Cumulative,
    /// Differences of counters and histograms. What may fall is a total.
    Delta,
}

/// Makes the bodies of OTLP requests, one for each interval; from [`Metrics::otlp`].
///
/// # Examples
///
/// ```
/// use hopline_metrics::{Metrics, otlp::Temporality};
///
/// let metrics = Metrics::builder().service("orders").build();
/// let mut reader = metrics.otlp(Temporality::Cumulative);
/// let body = reader.request(); // for POST /v1/metrics, application/x-protobuf
/// assert!(!body.is_empty());
/// ```
#[derive(Debug)]
pub struct OtlpReader {
    metrics: Metrics,
    temporality: Temporality,
    /// Values of each series in the last request, by instrument and attributes; empty for totals. Bounded by the series: those
    /// that are no longer collected are removed at each request.
    last: HashMap<String, Reading>,
    /// Time of the last request, at which the next difference begins.
    last_at: SystemTime,
}

/// Numbers of `AggregationTemporality`.
const DELTA: i32 = 1;
const CUMULATIVE: i32 = 2;

impl Metrics {
    /// A reader for one OTLP receiver.
    pub fn otlp(&self, temporality: Temporality) -> OtlpReader {
        OtlpReader {
            metrics: self.clone(),
            temporality,
            last: HashMap::new(),
            last_at: self.started(),
        }
    }
}

impl OtlpReader {
    /// The body of the next request: an `ExportMetricsServiceRequest` in protobuf.
    ///
    /// With [`Temporality::Delta`] each measurement is in one request alone: send it until it arrives.
    pub fn request(&mut self) -> Vec<u8> {
        let (families, now) = (self.metrics.collect(true), SystemTime::now());
        let delta = self.temporality == Temporality::Delta;
        let start = if delta {
            self.last_at
        } else {
            self.metrics.started()
        };
        let times = (unix_nanos(start), unix_nanos(now));
        let mut before = std::mem::take(&mut self.last);
        let metrics = families
            .into_iter()
            .map(|family| self.metric(family, &mut before, times))
            .collect();
        self.last_at = now;
        let request = ExportRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(Resource {
                    attributes: self.metrics.resource().iter().map(resource_pair).collect(),
                }),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(Scope {
                        name: "hopline".to_owned(),
                        version: env!("CARGO_PKG_VERSION").to_owned(),
                    }),
                    metrics,
                }],
            }],
        };
        request.encode_to_vec()
    }

    /// Converts a family. Gauges and up-down counters are totals with either temporality.
    ///
    /// `before` has the values of the last request.
    fn metric(
        &mut self,
        mut family: Family,
        before: &mut HashMap<String, Reading>,
        times: (u64, u64),
    ) -> Metric {
        let falls = matches!(
            family.kind,
            InstrumentKind::UpDownCounter | InstrumentKind::Gauge
        );
        let delta = self.temporality == Temporality::Delta && !falls;
        if delta {
            let name = family.name.clone();
            family
                .points
                .iter_mut()
                .for_each(|point| self.subtract_last(&name, before, point));
        }
        let aggregation_temporality = if delta { DELTA } else { CUMULATIVE };
        let data = match family.kind {
            InstrumentKind::Gauge => Data::Gauge(Gauge {
                data_points: family
                    .points
                    .iter()
                    .map(|point| number(point, times))
                    .collect(),
            }),
            InstrumentKind::Histogram => Data::Histogram(Histogram {
                data_points: family
                    .points
                    .iter()
                    .map(|point| histogram(point, &family.bounds, times))
                    .collect(),
                aggregation_temporality,
            }),
            InstrumentKind::Counter | InstrumentKind::UpDownCounter => Data::Sum(Sum {
                data_points: family
                    .points
                    .iter()
                    .map(|point| number(point, times))
                    .collect(),
                aggregation_temporality,
                is_monotonic: family.kind == InstrumentKind::Counter,
            }),
        };
        Metric {
            name: family.name.into(),
            description: family.help.to_owned(),
            unit: family.unit.to_owned(),
            data: Some(data),
        }
    }

    /// Leaves of a point what the last request did not have.
    fn subtract_last(
        &mut self,
        name: &str,
        before: &mut HashMap<String, Reading>,
        point: &mut Point,
    ) {
        let key = format!("{name} {:?}", point.attributes());
        let last = before.remove(&key);
        self.last.insert(key, point.reading.clone());
        if let Reading::Histogram { exemplars, .. } = &mut point.reading {
            // an older one belongs to an interval that was sent
            exemplars.retain(|(_, sample)| sample.at >= self.last_at);
        }
        match (&mut point.reading, last) {
            (Reading::Sum(now), Some(Reading::Sum(last))) if *now >= last => *now -= last,
            (
                Reading::Histogram { buckets, sum, .. },
                Some(Reading::Histogram {
                    buckets: last,
                    sum: last_sum,
                    ..
                }),
            ) if buckets.iter().zip(&last).all(|(now, last)| now >= last) => {
                buckets
                    .iter_mut()
                    .zip(&last)
                    .for_each(|(now, last)| *now -= last);
                *sum -= last_sum;
            }
            // new, or begun again after it was forgotten
            _ => {}
        }
    }
}

/// Converts a sum or a last value.
fn number(point: &Point, (start_time_unix_nano, time_unix_nano): (u64, u64)) -> NumberPoint {
    let value = match &point.reading {
        Reading::Sum(value) | Reading::Last(value) => Some(*value),
        Reading::Histogram { .. } => None,
    };
    NumberPoint {
        start_time_unix_nano,
        time_unix_nano,
        as_double: value,
        attributes: pairs(point.attributes()),
    }
}

/// Converts a histogram.
fn histogram(
    point: &Point,
    bounds: &[f64],
    (start_time_unix_nano, time_unix_nano): (u64, u64),
) -> HistogramPoint {
    let empty = (&Vec::new(), &0.0, &Vec::new());
    let (buckets, sum, exemplars) = match &point.reading {
        Reading::Histogram {
            buckets,
            sum,
            exemplars,
        } => (buckets, sum, exemplars),
        Reading::Sum(_) | Reading::Last(_) => empty,
    };
    HistogramPoint {
        start_time_unix_nano,
        time_unix_nano,
        count: buckets.iter().sum(),
        sum: Some(*sum),
        bucket_counts: buckets.clone(),
        explicit_bounds: bounds.to_vec(),
        exemplars: exemplars
            .iter()
            .map(|(_, sample)| exemplar(sample))
            .collect(),
        attributes: pairs(point.attributes()),
    }
}

/// Converts an exemplar.
fn exemplar(sample: &Sample) -> Exemplar {
    Exemplar {
        time_unix_nano: unix_nanos(sample.at),
        as_double: Some(sample.value),
        span_id: sample.exemplar.span_id.to_bytes().to_vec(),
        trace_id: sample.exemplar.trace_id.to_bytes().to_vec(),
    }
}

/// Converts the attributes of a series.
fn pairs(attributes: &Attributes) -> Vec<KeyValue> {
    let pair = |(key, value): (&str, &Scalar)| {
        key_value(
            key,
            match value {
                Scalar::Bool(value) => Value::Bool(*value),
                Scalar::I64(value) => Value::I64(*value),
                Scalar::F64(value) => Value::F64(*value),
                Scalar::Text(value) => Value::Text(value.to_string()),
            },
        )
    };
    attributes.iter().map(pair).collect()
}

fn resource_pair((key, value): (&str, &OwnedValue)) -> KeyValue {
    key_value(key, resource_value(value))
}

/// Converts a value of the resource. Its depth is that of the resource, which the application has built.
fn resource_value(value: &OwnedValue) -> Value {
    match value {
        OwnedValue::Bool(value) => Value::Bool(*value),
        OwnedValue::I64(value) => Value::I64(*value),
        OwnedValue::F64(value) => Value::F64(*value),
        OwnedValue::Array(values) => Value::Array(Array {
            values: values
                .iter()
                .map(|value| any(resource_value(value)))
                .collect(),
        }),
        other => Value::Text(other.to_string()),
    }
}

fn key_value(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(any(value)),
    }
}

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

/// Nanoseconds since the Unix epoch; 0 before it.
fn unix_nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hopline_core::attr;
    use hopline_core::metrics::{Instrument, Meter};

    use super::*;

    #[test]
    fn values_of_forgotten_series_are_not_kept() {
        static CARTS: Instrument = Instrument::counter("shop.carts", "{cart}");
        let metrics = Metrics::builder().forget_after(Duration::ZERO).build();
        let mut reader = metrics.otlp(Temporality::Delta);
        for tenant in 0..100 {
            metrics.record(&CARTS, 1.0, &[attr("tenant", tenant)], None);
            reader.request();
            assert!(reader.last.len() <= 2, "{}", reader.last.len());
        }
    }
}
