//! Aggregation: exact counts under load, bounded memory, overflow, views.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use hopline_core::metrics::{Instrument, Meter};
use hopline_core::{Attr, Literal, Tracer, attr};
use hopline_metrics::{Metrics, View};

static REQUESTS: Instrument = Instrument::histogram("http.server.request.duration", "s");
static CALLS: Instrument = Instrument::histogram("http.client.request.duration", "s");
static CARTS: Instrument = Instrument::counter("shop.carts", "{cart}");
static OPEN: Instrument = Instrument::up_down_counter("shop.carts.open", "{cart}");

fn request(route: &str) -> [Attr<'_>; 4] {
    [
        attr("http.request.method", Literal("GET")),
        attr("http.route", route),
        attr("http.response.status_code", 200),
        attr("error.type", None::<&str>),
    ]
}

/// The value of the first line that begins with `start`.
fn value(page: &str, start: &str) -> Option<f64> {
    let line = page.lines().find(|line| line.starts_with(start))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[test]
fn counts_of_many_threads_are_exact() {
    let metrics = Metrics::builder().build();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for at in 0..10_000 {
                    let route = ["/a", "/b"][at % 2];
                    metrics.record(&REQUESTS, 0.02, &request(route), None);
                    metrics.record(&OPEN, 1.0, &[], None);
                    metrics.record(&OPEN, -1.0, &[], None);
                }
            });
        }
    });
    let page = metrics.render();
    let labels = "{http_request_method=\"GET\",http_response_status_code=\"200\",http_route=\"/a\"";
    let name = "http_server_request_duration_seconds";
    assert_eq!(
        value(&page, &format!("{name}_count{labels}")),
        Some(40_000.0),
        "{page}"
    );
    assert_eq!(
        value(&page, &format!("{name}_bucket{labels},le=\"0.025\"")),
        Some(40_000.0)
    );
    assert_eq!(
        value(&page, &format!("{name}_bucket{labels},le=\"0.01\"")),
        Some(0.0)
    );
    let sum = value(&page, &format!("{name}_sum{labels}")).unwrap();
    assert!((sum - 800.0).abs() < 1e-6, "{sum}");
    assert_eq!(value(&page, "shop_carts_open"), Some(0.0));
}

#[test]
fn attribute_sets_beyond_the_limit_are_counted_in_one_series() {
    let metrics = Metrics::builder().build();
    for at in 0..100_000 {
        let route = format!("/made/up/{at}");
        metrics.record(&REQUESTS, 0.02, &request(&route), None);
    }
    let page = metrics.render();
    let counts = page.lines().filter(|line| line.contains("_count{")).count();
    assert_eq!(counts, 2_001);
    let overflow = "http_server_request_duration_seconds_count{otel_metric_overflow=\"true\"}";
    assert_eq!(value(&page, overflow), Some(98_000.0));
    assert_eq!(metrics.overflowed(), 98_000);
    // those that were first still count by themselves
    metrics.record(&REQUESTS, 0.02, &request("/made/up/0"), None);
    let page = metrics.render();
    let first = page
        .lines()
        .find(|line| line.contains("_count{") && line.contains("\"/made/up/0\""));
    assert!(first.is_some_and(|line| line.ends_with(" 2")), "{first:?}");
}

#[test]
fn hosts_beyond_the_limit_are_other() {
    let metrics = Metrics::builder().hosts(2).build();
    let call = |host: &str, port: i64| {
        let attrs = [attr("server.address", host), attr("server.port", port)];
        metrics.record(&CALLS, 0.02, &attrs, None);
    };
    for host in ["a", "b", "c", "d", "a"] {
        call(host, 443);
    }
    let page = metrics.render();
    let name = "http_client_request_duration_seconds_count";
    assert_eq!(
        value(
            &page,
            &format!("{name}{{server_address=\"a\",server_port=\"443\"}}")
        ),
        Some(2.0)
    );
    assert_eq!(
        value(&page, &format!("{name}{{server_address=\"_OTHER\"}}")),
        Some(2.0)
    );
}

#[test]
fn order_of_attributes_makes_no_difference() {
    let metrics = Metrics::builder().build();
    metrics.record(&CARTS, 1.0, &[attr("a", 1), attr("b", true)], None);
    metrics.record(&CARTS, 2.0, &[attr("b", true), attr("a", 1)], None);
    metrics.record(&CARTS, 4.0, &[attr("a", "1"), attr("b", true)], None);
    let page = metrics.render();
    let series: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("shop_carts_total"))
        .collect();
    // a number and its text are two series with the same labels in Prometheus: the page adds them up
    assert_eq!(series, ["shop_carts_total{a=\"1\",b=\"true\"} 7"], "{page}");
}

#[test]
fn values_that_are_none_are_dropped_and_counted() {
    let metrics = Metrics::builder().build();
    metrics.record(&CARTS, -1.0, &[], None);
    metrics.record(&CARTS, f64::NAN, &[], None);
    metrics.record(&REQUESTS, f64::INFINITY, &[], None);
    assert_eq!(metrics.dropped(), 3);
    assert!(!metrics.render().contains("shop_carts"));
}

#[test]
fn views_rename_drop_and_change_buckets() {
    let metrics = Metrics::builder()
        .view(
            View::new("http.server.request.duration")
                .rename("requests")
                .without("http.route")
                .buckets([1.0, 0.1, f64::NAN, 0.1])
                .bucket(0.5),
        )
        .view(View::new("shop.carts").off())
        .build();
    metrics.record(&REQUESTS, 0.3, &request("/a"), None);
    metrics.record(&REQUESTS, 0.3, &request("/b"), None);
    metrics.record(&CARTS, 1.0, &[], None);
    let page = metrics.render();
    let bounds: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("requests_seconds_bucket"))
        .map(|line| line.split("le=\"").nth(1).unwrap())
        .collect();
    assert_eq!(bounds, ["0.1\"} 0", "0.5\"} 2", "1\"} 2", "+Inf\"} 2"]);
    assert!(!page.contains("shop_carts") && !page.contains("http_route"));
}

#[test]
fn series_that_are_idle_are_forgotten_and_come_back() {
    let metrics = Metrics::builder()
        .forget_after(std::time::Duration::ZERO)
        .build();
    metrics.record(&CARTS, 1.0, &[attr("a", 1)], None);
    // at the first collection nothing is known of its age
    assert!(metrics.render().contains("shop_carts_total{a=\"1\"} 1"));
    assert!(!metrics.render().contains("shop_carts_total"));
    metrics.record(&CARTS, 1.0, &[attr("a", 1)], None);
    assert!(
        metrics.render().contains("shop_carts_total{a=\"1\"} 1"),
        "it begins again"
    );
}

#[test]
fn nothing_is_allocated_once_a_series_exists() {
    let metrics = Metrics::builder()
        .slo("SLO * 99% < 1s over 7d".parse().unwrap())
        .build();
    let route = String::from("/orders/{id}");
    metrics.record(&REQUESTS, 0.02, &request(&route), None);
    metrics.record(&CALLS, 0.02, &[attr("server.address", "orders")], None);
    let counted = allocation_counter::measure(|| {
        for _ in 0..100 {
            metrics.record(&REQUESTS, 0.02, &request(&route), None);
            metrics.record(&CALLS, 0.02, &[attr("server.address", "orders")], None);
        }
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn pages_that_are_read_under_load_are_consistent() {
    let metrics = Arc::new(Metrics::builder().limit(20).build());
    thread::scope(|scope| {
        for at in 0..4 {
            let metrics = Arc::clone(&metrics);
            scope.spawn(move || {
                for number in 0..5_000 {
                    let route = format!("/{}", (number * 7 + at) % 40);
                    let seconds = f64::from(number % 13) / 4.0;
                    metrics.record(&REQUESTS, seconds, &request(&route), None);
                }
            });
        }
        for _ in 0..50 {
            let metrics = Arc::clone(&metrics);
            scope.spawn(move || check(&metrics.page("application/openmetrics-text").body));
        }
    });
    let page = metrics.render();
    let total: f64 = page
        .lines()
        .filter(|line| line.starts_with("http_server_request_duration_seconds_count"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum();
    assert_eq!(total, 20_000.0);
}

/// Buckets rise, and the last one is the count.
fn check(page: &str) {
    assert!(page.ends_with("# EOF\n"));
    let mut last = 0.0;
    for line in page.lines().filter(|line| line.starts_with("http_server")) {
        let (series, number) = line.split_once("} ").unwrap();
        let number: f64 = number.split(' ').next().unwrap().parse().unwrap();
        if series.contains("_bucket{") {
            assert!(number >= last, "{line}");
            last = number;
        } else if series.contains("_count{") {
            assert_eq!(number, last, "{line}");
            last = 0.0;
        }
    }
}

#[cfg(feature = "recorder")]
#[test]
fn libraries_that_use_the_metrics_crate_report_to_the_same_page() {
    let page = Metrics::builder().build();
    metrics::with_local_recorder(&page.recorder(), || {
        metrics::describe_histogram!("job.time", metrics::Unit::Seconds, "Time of jobs.");
        metrics::counter!("jobs", "queue" => "mail").increment(2);
        metrics::counter!("jobs", "queue" => "mail").absolute(9);
        metrics::counter!("jobs", "queue" => "mail").absolute(5);
        metrics::gauge!("jobs.open").set(4.0);
        metrics::gauge!("jobs.open").decrement(1.5);
        metrics::histogram!("job.time").record(0.3);
    });
    let text = page.render();
    assert_eq!(
        value(&text, "jobs_total{queue=\"mail\"}"),
        Some(11.0),
        "{text}"
    );
    assert_eq!(value(&text, "jobs_open"), Some(2.5));
    assert_eq!(
        value(&text, "job_time_seconds_bucket{le=\"0.5\"}"),
        Some(1.0)
    );
    assert!(text.contains("# HELP job_time_seconds Time of jobs."));
}

#[cfg(feature = "recorder")]
#[test]
fn sets_of_labels_beyond_the_bound_are_not_measured() {
    let page = Metrics::builder().build();
    metrics::with_local_recorder(&page.recorder(), || {
        let made = (0..12_000).map(|at| metrics::counter!("made.up", "at" => at.to_string()));
        let made: Vec<_> = made.collect();
        made[9_999].increment(1);
        made[10_000].increment(1);
    });
    let text = page.render();
    assert_eq!(value(&text, "made_up_total{at=\"9999\"}"), Some(1.0));
    assert_eq!(value(&text, "made_up_total{at=\"10000\"}"), None);
}

static LENGTH: Instrument = Instrument::up_down_counter("test.queue.length", "{item}");

/// A closure that reports the length of a queue until the queue is dropped.
fn observe_length(tracer: &Tracer, queue: &Arc<AtomicU64>) {
    let weak = Arc::downgrade(queue);
    tracer.observe(move |observer| {
        let Some(queue) = weak.upgrade() else {
            return false;
        };
        observer.value(&LENGTH, queue.load(Relaxed) as f64, &[attr("queue", "a")]);
        true
    });
}

#[test]
fn an_observer_is_called_until_its_object_is_gone() {
    let metrics = Metrics::builder().build();
    let tracer = Tracer::builder().meter(metrics.clone()).build();
    let queue = Arc::new(AtomicU64::new(3));
    observe_length(&tracer, &queue);
    assert!(
        metrics
            .render()
            .contains("test_queue_length{queue=\"a\"} 3\n")
    );
    queue.store(4, Relaxed);
    assert!(
        metrics
            .render()
            .contains("test_queue_length{queue=\"a\"} 4\n")
    );

    let (called, calls) = (Arc::new(AtomicU64::new(0)), queue.clone());
    let count = called.clone();
    tracer.observe(move |_| {
        count.fetch_add(1, Relaxed);
        calls.load(Relaxed) > 4
    });
    drop(queue);
    metrics.render();
    let page = metrics.render();
    assert_eq!(called.load(Relaxed), 1, "it returned false once");
    assert!(!page.contains("test_queue_length"), "{page}");
}

#[test]
fn equal_series_of_two_observers_are_added_up() {
    let metrics = Metrics::builder().build();
    let tracer = Tracer::builder().meter(metrics.clone()).build();
    let queues = [3, 4].map(|length| Arc::new(AtomicU64::new(length)));
    queues
        .iter()
        .for_each(|queue| observe_length(&tracer, queue));
    let page = metrics.render();
    let lines: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("test_queue_length"))
        .collect();
    assert_eq!(lines, ["test_queue_length{queue=\"a\"} 7"], "{page}");
}

#[test]
fn observers_are_bounded_and_their_panics_contained() {
    let metrics = Metrics::builder().build();
    let tracer = Tracer::builder().meter(metrics.clone()).build();
    tracer.observe(|_| panic!("an observer of the test"));
    let queue = Arc::new(AtomicU64::new(1));
    for _ in 0..1_200 {
        observe_length(&tracer, &queue);
    }
    assert_eq!(metrics.dropped(), 201);
    assert!(
        metrics
            .render()
            .contains("test_queue_length{queue=\"a\"} 999\n")
    );
    drop(queue);
    metrics.render();
    let queue = Arc::new(AtomicU64::new(5));
    observe_length(&tracer, &queue);
    assert!(
        metrics
            .render()
            .contains("test_queue_length{queue=\"a\"} 5\n"),
        "there is room again"
    );
}

#[test]
fn an_observer_may_register_another() {
    let metrics = Metrics::builder().build();
    let tracer = Tracer::builder().meter(metrics.clone()).build();
    let queue = Arc::new(AtomicU64::new(2));
    let (weak, own) = (Arc::downgrade(&queue), tracer.clone());
    tracer.observe(move |_| {
        if let Some(queue) = weak.upgrade() {
            observe_length(&own, &queue);
        }
        false
    });
    metrics.render();
    assert!(
        metrics
            .render()
            .contains("test_queue_length{queue=\"a\"} 2\n")
    );
}
