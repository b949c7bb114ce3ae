//! Traces of services that sample, whose true number is known.

use std::path::Path;
use std::time::{Duration, SystemTime};

use hopline_core::time::ManualClock;
use hopline_core::{Clock, IdGenerator, Incoming, SpanBuilder, SpanKind, Tracer, attr};
use hopline_otlp::FileSink;

use crate::Result;

/// The traces that begin at each service.
pub(crate) const TRACES: u32 = 4_000;

/// The services, with the plan of each.
pub(crate) const PLANS: [(&str, &str); 3] = [
    ("sampled-all", "* 100%"),
    ("sampled-tenth", "* 10%; keep errors; keep slower 500ms"),
    ("sampled-budget", "* 50%; keep errors; budget 20/s"),
];

/// Writes their spans into the folder, a file for each service. Each tenth request fails, each fiftieth is slow.
///
/// The ids are the same in each run, and so are the samples.
pub(crate) fn record(folder: &Path) -> Result<()> {
    for (seed, (service, plan)) in PLANS.into_iter().enumerate() {
        let clock = ManualClock::new(SystemTime::now());
        let tracer = Tracer::builder()
            .service(service)
            .plan(plan.parse()?)
            .ids(IdGenerator::Seeded(seed as u64))
            .clock(Clock::Manual(clock.clone()))
            .sink(FileSink::create(folder.join(format!("{service}.jsonl")))?)
            .build();
        for number in 0..TRACES {
            let root = SpanBuilder::new("GET /orders/{id}")
                .kind(SpanKind::Server)
                .tracer(&tracer)
                .parent(Incoming::default())
                .attributes(|| {
                    [
                        attr("http.request.method", "GET"),
                        attr("http.route", "/orders/{id}"),
                    ]
                })
                .start();
            if number % 10 == 3 {
                root.fail("500");
            }
            let time = if number % 50 == 7 {
                900
            } else {
                5 + u64::from(number % 7)
            };
            root.end_at(clock.now() + Duration::from_millis(time));
            // 100 requests a second
            clock.advance(Duration::from_millis(10));
        }
        tracer.shutdown(Duration::from_secs(10))?;
    }
    Ok(())
}
