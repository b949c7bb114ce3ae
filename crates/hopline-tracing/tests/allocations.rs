//! Allocations of a bridged span beyond those of a span of the bare registry.

mod support;

use allocation_counter::measure;
use hopline_core::Tracer;
use tracing::subscriber::with_default;
use tracing::{info, info_span};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{fmt, registry};

fn entered() {
    info_span!("six", a = 1, b = true, c = 1.5, d = "text", e = ?"debug", f = %7).in_scope(|| {});
}

/// Allocations of the second thousand of calls; the first warms pools up.
fn warm(work: impl Fn()) -> u64 {
    (0..1000).for_each(|_| work());
    measure(|| (0..1000).for_each(|_| work())).count_total
}

#[test]
fn a_bridged_span_allocates_nothing_beyond_the_registrys_own() {
    let bare = with_default(registry(), || warm(entered));
    let tracer = Tracer::builder().build();
    let bridged = with_default(registry().with(hopline_tracing::layer()), || {
        warm(|| support::root(&tracer).in_scope(entered))
    });
    // a thousand traces allocate a few batches, independent of their content
    assert!(bridged < bare + 10, "{bridged} allocations, bare {bare}");
}

#[test]
fn ids_allocate_nothing_beyond_the_formats_own() {
    let json = || fmt::layer().json().with_writer(std::io::sink);
    let logged = || {
        let tracer = Tracer::builder().build();
        support::root(&tracer).in_scope(|| warm(|| info!(answer = 42, "hello")))
    };
    let without = with_default(registry().with(json()), logged);
    let format = json().map_event_format(hopline_tracing::with_ids);
    let with = with_default(registry().with(format), logged);
    assert_eq!(with, without);
}
