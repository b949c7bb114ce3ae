//! Metrics: their addition to a request, and measurements of two threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum_prometheus::PrometheusMetricLayer;
use hopline_axum::TraceLayer;
use hopline_core::metrics::{Instrument, Meter};
use hopline_core::{Clock, Literal, attr};
use hopline_gate::requests::{metered, requests, routes, traced};
use hopline_gate::trace::Fate;
use hopline_gate::{Case, Work};
use hopline_metrics::Metrics;
use opentelemetry_instrumentation_tower::http::server::LayerBuilder;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use tokio::runtime::Builder;

use crate::names::{AXUM_BARE, HOPLINE, OTEL_TOWER, name};
use crate::sdk::current::{flushed, provider};
use crate::threads::Helper;

/// Of requests whose spans are kept.
pub(crate) const ADDED: &str = "axum, added by metrics, sampled";
/// Of requests that are not recorded.
pub(crate) const ADDED_OFF: &str = "axum, added by metrics, not recorded";
/// The counterpart of [`OTEL_TOWER`] without spans.
pub(crate) const PROMETHEUS: &str = "axum-prometheus";
/// A second instrument, which is off unless the application asks for it.
const WITH_ACTIVE: &str = "hopline, with active requests";

pub(crate) const ONE_SERIES: &str = "two threads, a measurement/hopline, one series";
pub(crate) const TWO_SERIES: &str = "two threads, a measurement/hopline, a series each";
/// The floor: series that are not shared, and beside each measurement additions to two atomics that are or are not, since
/// a histogram adds to a bucket and to its sum.
pub(crate) const SHARED_ATOMICS: &str =
    "two threads, a measurement/bare, a series each and two atomics of both";
pub(crate) const OWN_ATOMICS: &str =
    "two threads, a measurement/bare, a series each and two atomics each";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = ours();
    cases.extend(theirs());
    cases.extend(threads());
    cases
}

fn ours() -> Vec<Case> {
    let clock = Clock::System;
    let mut cases = Vec::new();
    for (group, bare, fate) in [
        (ADDED, "axum, with spans/bare, hopline", Fate::Kept),
        (
            ADDED_OFF,
            "axum, with spans/bare, hopline, off",
            Fate::NotRecorded,
        ),
    ] {
        let case = |name: String, make: fn(Fate, &Clock) -> Work| {
            let clock = clock.clone();
            Case::new(name, move |_| make(fate, &clock)).times(512)
        };
        cases.push(case(bare.to_owned(), |fate, clock| {
            requests(traced(fate, clock), None)
        }));
        let with_duration = case(name(group, HOPLINE), |fate, clock| {
            requests(metered(fate, clock), None)
        });
        let with_active = case(name(group, WITH_ACTIVE), |fate, clock| {
            let tracer = fate.builder(clock).meter(Metrics::builder().build());
            let layer = TraceLayer::new().tracer(tracer.build()).active_requests();
            requests(routes().layer(layer), None)
        });
        cases.extend([with_duration.over(bare), with_active.over(bare)]);
    }
    cases
}

fn theirs() -> Vec<Case> {
    let mut cases = Vec::new();
    for (group, bare, sampled) in [
        (ADDED, "axum, with spans/bare, opentelemetry", true),
        (
            ADDED_OFF,
            "axum, with spans/bare, opentelemetry, off",
            false,
        ),
    ] {
        cases.push(Case::new(bare, move |_| layer(sampled, false)).times(512));
        let with = Case::new(name(group, OTEL_TOWER), move |_| layer(sampled, true));
        cases.push(with.over(bare).times(512));
        // has no spans, so it is over the bare router in both groups
        let prometheus = Case::new(name(group, PROMETHEUS), |_| prometheus());
        cases.push(prometheus.over(AXUM_BARE).times(512));
    }
    cases
}

/// The layer of `opentelemetry-instrumentation-tower` with its spans, and with its metrics or without.
fn layer(sampled: bool, with_metrics: bool) -> Work {
    let spans = provider(sampled);
    // a collection each minute, which is its default: none falls into a measurement
    let reader = PeriodicReader::builder(Discard).with_interval(Duration::from_secs(60));
    let metrics = SdkMeterProvider::builder().with_reader(reader.build());
    opentelemetry::global::set_meter_provider(metrics.build());
    let layer = LayerBuilder::builder().with_metrics(with_metrics).build();
    // fails on a wrong filter, and there is none
    let layer = layer.expect("a layer");
    flushed(requests(routes().layer(layer), None), spans)
}

/// The layer of `axum-prometheus` with a thread that empties its histograms each five seconds, as in a service.
fn prometheus() -> Work {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build();
    // fails where the operating system gives no more threads, which ends a measurement rightly
    let runtime = runtime.expect("a runtime");
    // its handle would render the page
    let (layer, _handle) = {
        let _entered = runtime.enter();
        PrometheusMetricLayer::pair()
    };
    requests(routes().layer(layer), None).settled_by(move || {
        // kept as long as the work
        let _ = &runtime;
    })
}

/// Takes metrics and lets them go.
#[derive(Debug)]
struct Discard;

impl PushMetricExporter for Discard {
    async fn export(&self, _: &ResourceMetrics) -> OTelSdkResult {
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

static DURATION: Instrument = Instrument::histogram("http.server.request.duration", "s");

fn threads() -> Vec<Case> {
    let case = |name: &str, make: fn() -> Work| Case::new(name, move |_| make()).times(100_000);
    vec![
        case(ONE_SERIES, || measurements(["/hello/{id}"; 2])),
        case(TWO_SERIES, || measurements(["/hello/{id}", "/bye/{id}"])),
        case(SHARED_ATOMICS, || {
            let both = Arc::new(Cells::default());
            additions([Arc::clone(&both), both])
        }),
        case(OWN_ATOMICS, || additions([Arc::default(), Arc::default()])),
    ]
}

/// Measurements of two threads, each for its route.
fn measurements(routes: [&'static str; 2]) -> Work {
    let (metrics, helper) = (Metrics::builder().build(), Helper::start());
    Work::new(move |times| {
        let [here, there] = routes.map(|route| {
            let metrics = metrics.clone();
            move || (0..times / 2).for_each(|_| measure(&metrics, route))
        });
        helper.both(here, there);
    })
}

fn measure(metrics: &Metrics, route: &str) {
    let attributes = [
        attr("http.request.method", Literal("GET")),
        attr("url.scheme", Literal("http")),
        attr("http.route", route),
        attr("http.response.status_code", 200_u16),
        attr("error.type", None::<&str>),
        attr("network.protocol.version", Literal("1.1")),
    ];
    metrics.record(&DURATION, 0.003, &attributes, None);
}

/// The atomics of a histogram, each on cache lines of its own.
#[derive(Default)]
struct Cells {
    bucket: Line,
    sum: Line,
}

/// Two lines of 64 bytes, which processors fetch together.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU64);

/// Measurements of two threads, each for its route, and beside each of them additions to these cells.
fn additions(cells: [Arc<Cells>; 2]) -> Work {
    let (metrics, helper) = (Metrics::builder().build(), Helper::start());
    Work::new(move |times| {
        let [here, there] = [(0, "/hello/{id}"), (1, "/bye/{id}")].map(|(at, route)| {
            let (metrics, cells) = (metrics.clone(), Arc::clone(&cells[at]));
            move || {
                for _ in 0..times / 2 {
                    measure(&metrics, route);
                    cells.bucket.0.fetch_add(1, Relaxed);
                    cells.sum.0.fetch_add(3_000_000, Relaxed);
                }
            }
        });
        helper.both(here, there);
    })
}
