//! Spans of `tracing` in the trace: parents, times, fields, special fields, links.

mod support;

use std::error::Error;
use std::fmt;

use hopline_core::export::{OwnedValue, StatusData};
use hopline_core::{FutureExt as _, SpanKind, span};
use hopline_testing::{Spans, assert_tree};
use hopline_tracing::SpanExt as _;
use support::request;
use tracing::{Instrument as _, Span, field, info_span};

fn inside(work: impl FnOnce()) -> Spans {
    let (mut root, spans) = request();
    root.in_scope(work);
    root.end();
    spans
}

#[test]
fn spans_of_both_kinds_nest_in_each_other() {
    let spans = inside(|| {
        let outer = info_span!("outer").entered();
        span("hopline").in_scope(|| {
            info_span!("inner").in_scope(|| span("innermost").end());
        });
        drop(outer);
        info_span!("sibling").in_scope(|| {});
    });
    assert_tree(
        &spans.all(),
        "
GET / ▸ shop
├─ outer
│  └─ hopline
│     └─ inner
│        └─ innermost
└─ sibling
",
    );
}

#[test]
fn a_span_that_is_not_entered_is_a_leaf() {
    let spans = inside(|| {
        let waiting = info_span!("waiting");
        info_span!("other").in_scope(|| {});
        drop(waiting);
    });
    assert_tree(&spans.all(), "GET / ▸ shop\n├─ waiting\n└─ other");
}

#[test]
fn an_explicit_parent_is_the_parent() {
    let spans = inside(|| {
        let parent = info_span!("parent");
        let _other = info_span!("other").entered();
        info_span!(parent: &parent, "child").in_scope(|| {});
    });
    spans.one("child").child_of("parent");
}

#[test]
fn an_explicit_parent_that_a_filter_hides_falls_back_to_the_current_span() {
    let spans = inside(|| {
        let hidden = tracing::trace_span!("hidden");
        let _current = info_span!("current").entered();
        info_span!(parent: &hidden, "child").in_scope(|| {});
    });
    spans.one("child").child_of("current");
}

#[test]
fn children_of_a_hidden_span_attach_to_the_next_one_above() {
    let spans = inside(|| {
        let _outer = info_span!("outer").entered();
        let _hidden = tracing::debug_span!("hidden").entered();
        info_span!("inner").in_scope(|| {});
    });
    spans.one("inner").child_of("outer");
    assert_eq!(spans.all().len(), 3);
}

#[test]
fn a_span_outside_any_trace_starts_none() {
    let (root, spans) = request();
    info_span!("job").in_scope(|| info_span!("step").in_scope(|| {}));
    drop(root);
    assert_eq!(spans.all().len(), 1);
}

#[test]
fn times_last_from_creation_to_close() {
    let spans = inside(|| {
        let span = info_span!("work");
        std::thread::sleep(std::time::Duration::from_millis(5));
        span.in_scope(|| {});
        std::thread::sleep(std::time::Duration::from_millis(5));
    });
    assert!(spans.named("work")[0].duration_nanos() >= 10_000_000);
}

#[test]
fn fields_keep_their_types() {
    let spans = inside(|| {
        let span = info_span!(
            "typed",
            truth = true,
            small = 7_u8,
            large = u64::MAX,
            fits = i128::from(i64::MIN),
            beyond = u128::MAX,
            float = 1.5,
            text = "plain",
            shown = %"shown",
            debug = ?Some(1),
            late = field::Empty,
            never = field::Empty,
        );
        span.record("late", 9);
    });
    let span = &spans.named("typed")[0];
    let value = |key| span.attribute(key).cloned();
    let text = |text: &str| Some(OwnedValue::Text(text.to_owned()));
    assert_eq!(value("truth"), Some(OwnedValue::Bool(true)));
    assert_eq!(value("small"), Some(OwnedValue::I64(7)));
    assert_eq!(value("large"), text("18446744073709551615"));
    assert_eq!(value("fits"), Some(OwnedValue::I64(i64::MIN)));
    assert_eq!(value("beyond"), text(&u128::MAX.to_string()));
    assert_eq!(value("float"), Some(OwnedValue::F64(1.5)));
    assert_eq!(value("text"), text("plain"));
    assert_eq!(value("shown"), text("shown"));
    assert_eq!(value("debug"), text("Some(1)"));
    assert_eq!(value("late"), Some(OwnedValue::I64(9)));
    assert_eq!(value("never"), None);
    assert_eq!(span.attributes.len(), 10, "nothing else is recorded");
}

#[test]
fn more_fields_than_are_handed_over_at_once_all_arrive() {
    let spans = inside(|| {
        let _span = info_span!(
            "wide",
            a = 1,
            b = 2,
            c = 3,
            d = 4,
            e = 5,
            f = 6,
            g = 7,
            h = 8,
            i = 9,
            j = 10,
            k = 11,
            l = 12,
            m = 13,
            n = 14,
            o = 15,
            p = 16,
            q = 17,
            r = 18,
            s = 19,
            t = 20
        );
    });
    let span = &spans.named("wide")[0];
    assert_eq!(span.attributes.len(), 20);
    assert_eq!(span.attribute("t"), Some(&OwnedValue::I64(20)));
}

#[test]
fn a_long_value_is_cut_and_a_debug_that_panics_costs_its_fields_only() {
    struct Broken;
    impl fmt::Debug for Broken {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("a broken Debug");
        }
    }
    struct Endless;
    impl fmt::Debug for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("é-")?;
            }
        }
    }
    let long = "x".repeat(16 * 1024 + 1);
    let spans = inside(|| {
        info_span!("endless", value = ?Endless).in_scope(|| {});
        info_span!("broken", value = ?Broken).in_scope(|| {});
        info_span!("after", value = long).in_scope(|| {});
    });
    spans.one("after").attribute("value", &long[1..]);
    let endless = &spans.named("endless")[0];
    let value = endless.attribute("value").unwrap().to_string();
    assert!((1..=16 * 1024).contains(&value.len()), "{}", value.len());
    assert_eq!(spans.all().len(), 4);
}

#[test]
fn a_debug_that_logs_does_not_deadlock() {
    #[derive(Clone)]
    struct Chatty(Span);
    impl fmt::Debug for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            tracing::info!(parent: &self.0, nested = ?1, "from within Debug");
            self.0.record("seen", 1);
            info_span!("child of Debug", n = 1).in_scope(|| {});
            f.write_str("chatty")
        }
    }
    let spans = inside(|| {
        let span = info_span!("span", seen = field::Empty, value = field::Empty);
        let chatty = Chatty(span.clone());
        span.in_scope(|| {
            span.record("value", field::debug(&chatty));
            tracing::info!(?chatty, "event");
            info_span!("other", ?chatty).in_scope(|| {});
        });
    });
    spans
        .one("span")
        .attribute("value", "chatty")
        .attribute("seen", 1);
    assert_eq!(spans.named("child of Debug").len(), 3);
    assert_eq!(spans.named("span")[0].events.len(), 4);
}

#[test]
fn special_fields_are_honoured_at_creation_and_late() {
    let spans = inside(|| {
        info_span!(
            "early",
            otel.name = "GET /prices",
            otel.kind = "Client",
            otel.status_code = "ERROR",
            otel.status_message = "no answer",
        )
        .in_scope(|| {});
        let late = info_span!(
            "late",
            otel.name = field::Empty,
            otel.kind = field::Empty,
            otel.status_code = field::Empty,
            otel.status_description = field::Empty,
        );
        late.record("otel.name", "receive mails");
        late.record("otel.kind", "consumer");
        late.record("otel.status_code", "ok");
    });
    let early = &spans.named("GET /prices")[0];
    assert_eq!(early.kind, SpanKind::Client);
    assert!(matches!(&early.status, StatusData::Error { message, .. } if message == "no answer"));
    let late = &spans.named("receive mails")[0];
    assert_eq!(late.kind, SpanKind::Consumer);
    assert_eq!(late.status, StatusData::Unset);
    assert!(early.attribute("otel.kind").is_none());
}

#[test]
fn follows_from_becomes_a_link() {
    let spans = inside(|| {
        let cause = info_span!("cause");
        let other = info_span!("other");
        let effect = info_span!("effect");
        effect.follows_from(&cause);
        effect.follows_from(other.id());
    });
    let effect = &spans.named("effect")[0];
    let linked: Vec<_> = effect
        .links
        .iter()
        .map(|link| link.span_context.span_id())
        .collect();
    assert_eq!(
        linked,
        [
            spans.named("cause")[0].span_id,
            spans.named("other")[0].span_id
        ]
    );
}

#[test]
fn follows_from_a_span_that_has_closed_makes_no_link_but_its_context_can_be_linked() {
    let spans = inside(|| {
        let cause = info_span!("cause");
        let (id, context) = (cause.id(), cause.context());
        drop(cause);
        let effect = info_span!("effect");
        effect.follows_from(id);
        let linked = info_span!("linked");
        linked.link(&context.span_context().unwrap()).unwrap();
    });
    assert!(spans.named("effect")[0].links.is_empty());
    let links = &spans.named("linked")[0].links;
    assert_eq!(
        links[0].span_context.span_id(),
        spans.named("cause")[0].span_id
    );
}

#[test]
fn a_span_without_a_parent_belongs_to_the_current_one_within_a_trace() {
    let spans = inside(|| {
        info_span!("outer").in_scope(|| {
            info_span!(parent: None, "inner").in_scope(|| {});
        });
    });
    spans.one("inner").child_of("outer");
}

#[test]
fn fields_for_a_metrics_layer_and_bytes_are_ordinary_attributes() {
    let spans = inside(|| {
        info_span!(
            "paid",
            monotonic_counter.payments = 1_u64,
            histogram.amount = 12.5,
            receipt = &b"\x01\xff"[..]
        )
        .in_scope(|| {});
    });
    let paid = spans.one("paid");
    let paid = paid.attribute("monotonic_counter.payments", 1);
    let paid = paid.attribute("histogram.amount", 12.5);
    paid.attribute("receipt", "[01 ff]");
}

#[derive(Debug)]
struct Timeout;

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out")
    }
}

impl Error for Timeout {}

#[derive(Debug)]
struct Failed(Timeout);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call failed")
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn the_text_of_errors_is_recorded_only_where_the_tracer_records_messages() {
    support::install();
    for (messages, expected) in [(false, "REDACTED"), (true, "the call failed: timed out")] {
        let (tracer, spans) = hopline_testing::tracer_with(|builder| {
            if messages {
                builder.error_messages()
            } else {
                builder
            }
        });
        support::root(&tracer).in_scope(|| {
            let error = Failed(Timeout);
            let error: &(dyn Error + 'static) = &error;
            info_span!("call", cause = error).in_scope(|| {});
        });
        spans.one("call").attribute("cause", expected);
    }
}

#[tracing::instrument(skip(connection), fields(rows = field::Empty))]
async fn load(connection: &str, id: u32) -> u32 {
    Span::current().record("rows", 2);
    tokio::task::yield_now().await;
    let inner = span("db.query");
    async { tokio::task::yield_now().await }
        .in_span(inner)
        .await;
    assert_eq!(connection, "db");
    id + 1
}

async fn instrumented() -> Spans {
    let (root, spans) = request();
    async {
        let (a, b) = tokio::join!(load("db", 1), load("db", 2));
        assert_eq!((a, b), (2, 3));
        async {}.instrument(info_span!("empty")).await;
    }
    .in_span(root)
    .await;
    spans
}

const INSTRUMENTED: &str = "
GET / ▸ shop
├─ load
│  └─ db.query
├─ load
│  └─ db.query
└─ empty
";

#[tokio::test]
async fn instrumented_functions_nest_on_one_thread() {
    let spans = instrumented().await;
    assert_tree(&spans.all(), INSTRUMENTED);
    let load = &spans.named("load")[0];
    assert_eq!(load.attribute("id"), Some(&OwnedValue::I64(1)));
    assert_eq!(load.attribute("rows"), Some(&OwnedValue::I64(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn instrumented_functions_nest_on_many_threads() {
    let tasks: Vec<_> = (0..64).map(|_| tokio::spawn(instrumented())).collect();
    for task in tasks {
        assert_tree(&task.await.unwrap().all(), INSTRUMENTED);
    }
}
