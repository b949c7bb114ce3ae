//! The messages of `opentelemetry/proto/metrics/v1/metrics.proto` that are sent, with their field numbers.
//! The reader fills them and prost encodes them. Fields that hopline does not send are left out: a receiver reads them as
//! absent.

use prost::{Message, Oneof};

/// `ExportMetricsServiceRequest`: the body of one request.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportRequest {
    /// One, as a process is one resource.
    #[prost(message, repeated, tag = "1")]
    pub(super) resource_metrics: Vec<ResourceMetrics>,
}

/// Metrics of one resource.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ResourceMetrics {
    #[prost(message, optional, tag = "1")]
    pub(super) resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    pub(super) scope_metrics: Vec<ScopeMetrics>,
}

/// The service that is measured, as its attributes.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Resource {
    #[prost(message, repeated, tag = "1")]
    pub(super) attributes: Vec<KeyValue>,
}

/// Metrics of one instrumentation scope; hopline sends them all under its own.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ScopeMetrics {
    #[prost(message, optional, tag = "1")]
    pub(super) scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    pub(super) metrics: Vec<Metric>,
}

/// Name and version of the library that measured.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Scope {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) version: String,
}

/// One instrument with its points.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Metric {
    /// In OpenTelemetry's form, with dots.
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) description: String,
    /// UCUM, empty without one.
    #[prost(string, tag = "3")]
    pub(super) unit: String,
    /// `None` is legal in protobuf and never sent.
    #[prost(oneof = "Data", tags = "5, 7, 9")]
    pub(super) data: Option<Data>,
}

/// Points by the kind of the instrument. Tags 10 and 11, exponential histograms and summaries, are not sent.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Data {
    #[prost(message, tag = "5")]
    Gauge(Gauge),
    #[prost(message, tag = "7")]
    Sum(Sum),
    #[prost(message, tag = "9")]
    Histogram(Histogram),
}

/// Last values. They have no temporality.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Gauge {
    #[prost(message, repeated, tag = "1")]
    pub(super) data_points: Vec<NumberPoint>,
}

/// Counters, and up-down counters.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Sum {
    #[prost(message, repeated, tag = "1")]
    pub(super) data_points: Vec<NumberPoint>,
    /// 1 for differences, 2 for totals since the start; 0 is invalid.
    #[prost(int32, tag = "2")]
    pub(super) aggregation_temporality: i32,
    /// False for an up-down counter, whose value may fall.
    #[prost(bool, tag = "3")]
    pub(super) is_monotonic: bool,
}

/// Buckets with explicit bounds.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Histogram {
    #[prost(message, repeated, tag = "1")]
    pub(super) data_points: Vec<HistogramPoint>,
    /// As of a sum.
    #[prost(int32, tag = "2")]
    pub(super) aggregation_temporality: i32,
}

/// One value of a sum or a gauge.
#[derive(Clone, PartialEq, Message)]
pub(super) struct NumberPoint {
    /// Begin of the period: the start of the process, or the last request for differences. Nanoseconds.
    #[prost(fixed64, tag = "2")]
    pub(super) start_time_unix_nano: u64,
    /// Time of the collection, in nanoseconds.
    #[prost(fixed64, tag = "3")]
    pub(super) time_unix_nano: u64,
    /// Optional in the schema, so 0 is sent and not left out. Whole numbers are sent as doubles too.
    #[prost(double, optional, tag = "4")]
    pub(super) as_double: Option<f64>,
    #[prost(message, repeated, tag = "7")]
    pub(super) attributes: Vec<KeyValue>,
}

/// The buckets of one series.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HistogramPoint {
    #[prost(fixed64, tag = "2")]
    pub(super) start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    pub(super) time_unix_nano: u64,
    /// Sum of `bucket_counts`, as receivers check.
    #[prost(fixed64, tag = "4")]
    pub(super) count: u64,
    /// In the unit of the instrument.
    #[prost(double, optional, tag = "5")]
    pub(super) sum: Option<f64>,
    /// One more than there are bounds; not cumulative.
    #[prost(fixed64, repeated, tag = "6")]
    pub(super) bucket_counts: Vec<u64>,
    /// Inclusive upper bounds, ascending.
    #[prost(double, repeated, tag = "7")]
    pub(super) explicit_bounds: Vec<f64>,
    /// At most one for each bucket.
    #[prost(message, repeated, tag = "8")]
    pub(super) exemplars: Vec<Exemplar>,
    #[prost(message, repeated, tag = "9")]
    pub(super) attributes: Vec<KeyValue>,
}

/// A measurement with the span in which it was made.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Exemplar {
    #[prost(fixed64, tag = "2")]
    pub(super) time_unix_nano: u64,
    #[prost(double, optional, tag = "3")]
    pub(super) as_double: Option<f64>,
    /// 8 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub(super) span_id: Vec<u8>,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub(super) trace_id: Vec<u8>,
}

/// An attribute.
#[derive(Clone, PartialEq, Message)]
pub(super) struct KeyValue {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(message, optional, tag = "2")]
    pub(super) value: Option<AnyValue>,
}

/// A value, or none.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AnyValue {
    #[prost(oneof = "Value", tags = "1, 2, 3, 4, 5")]
    pub(super) value: Option<Value>,
}

/// Types of values. Maps and bytes, tags 6 and 7, are not sent.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Value {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    I64(i64),
    #[prost(double, tag = "4")]
    F64(f64),
    #[prost(message, tag = "5")]
    Array(Array),
}

/// An array; of one type in hopline, though the schema permits a mix.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Array {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<AnyValue>,
}
