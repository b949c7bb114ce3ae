//! Metrics of a service whose telemetry is started by variables, with real scrapes. Their export is in `tests/variables.rs`.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use hopline_core::metrics::Instrument;
use hopline_core::{Incoming, SpanBuilder, attr};

use crate::{Builder, Telemetry, builder};

static CARTS: Instrument = Instrument::counter("shop.carts", "{cart}");

/// The telemetry with these variables, and the notice of its start.
fn started(builder: Builder, set: &[(&str, &str)]) -> (Telemetry, String) {
    let lookup = |name: &str| {
        let found = set.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    builder.start(&lookup).unwrap()
}

fn measure(telemetry: &Telemetry, carts: f64) {
    let tracer = telemetry.tracer().unwrap();
    tracer.measure(&CARTS, carts, &[attr("shop.tier", "gold")]);
}

/// The body of the page at this address.
fn scrape(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = "GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn a_listener_of_its_own_serves_the_page_until_the_shutdown() {
    let set = [
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1"),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", "0"),
    ];
    let (telemetry, what) = started(builder("orders").without_exporter(), &set);
    measure(&telemetry, 3.0);
    let (_, address) = what.split_once("metrics go to http://").unwrap();
    let address = address.strip_suffix("/metrics").unwrap();
    let page = scrape(address);
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(
        page.contains("shop_carts_total{shop_tier=\"gold\"} 3\n"),
        "{page}"
    );
    assert!(
        page.contains("hopline_tracer_spans_total{hopline_outcome=\"handed_over\"} 0\n"),
        "{page}"
    );

    // another service with the same port starts without a listener
    let (_, port) = address.split_once(':').unwrap();
    let taken = [set[0], set[1], ("OTEL_EXPORTER_PROMETHEUS_PORT", port)];
    let (second, what) = started(builder("second").without_exporter(), &taken);
    assert!(!what.contains("metrics go to"), "{what}");
    assert!(second.metrics().render().contains("hopline_tracer_spans"));

    let bound = address.to_owned();
    telemetry.shutdown().await;
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while TcpListener::bind(&bound).is_err() {
        assert!(std::time::Instant::now() < end, "the port is still in use");
        std::thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scrapes_during_the_shutdown_are_whole_or_refused() {
    static WAIT: Instrument = Instrument::histogram("shop.wait", "s");
    for _ in 0..5 {
        let set = [
            ("OTEL_METRICS_EXPORTER", "prometheus"),
            ("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1"),
            ("OTEL_EXPORTER_PROMETHEUS_PORT", "0"),
        ];
        let (telemetry, what) = started(builder("orders").without_exporter(), &set);
        let (_, address) = what.split_once("metrics go to http://").unwrap();
        let address = address.strip_suffix("/metrics").unwrap().to_owned();
        let tracer = telemetry.tracer().unwrap().clone();
        let measuring = std::thread::spawn(move || {
            for at in 0..20_000 {
                tracer.measure(
                    &WAIT,
                    f64::from(at % 100) / 50.0,
                    &[attr("at", i64::from(at % 7))],
                );
            }
        });
        let pages: [Arc<AtomicUsize>; 4] = Default::default();
        let scrapers = pages.each_ref().map(|pages| {
            let (address, pages) = (address.clone(), pages.clone());
            std::thread::spawn(move || scrape_until_the_end(&address, &pages))
        });
        while pages.iter().any(|pages| pages.load(Relaxed) == 0) {
            std::thread::yield_now();
        }
        let metrics = telemetry.metrics().clone();
        telemetry.shutdown().await;
        measuring.join().unwrap();
        for scraper in scrapers {
            scraper.join().unwrap();
        }
        // what is measured after the shutdown is on the page of the application
        let page = metrics.render();
        let counts = page.lines().filter_map(|line| {
            let (_, count) = line
                .strip_prefix("shop_wait_seconds_count{")?
                .split_once("} ")?;
            Some(count.parse::<u64>().unwrap())
        });
        assert_eq!(counts.sum::<u64>(), 20_000);
    }
}

/// Scrapes until the connection is refused, and counts the whole pages: on each, a histogram's count is its last bucket.
fn scrape_until_the_end(address: &str, pages: &AtomicUsize) {
    while let Ok(mut stream) = TcpStream::connect(address) {
        let request = "GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let mut answer = String::new();
        if stream.write_all(request.as_bytes()).is_err()
            || stream.read_to_string(&mut answer).is_err()
        {
            continue;
        }
        let Some((head, page)) = answer.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if length.unwrap().parse() != Ok(page.len()) {
            continue; // cut off by the end
        }
        pages.fetch_add(1, Relaxed);
        let mut last_bucket = "";
        for line in page.lines() {
            let (series, value) = line.rsplit_once(' ').unwrap();
            if series.starts_with("shop_wait_seconds_bucket") {
                last_bucket = value;
            } else if series.starts_with("shop_wait_seconds_count") {
                assert_eq!(value, last_bucket, "{page}");
            }
        }
    }
}

#[test]
fn disabled_telemetry_has_an_empty_page() {
    let (telemetry, _) = started(builder("orders"), &[("OTEL_SDK_DISABLED", "true")]);
    assert_eq!(telemetry.metrics().resource().service_name(), "orders");
    assert!(!telemetry.metrics().render().contains("hopline_"));
}

#[test]
fn objectives_and_exemplars_are_set_by_variables() {
    let slo = ("HOPLINE_SLO", "SLO POST /checkout 99.9% < 500ms over 30d");
    let filter = ("OTEL_METRICS_EXEMPLAR_FILTER", "always_off");
    let page = |set: &[(&str, &str)]| {
        let (telemetry, _) = started(builder("orders").without_exporter(), set);
        let root = SpanBuilder::new("root")
            .tracer(telemetry.tracer().unwrap())
            .parent(Incoming::default())
            .start();
        let timer = hopline_core::metrics::Timer::start(telemetry.tracer(), &root);
        static WAIT: Instrument = Instrument::histogram("shop.wait", "s");
        timer.stop(root, |report| report.value(&WAIT, 0.1, &[]));
        telemetry
            .metrics()
            .page("application/openmetrics-text")
            .body
    };
    let with = page(&[slo]);
    assert!(
        with.contains("hopline_slo_burn_rate") && with.contains("trace_id="),
        "{with}"
    );
    let without = page(&[filter]);
    assert!(
        !without.contains("hopline_slo") && !without.contains("trace_id="),
        "{without}"
    );
}
