//! Latency of many traces by hop: counts, percentiles, own time, share of the critical paths.
//!
//! Programs print it after a load test; the viewer shows it as a table.

use std::collections::BTreeMap;
use std::fmt;

use hopline_core::export::SpanData;
use hopline_core::semconv;

use crate::percentile::{duration, percentile};
use crate::trace::traces;
use crate::{describe, table};

/// Latency by hop, the largest share of the critical paths first. Prints as a table:
///
/// ```text
/// service  span                        count  errors     p50     p95     max    self  critical path
/// orders   POST /orders                   40       0  7.0 ms   12 ms   15 ms   90 ms           48 %
/// orders   db.query  INSERT orders        40       0  282 µs  510 µs  0.9 ms   12 ms           10 %
/// ```
///
/// # Examples
///
/// ```
/// assert!(hopline_analysis::latency(&[]).to_string().starts_with("service  span"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Latency {
    /// One entry for each service and span name.
    pub hops: Vec<HopLatency>,
}

/// All spans of one name in one service. Times are in nanoseconds.
///
/// # Examples
///
/// ```
/// # use hopline_core::export::SpanData;
/// # use hopline_core::{SpanId, TraceId};
/// # let span = |trace, end| {
/// #     let mut span = SpanData::new("GET /", TraceId::from_u128(trace).unwrap(), SpanId::from_u64(1).unwrap());
/// #     span.end_unix_nanos = end;
/// #     span
/// # };
/// let spans = [span(1, 10), span(2, 20), span(3, 90)]; // three requests of 10, 20 and 90 ns
/// let hop = &hopline_analysis::latency(&spans).hops[0];
/// assert_eq!((hop.count, hop.p50, hop.p95, hop.self_time), (3, 20, 90, 120));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HopLatency {
    /// The service.
    pub service: String,
    /// The span's name, with the statement's summary or the destination beside it.
    pub name: String,
    /// Number of spans.
    pub count: usize,
    /// Number of failed spans.
    pub errors: usize,
    /// Median duration.
    pub p50: u64,
    /// 95th percentile of the durations.
    pub p95: u64,
    /// Longest duration.
    pub max: u64,
    /// Sum of the spans' own time, without their children's.
    pub self_time: u64,
    /// Sum of their time on the critical paths.
    pub critical: u64,
    /// `critical` as a share of all critical paths, 0 to 1.
    pub critical_share: f64,
}

/// Computes latency by hop for all traces of these spans.
///
/// # Examples
///
/// ```
/// use hopline_analysis::latency;
/// use hopline_core::export::SpanData;
/// use hopline_core::{SpanId, TraceId};
///
/// let mut span = SpanData::new("GET /", TraceId::from_u128(1).unwrap(), SpanId::from_u64(1).unwrap());
/// span.end_unix_nanos = 2_000_000;
/// let hop = &latency(&[span]).hops[0];
/// assert_eq!((hop.name.as_str(), hop.p95, hop.critical_share), ("GET /", 2_000_000, 1.0));
/// ```
pub fn latency(spans: &[SpanData]) -> Latency {
    let mut hops: BTreeMap<(String, String), (HopLatency, Vec<u64>)> = BTreeMap::new();
    let mut all_critical = 0;
    for trace in traces(spans) {
        let critical = trace.critical_nanos();
        for (index, span) in trace.spans().iter().enumerate() {
            let key = (span.service().to_owned(), describe::label(span));
            let (hop, durations) = hops.entry(key).or_default();
            hop.count += 1;
            hop.errors += usize::from(span.is_error());
            hop.self_time += trace.self_time(index);
            hop.critical += critical[index];
            all_critical += critical[index];
            durations.push(span.duration_nanos());
        }
    }
    let finished = hops
        .into_iter()
        .map(|((service, name), (hop, mut durations))| HopLatency {
            service,
            name,
            p50: percentile(&mut durations, 0.5),
            p95: percentile(&mut durations, 0.95),
            max: durations.last().copied().unwrap_or_default(),
            critical_share: if all_critical == 0 {
                0.0
            } else {
                hop.critical as f64 / all_critical as f64
            },
            ..hop
        });
    let mut hops: Vec<HopLatency> = finished.collect();
    hops.sort_by_key(|hop| std::cmp::Reverse(hop.critical));
    Latency { hops }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<Vec<String>> = self.hops.iter().map(HopLatency::row).collect();
        table::write(
            f,
            &[
                "service ",
                "span ",
                "count",
                "errors",
                "p50",
                "p95",
                "max",
                "self",
                "critical path",
            ],
            &rows,
        )
    }
}

impl HopLatency {
    /// The cells of its row.
    fn row(&self) -> Vec<String> {
        vec![
            self.service.clone(),
            self.name.clone(),
            self.count.to_string(),
            self.errors.to_string(),
            duration(self.p50),
            duration(self.p95),
            duration(self.max),
            duration(self.self_time),
            format!("{:.0} %", self.critical_share * 100.0),
        ]
    }
}

/// The database of a span: its system and namespace.
pub(crate) fn database(span: &SpanData) -> Option<String> {
    let system = span.text(semconv::DB_SYSTEM_NAME)?;
    Some(match span.text(semconv::DB_NAMESPACE) {
        Some(namespace) => format!("{system} {namespace}"),
        None => system.to_owned(),
    })
}
