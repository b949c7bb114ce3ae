//! Budgets of sampled traces per second.

use std::time::Duration;

use hopline_core::{Incoming, SpanBuilder, SpanKind, Tracer, time::ManualClock};
use hopline_test_support::hop::call;
use hopline_test_support::start::{clocked, root};

const HIGH: u64 = 0xff_ffff_ffff_ffff;

/// The number of requests sampled in each second, at this rate of requests.
fn load(
    tracer: &Tracer,
    clock: &ManualClock,
    seconds: usize,
    routes: &[(&'static str, u32)],
) -> Vec<Vec<u32>> {
    let mut all = Vec::new();
    for _ in 0..seconds {
        let mut taken = vec![0; routes.len()];
        for slice in 0..10 {
            for (route, (path, rate)) in routes.iter().enumerate() {
                for _ in (rate * slice / 10)..(rate * (slice + 1) / 10) {
                    let span = SpanBuilder::new("GET")
                        .kind(SpanKind::Server)
                        .method("GET")
                        .path(path);
                    let span = span.tracer(tracer).parent(Incoming::default()).start();
                    taken[route] += u32::from(span.span_context().unwrap().is_sampled());
                }
            }
            clock.advance(Duration::from_millis(100));
        }
        all.push(taken);
    }
    all
}

fn mean(seconds: &[Vec<u32>], route: usize) -> f64 {
    let sum: u32 = seconds.iter().map(|second| second[route]).sum();
    f64::from(sum) / seconds.len() as f64
}

#[test]
fn a_budget_lowers_the_probability_and_sends_it() {
    let (tracer, clock, memory) = clocked("* 50%; budget 100/s");
    let quiet = load(&tracer, &clock, 5, &[("/", 100)]);
    assert!(
        (40.0..60.0).contains(&mean(&quiet, 0)),
        "within the budget the share counts: {quiet:?}"
    );
    assert_eq!(tracer.stats().over_budget, 0);
    memory.take();
    let loud = load(&tracer, &clock, 20, &[("/", 5000)]);
    assert!(loud[0][0] <= 300, "a burst: {loud:?}");
    assert!((85.0..110.0).contains(&mean(&loud[2..], 0)), "{loud:?}");
    let _ = tracer.flush(Duration::ZERO);
    let represented: f64 = memory
        .take()
        .iter()
        .filter_map(|span| span.adjusted_count())
        .sum();
    assert!(
        (represented / (20.0 * 5000.0) - 1.0).abs() < 0.1,
        "sampled traces represent all: {represented}"
    );
    let over = tracer.stats().over_budget;
    assert!((40_000..52_000).contains(&over), "{over}");
    let quiet = load(&tracer, &clock, 8, &[("/", 100)]);
    assert!(
        (40.0..60.0).contains(&mean(&quiet[4..], 0)),
        "and it recovers: {quiet:?}"
    );
}

#[test]
fn a_noisy_route_does_not_starve_the_rest() {
    let (tracer, clock, _) = clocked("GET /noisy 100%; GET /checkout always; * 100%; budget 100/s");
    let seconds = load(
        &tracer,
        &clock,
        15,
        &[("/noisy", 10_000), ("/quiet", 30), ("/checkout", 50)],
    );
    let (noisy, quiet, always) = (
        mean(&seconds[2..], 0),
        mean(&seconds[2..], 1),
        mean(&seconds[2..], 2),
    );
    assert_eq!(quiet, 30.0, "it asks for less than its part");
    assert_eq!(always, 50.0, "always is always, beside the budget");
    assert!(
        (55.0..85.0).contains(&noisy),
        "the rest of the budget: {noisy}"
    );
    assert!(
        seconds.iter().all(|second| second[1] == 30),
        "from the first second on: {seconds:?}"
    );
}

#[test]
fn a_flood_of_sampled_parents_cannot_exceed_the_budget() {
    for randomness in [HIGH, 0] {
        let (tracer, clock, memory) = clocked("* 10%; budget 100/s; keep errors");
        let mut own = 0;
        for second in 0..5_u64 {
            for number in 0..5_000_u64 {
                // forged so that every threshold lets them in, or with ids as they come
                let randomness = if randomness == HIGH {
                    HIGH
                } else {
                    (second * 5000 + number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) & HIGH
                };
                let _ = call(&tracer, randomness, "03", "ot=th:0");
            }
            for _ in 0..100 {
                own += u32::from(root(&tracer, "own").span_context().unwrap().is_sampled());
            }
            clock.advance(Duration::from_secs(1));
        }
        let _ = tracer.flush(Duration::ZERO);
        let spans = memory.take();
        let kept = spans.iter().filter(|span| span.name == "request").count();
        assert!(kept < 5 * 350, "{kept} of 25000");
        assert!(
            (25..80).contains(&own),
            "traces without a parent are not starved: {own} of 500 at 10 %"
        );
        let mut ids: Vec<_> = spans.iter().map(|span| span.span_id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(
            ids.len(),
            spans.len(),
            "spans do not collide, though their trace's id is forged"
        );
    }
}
