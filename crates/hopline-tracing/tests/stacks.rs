//! The layer among other layers: in every wrapper, in every order, and beside filters that see more or less than it.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use hopline_core::{FutureExt as _, Incoming, span};
use hopline_tracing::{SpanExt as _, builder, layer};
use tracing::span::{Attributes, Id};
use tracing::subscriber::with_default;
use tracing::{Dispatch, Instrument as _, Level, Subscriber, debug_span, info_span, trace_span};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, fmt, registry};

/// Counts the spans that another layer sees, from creation to close.
#[derive(Clone, Debug, Default)]
struct Seen {
    created: Arc<AtomicUsize>,
    entered: Arc<AtomicUsize>,
    closed: Arc<AtomicUsize>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Seen {
    fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.created.fetch_add(1, Relaxed);
    }

    fn on_enter(&self, _: &Id, _: Context<'_, S>) {
        self.entered.fetch_add(1, Relaxed);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        assert!(
            context.span(&id).is_some(),
            "the span is there until all have seen its end"
        );
        self.closed.fetch_add(1, Relaxed);
    }
}

impl Seen {
    fn counts(&self) -> [usize; 3] {
        [&self.created, &self.entered, &self.closed].map(|count| count.load(Relaxed))
    }
}

fn quiet<S: Subscriber + for<'a> LookupSpan<'a>>(filter: &str) -> impl Layer<S> {
    fmt::layer()
        .with_writer(std::io::sink)
        .with_filter(EnvFilter::new(filter))
}

#[test]
fn the_layer_works_in_every_wrapper_and_order() {
    let none: Option<hopline_tracing::Layer<_>> = None;
    let stacks: [(&str, Dispatch); 9] = [
        ("alone", registry().with(layer()).into()),
        ("boxed", registry().with(layer().boxed()).into()),
        ("optional", registry().with(Some(layer())).into()),
        ("beside none", registry().with(none).with(layer()).into()),
        (
            "in a vector",
            registry()
                .with(vec![layer().boxed(), quiet("trace").boxed()])
                .into(),
        ),
        (
            "in a tree",
            registry().with(layer().and_then(quiet("off"))).into(),
        ),
        (
            "below",
            registry().with(layer()).with(quiet("trace")).into(),
        ),
        ("above", registry().with(quiet("off")).with(layer()).into()),
        (
            "above a layer without a filter",
            registry().with(Seen::default()).with(layer()).into(),
        ),
    ];
    for (stack, dispatch) in stacks {
        let (tracer, spans) = hopline_testing::tracer("shop");
        tracing::dispatcher::with_default(&dispatch, || {
            support::root(&tracer).in_scope(|| {
                info_span!("outer").in_scope(|| {
                    debug_span!("hidden").in_scope(|| {
                        info_span!("inner").in_scope(|| span("query").end());
                    });
                });
            });
        });
        assert_eq!(
            spans.tree(),
            "GET / ▸ shop\n└─ outer\n   └─ inner\n      └─ query\n",
            "{stack}"
        );
    }
}

#[test]
fn other_layers_see_each_span_that_they_want() {
    for hopline_first in [true, false] {
        let (all, some) = (Seen::default(), Seen::default());
        let debug = LevelFilter::DEBUG;
        let dispatch: Dispatch = if hopline_first {
            registry()
                .with(layer())
                .with(all.clone())
                .with(some.clone().with_filter(debug))
                .into()
        } else {
            registry()
                .with(some.clone().with_filter(debug))
                .with(all.clone())
                .with(layer())
                .into()
        };
        let (tracer, spans) = hopline_testing::tracer("shop");
        tracing::dispatcher::with_default(&dispatch, || {
            support::root(&tracer).in_scope(|| {
                info_span!("info").in_scope(|| {});
                debug_span!("debug").in_scope(|| {});
                trace_span!("trace").in_scope(|| {});
            });
        });
        assert_eq!(all.counts(), [3; 3]);
        assert_eq!(some.counts(), [2; 3]);
        assert_eq!(spans.tree(), "GET / ▸ shop\n└─ info\n");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_that_only_another_layer_wants_cross_threads_without_harm() {
    let seen = Seen::default();
    let dispatch: Dispatch = registry().with(layer()).with(seen.clone()).into();
    let (tracer, spans) = hopline_testing::tracer("shop");
    let request = support::root(&tracer);
    let context = request.context();
    let work = tracing::dispatcher::with_default(&dispatch, || {
        let hidden = trace_span!("hidden");
        async {
            for _ in 0..10 {
                span("query").end();
                tokio::task::yield_now().await;
            }
        }
        .instrument(hidden)
    });
    tokio::spawn(work.in_context(context)).await.unwrap();
    request.end();
    assert_eq!(spans.named("query").len(), 10);
    assert!(spans.named("hidden").is_empty());
    spans.named("query").iter().for_each(|query| {
        assert_eq!(query.parent, Some(spans.named("GET /")[0].span_id));
    });
    // once for each poll, and once more for the drop of the future
    let [created, entered, closed] = seen.counts();
    assert_eq!((created, closed), (1, 1));
    assert!(entered >= 11, "{entered}");
}

#[test]
fn a_tracer_that_is_shut_down_within_a_span_exports_those_that_have_ended() {
    let (tracer, spans) = hopline_testing::tracer("shop");
    with_default(registry().with(layer()), || {
        let mut request = support::root(&tracer);
        request.in_scope(|| {
            info_span!("ended").in_scope(|| {});
            let open = info_span!("open").entered();
            tracer.shutdown(Duration::ZERO).unwrap();
            info_span!("after").in_scope(|| tracing::info!("nothing records it"));
            drop(open);
        });
        request.end();
    });
    assert_eq!(spans.named("ended").len(), 1);
}

#[test]
fn a_parent_decides_about_sampling_and_is_sent_on() {
    for (flags, recorded) in [("01", true), ("00", false)] {
        let (tracer, spans) = hopline_testing::tracer("worker");
        with_default(registry().with(builder().tracer(tracer).layer()), || {
            let parent = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
            let headers = std::collections::HashMap::from([("traceparent".to_owned(), parent)]);
            let process = info_span!("process");
            process.set_parent(Incoming::extract(&headers)).unwrap();
            process.in_scope(|| {
                let mut sent = std::collections::HashMap::new();
                hopline_core::Context::current().inject(&mut sent);
                assert_eq!(sent["traceparent"][3..35], headers["traceparent"][3..35]);
                assert_eq!(sent["traceparent"][53..], *flags);
                info_span!("step").in_scope(|| {});
            });
        });
        assert_eq!(spans.all().len(), if recorded { 2 } else { 0 }, "{flags}");
    }
}

#[test]
fn a_parent_without_ids_makes_a_span_the_root_of_a_new_trace() {
    let (tracer, spans) = hopline_testing::tracer("worker");
    with_default(registry().with(builder().tracer(tracer).layer()), || {
        for name in ["not-a-parent", ""] {
            let headers =
                std::collections::HashMap::from([("traceparent".to_owned(), name.to_owned())]);
            let process = tracing::span!(Level::INFO, "process");
            process.set_parent(Incoming::extract(&headers)).unwrap();
            process.in_scope(|| {});
        }
    });
    let [one, two] = &spans.named("process")[..] else {
        panic!("{}", spans.tree());
    };
    assert!(one.parent.is_none() && two.parent.is_none());
    assert_ne!(one.trace_id, two.trace_id);
}
