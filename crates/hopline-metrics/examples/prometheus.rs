//! The metrics of requests as Prometheus reads them, and the burn rate of a service level objective.
//!
//! ```sh
//! cargo run -p hopline-metrics --example prometheus
//! ```
//!
//! ```text
//! # HELP shop_orders_total Orders that were placed.
//! # TYPE shop_orders_total counter
//! shop_orders_total 1000
//! http_server_request_duration_seconds_count{http_response_status_code="201",http_route="/orders"} 999
//! http_server_request_duration_seconds_count{http_response_status_code="500",http_route="/orders"} 1
//! ```

#![expect(clippy::print_stdout, reason = "it prints the page")]

use hopline_core::metrics::{Instrument, Timer};
use hopline_core::{Incoming, SpanBuilder, Tracer, attr};
use hopline_metrics::{Counter, Metrics, counter};

// the edges have this instrument
static REQUESTS: Instrument = Instrument::histogram("http.server.request.duration", "s");
static ORDERS: Counter = counter("shop.orders", "{order}").description("Orders that were placed.");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let metrics = Metrics::builder()
        .service("orders")
        .slo("SLO POST /orders 99.9% < 500ms over 30d".parse()?)
        .build();
    // 1 % of traces are recorded; all requests are measured
    let plan = "* 1%".parse()?;
    let tracer = Tracer::builder()
        .service("orders")
        .plan(plan)
        .meter(metrics.clone())
        .build();

    for order in 0..1_000 {
        // the server layer does this for each request
        let mut request = SpanBuilder::new("POST /orders")
            .tracer(&tracer)
            .parent(Incoming::default())
            .start();
        let timer = Timer::start(Some(&tracer), &request);
        request.in_scope(|| ORDERS.add(1.0, &[]));
        timer.stop(request, |report| {
            let status = if order == 0 { 500 } else { 201 };
            report.value(
                &REQUESTS,
                report.seconds(),
                &[
                    attr("http.route", "/orders"),
                    attr("http.response.status_code", status),
                ],
            );
        });
    }
    let page = metrics.render(); // `metrics.router()` serves it to axum at /metrics
    let shown = page
        .lines()
        .filter(|line| line.contains("_count") || line.contains("shop_orders"));
    for line in shown {
        println!("{line}");
    }
    Ok(())
}
