//! Instruments of an application: their values, and exemplars of the current context.

use hopline_core::{Incoming, SpanBuilder, attr};
use hopline_metrics::{
    Counter, Gauge, Histogram, Metrics, UpDownCounter, counter, gauge, histogram, up_down_counter,
};
use hopline_testing::tracer_with;

static ORDERS: Counter = counter("shop.orders", "{order}").description("Orders.");
static OPEN: UpDownCounter = up_down_counter("shop.carts.open", "{cart}");
static FREE: Gauge = gauge("shop.lockers.free", "{locker}");
static VALUE: Histogram = histogram("shop.order.value", "EUR").buckets(&[10.0, 100.0]);

#[test]
fn values_have_the_exemplar_of_the_current_span_if_its_trace_is_kept() {
    for (plan, kept) in [("* 100%", true), ("* 0%", false)] {
        let metrics = Metrics::builder().build();
        let meter = metrics.clone();
        let (tracer, spans) = tracer_with(|tracer| tracer.plan(plan.parse().unwrap()).meter(meter));
        let root = SpanBuilder::new("order")
            .tracer(&tracer)
            .parent(Incoming::default());
        let mut root = root.start();
        root.in_scope(|| {
            ORDERS.add(2.0, &[attr("shop.tier", "gold")]);
            OPEN.add(3.0, &[]);
            OPEN.add(-1.0, &[]);
            FREE.set(7.0, &[]);
            FREE.set(5.0, &[]);
            VALUE.record(49.9, &[]);
        });
        drop(root);
        let page = metrics.page("application/openmetrics-text").body;
        let line = |start: &str| {
            page.lines()
                .find_map(|line| line.strip_prefix(start))
                .unwrap()
        };
        assert_eq!(line("shop_orders_total{shop_tier=\"gold\"} "), "2");
        assert_eq!(line("shop_carts_open "), "2");
        assert_eq!(line("shop_lockers_free "), "5");
        let bucket = line("shop_order_value_EUR_bucket{le=\"100.0\"} ");
        match kept {
            true => {
                let span = spans.all().remove(0);
                let ids = format!(
                    "trace_id=\"{}\",span_id=\"{}\"",
                    span.trace_id, span.span_id
                );
                assert!(
                    bucket.starts_with(&format!("1 # {{{ids}}} 49.9 ")),
                    "{bucket}"
                );
            }
            false => assert_eq!(bucket, "1"),
        }
    }
}
