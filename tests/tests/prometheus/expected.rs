//! Results of the queries as the exported spans give them, counted without a line of hopline's metrics.

use hopline_core::SpanKind;
use hopline_core::export::{SpanData, StatusData};

use crate::server::Values;

/// The number of spans by their service and these attributes, as text.
pub(crate) fn counts<'a>(spans: impl Iterator<Item = &'a SpanData>, attributes: &[&str]) -> Values {
    let mut counts = Values::new();
    for span in spans {
        let mut key = vec![span.resource.service_name().to_owned()];
        key.extend(attributes.iter().map(|attribute| text(span, attribute)));
        *counts.entry(key).or_default() += 1.0;
    }
    counts
}

pub(crate) fn servers(spans: &[SpanData]) -> impl Iterator<Item = &SpanData> {
    spans.iter().filter(|span| span.kind == SpanKind::Server)
}

pub(crate) fn calls(spans: &[SpanData]) -> impl Iterator<Item = &SpanData> {
    let of_client = |span: &&SpanData| span.kind == SpanKind::Client;
    let is_http = |span: &&SpanData| !text(span, "http.request.method").is_empty();
    spans.iter().filter(of_client).filter(is_http)
}

pub(crate) fn statements(spans: &[SpanData]) -> impl Iterator<Item = &SpanData> {
    spans.iter().filter(|span| span.name.starts_with("db."))
}

pub(crate) fn failed(span: &&SpanData) -> bool {
    matches!(span.status, StatusData::Error { .. })
}

/// An attribute as text; empty if there is none.
fn text(span: &SpanData, key: &str) -> String {
    let found = span.attributes.iter().find(|(known, _)| known == key);
    found
        .map(|(_, value)| value.to_string())
        .unwrap_or_default()
}

/// Cumulative buckets of the spans' durations, by service and bound.
pub(crate) fn buckets<'a>(spans: impl Iterator<Item = &'a SpanData> + Clone) -> Values {
    let mut buckets = Values::new();
    for bound in BOUNDS.into_iter().chain([f64::INFINITY]) {
        for span in spans.clone() {
            let seconds = (span.end_unix_nanos - span.start_unix_nanos) as f64 / 1e9;
            let le = if bound.is_finite() {
                format!("{bound:?}")
            } else {
                "+Inf".to_owned()
            };
            let key = vec![span.resource.service_name().to_owned(), le];
            *buckets.entry(key).or_default() += f64::from(u8::from(seconds <= bound));
        }
    }
    buckets
}

/// The bounds that the semantic conventions list for `http.server.request.duration`.
const BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// The quantile of each service by Prometheus' definition: linear within the bucket of its rank.
pub(crate) fn quantiles<'a>(
    spans: impl Iterator<Item = &'a SpanData> + Clone,
    quantile: f64,
) -> Values {
    let buckets = buckets(spans);
    let mut found = Values::new();
    for (service, total) in buckets.iter().filter(|(key, _)| key[1] == "+Inf") {
        let rank = quantile * total;
        let count = |bound: f64| buckets[&vec![service[0].clone(), format!("{bound:?}")]];
        let at = BOUNDS.iter().position(|bound| count(*bound) >= rank);
        let value = at.map_or(BOUNDS[13], |at| {
            let (start, below) = match at {
                0 => (0.0, 0.0),
                _ => (BOUNDS[at - 1], count(BOUNDS[at - 1])),
            };
            let share = (rank - below) / (count(BOUNDS[at]) - below);
            start + (BOUNDS[at] - start) * share
        });
        found.insert(vec![service[0].clone()], value);
    }
    found
}
