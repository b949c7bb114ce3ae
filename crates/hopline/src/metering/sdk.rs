//! Values of hopline itself: spans that were recorded, exported and lost.
//!
//! Read at each collection from the statistics of the tracer and of the exporter.

use hopline_core::metrics::Instrument;
#[cfg(feature = "otlp")]
use hopline_core::metrics::Observer;
use hopline_core::{Literal, attr};
use hopline_metrics::Metrics;

use crate::live;

static ENDED: Instrument = Instrument::counter("hopline.tracer.spans", "{span}")
    .description("Recorded spans by their outcome at the end of their local trace.");

/// Adds the values. `place` is the tracer's number in the list of live ones: a handle here would keep the tracer alive,
/// since the tracer holds the metrics.
pub(super) fn observe(metrics: &Metrics, place: u64) {
    metrics.observe(move |observer| {
        let Some(tracer) = live::find(place) else {
            return;
        };
        let stats = tracer.stats();
        for (outcome, spans) in [
            ("handed_over", stats.handed_over),
            ("discarded", stats.discarded),
            ("lost", stats.lost_spans),
        ] {
            let outcome = attr("hopline.outcome", Literal(outcome));
            observer.value(&ENDED, spans as f64, &[outcome]);
        }
    });
}

/// Adds the counts of the exporter of spans.
#[cfg(feature = "otlp")]
pub(super) fn observe_exporter(metrics: &Metrics, exporter: hopline_otlp::Exporter) {
    metrics.observe(move |observer| values(observer, exporter.stats()));
}

#[cfg(feature = "otlp")]
static PROCESSED: Instrument = Instrument::counter("otel.sdk.processor.span.processed", "{span}")
    .description("Spans that left the export queue, or were dropped because it was full.");
#[cfg(feature = "otlp")]
static QUEUED: Instrument =
    Instrument::up_down_counter("otel.sdk.processor.span.queue.size", "{span}")
        .description("Spans that wait in the export queue.");
#[cfg(feature = "otlp")]
static EXPORTED: Instrument = Instrument::counter("otel.sdk.exporter.span.exported", "{span}")
    .description("Spans whose export has ended; error.type has the reason of a failure.");

#[cfg(feature = "otlp")]
fn values(observer: &mut Observer<'_>, stats: hopline_otlp::ExportStats) {
    let processor = || attr("otel.component.type", Literal("batching_span_processor"));
    let failed = |reason| attr("error.type", Literal(reason));
    let processed = stats
        .given
        .saturating_sub(stats.dropped.saturating_add(stats.waiting));
    observer.value(&PROCESSED, processed as f64, &[processor()]);
    let dropped = [processor(), failed("queue_full")];
    observer.value(&PROCESSED, stats.dropped as f64, &dropped);
    observer.value(&QUEUED, stats.waiting as f64, &[processor()]);
    let exporter = || attr("otel.component.name", Literal("hopline"));
    observer.value(&EXPORTED, stats.sent as f64, &[exporter()]);
    for (reason, spans) in [
        ("rejected", stats.rejected),
        ("unconfirmed", stats.unconfirmed),
        ("abandoned", stats.abandoned),
    ] {
        observer.value(&EXPORTED, spans as f64, &[exporter(), failed(reason)]);
    }
}
