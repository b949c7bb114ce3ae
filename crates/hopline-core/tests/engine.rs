//! The guarantees of the span engine, through its public interface.

use std::time::{Duration, SystemTime};

use hopline_core::{
    Baggage, Context, FutureExt, Incoming, Span, SpanBuilder, SpanContext, SpanKind, TracerBuilder,
    attr, export::StatusData, span,
};
use hopline_test_support::start::{PARENT, clocked, incoming, names, root, unsampled};
use hopline_testing::tracer_with;

#[test]
fn spans_end_in_any_order_on_any_thread() {
    let (tracer, memory) = tracer_with(|builder| builder);
    let mut request = root(&tracer, "request");
    let (first, second) = request.in_scope(|| (span("first"), span("second")));
    let grandchild = SpanBuilder::new("grandchild")
        .child_of(second.context_ref())
        .start();
    first.end();
    std::thread::spawn(move || drop(second)).join().unwrap();
    request.end();
    assert_eq!(names(&memory), ["request", "first", "second"]);
    grandchild.end();
    let late = memory.take();
    assert_eq!(late.len(), 1);
    assert_eq!(late[0].name, "grandchild");
    assert!(late[0].parent.is_some() && !late[0].parent_is_remote);
}

#[test]
fn attributes_keep_their_type_and_the_last_value() {
    let (tracer, memory) = tracer_with(|builder| builder);
    let dynamic = format!("route {}", 7);
    let request = SpanBuilder::new(&dynamic)
        .tracer(&tracer)
        .parent(Incoming::default())
        .attributes(|| {
            [
                attr("number", 1),
                attr("text", "one"),
                attr("none", None::<bool>),
                attr("list", &["a", "b"][..]),
            ]
        })
        .start();
    request.set("number", 2_u64);
    request.set_all(|| [attr("ratio", 0.5), attr("yes", true)]);
    request.rename("renamed");
    request.end();
    let [span] = &memory.take()[..] else {
        panic!("one span")
    };
    assert_eq!(span.name, "renamed");
    let printed: Vec<String> = span
        .attributes
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(
        printed,
        [
            "text=one",
            "list=[a, b]",
            "hopline.sampling.rule=* 100%",
            "number=2",
            "ratio=0.5",
            "yes=true"
        ]
    );
    assert_eq!(span.attribute("number").unwrap().as_i64(), Some(2));
}

#[test]
fn events_links_and_errors_are_on_their_span() {
    let (tracer, memory) = tracer_with(|builder| builder);
    let other: SpanContext = PARENT.parse().unwrap();
    let links = [other.clone()];
    let mut request = SpanBuilder::new("request")
        .links(&links)
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
    let child = request.in_scope(|| span("child"));
    child.event("downstream_error", || [attr("peer", "payments")]);
    child.event("empty", || []);
    child.fail_with("card_declined", "the card was declined");
    child.fail("503");
    request.event("seen", || []);
    child.end();
    request.end();
    let spans = memory.take();
    assert_eq!(spans[0].links[0].span_context, other);
    assert_eq!(
        spans[0]
            .events
            .iter()
            .map(|event| event.name.as_str())
            .collect::<Vec<_>>(),
        ["seen"]
    );
    assert!(!spans[0].is_error(), "a child's error is not its parent's");
    assert_eq!(
        spans[1].events[0].attributes[0].1.as_str(),
        Some("payments")
    );
    assert!(spans[1].events[1].attributes.is_empty());
    assert_eq!(
        spans[1].status,
        StatusData::Error {
            message: "the card was declined".into()
        }
    );
    assert_eq!(spans[1].text("error.type"), Some("card_declined"));
    assert_eq!(spans[1].attributes.len(), 1, "the message is no attribute");
}

#[test]
fn error_messages_are_recorded_only_if_configured() {
    let error = std::io::Error::other("password=hunter2");
    let boxed: Box<dyn std::error::Error> = "secret".into();
    let record = |configure: fn(TracerBuilder) -> TracerBuilder| {
        let (tracer, memory) = tracer_with(configure);
        let request = root(&tracer, "request");
        request.record_error(&error);
        request.end();
        memory.take().remove(0)
    };
    let silent = record(|builder| builder);
    assert_eq!(
        silent.status,
        StatusData::Error {
            message: String::new()
        }
    );
    assert_eq!(silent.text("error.type"), Some("std::io::error::Error"));
    assert_eq!(
        record(TracerBuilder::error_messages).status,
        StatusData::Error {
            message: "password=hunter2".into()
        }
    );
    let (tracer, memory) = tracer_with(|builder| builder);
    root(&tracer, "request").record_error(&*boxed);
    assert_eq!(memory.take()[0].text("error.type"), Some("_OTHER"));
}

#[test]
fn a_remote_parent_is_continued_and_its_flags_followed() {
    let (tracer, memory) = tracer_with(|builder| builder);
    let request = SpanBuilder::new("request")
        .tracer(&tracer)
        .parent(incoming(PARENT))
        .start();
    let context = request.span_context().unwrap();
    assert_eq!(
        context.trace_id().to_string(),
        "4bf92f3577b34da6a3ce929d0e0e4736"
    );
    assert!(context.is_sampled() && !context.is_remote());
    request.end();
    let span = memory.take().remove(0);
    assert!(span.parent_is_remote);
    assert_eq!(span.parent.unwrap().to_string(), "00f067aa0ba902b7");

    let unsampled = PARENT.replace("-01", "-02");
    let request = SpanBuilder::new("request")
        .tracer(&tracer)
        .parent(incoming(&unsampled))
        .start();
    assert!(!request.is_recording());
    assert_eq!(
        request.span_context().unwrap().flags().bits(),
        2,
        "the random bit is forwarded"
    );
    assert_ne!(
        request.span_context().unwrap().span_id().to_string(),
        "00f067aa0ba902b7"
    );
}

#[test]
fn calls_of_an_unrecorded_trace_send_ids_of_their_own() {
    let (tracer, _) = tracer_with(|builder| builder.plan(unsampled()));
    let request = root(&tracer, "request");
    let call = || {
        SpanBuilder::new("GET")
            .kind(SpanKind::Client)
            .child_of(request.context_ref())
            .attributes(|| -> [_; 0] { panic!("not recorded") })
            .start()
    };
    let (one, two) = (
        call().span_context().unwrap(),
        call().span_context().unwrap(),
    );
    assert_eq!(one.trace_id(), two.trace_id());
    assert_ne!(one.span_id(), two.span_id());
    assert!(!one.is_sampled());
}

#[test]
fn without_a_tracer_the_context_is_forwarded_unchanged() {
    let mut received = incoming(PARENT);
    received.parent = received
        .parent
        .map(|parent| parent.with_tracestate("congo=1".parse_state()));
    received.baggage = Baggage::default().with("k", "v").unwrap();
    let mut request = SpanBuilder::new("request").parent(received).start();
    let mut headers =
        std::collections::BTreeMap::from([("Tracestate".to_owned(), "stale=1".to_owned())]);
    request.in_scope(|| {
        let call = SpanBuilder::new("GET").kind(SpanKind::Client).start();
        call.context_ref().inject(&mut headers);
    });
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        headers,
        [
            ("baggage", "k=v"),
            ("traceparent", PARENT),
            ("tracestate", "congo=1")
        ]
    );
}

trait ParseState {
    fn parse_state(&self) -> hopline_core::propagation::TraceState;
}

impl ParseState for str {
    fn parse_state(&self) -> hopline_core::propagation::TraceState {
        hopline_core::propagation::TraceState::parse([self]).unwrap()
    }
}

#[test]
fn in_a_request_that_is_not_to_be_recorded_nothing_is() {
    let (tracer, memory) = tracer_with(|builder| builder);
    for came_in in [Incoming::default(), incoming(PARENT)] {
        let mut request = Span::unrecorded(came_in.clone());
        request.in_scope(|| {
            let call = SpanBuilder::new("call")
                .kind(SpanKind::Client)
                .tracer(&tracer)
                .start();
            assert!(!call.is_recording());
            let sent = call.span_context().unwrap();
            match came_in.parent {
                Some(received) => assert_eq!(sent, received, "the context is forwarded unchanged"),
                None => assert!(!sent.is_sampled(), "the next service begins nothing"),
            }
        });
    }
    assert_eq!(memory.take(), []);
}

#[test]
fn late_children_follow_the_decision() {
    let (tracer, memory) = tracer_with(|builder| builder.plan(unsampled().keep_errors()));
    let request = root(&tracer, "request");
    let late = SpanBuilder::new("late")
        .child_of(request.context_ref())
        .start();
    let context = request.context();
    request.end();
    late.fail("too late");
    late.end();
    let later = SpanBuilder::new("later").child_of(&context).start();
    assert!(!later.is_recording());
    drop(later);
    assert_eq!(memory.take(), []);
    assert_eq!(tracer.stats().lost_spans, 0, "discarded is not lost");
}

#[test]
fn an_old_context_never_writes_on_another_span() {
    let (tracer, memory) = tracer_with(|builder| builder);
    let request = root(&tracer, "request");
    let context = request.context();
    request.end();
    memory.take();
    let late = SpanBuilder::new("late").child_of(&context).start();
    context.set("misplaced", true);
    context.fail("misplaced");
    late.end();
    let late = memory.take().remove(0);
    assert!(late.attributes.is_empty() && !late.is_error());
    assert_eq!(tracer.stats().lost_details, 2);
}

#[test]
fn start_and_end_may_be_given() {
    let (tracer, memory) = tracer_with(|builder| builder);
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let request = root(&tracer, "request");
    let job = SpanBuilder::new("job")
        .start_time(start)
        .child_of(request.context_ref())
        .start();
    job.end_at(start + Duration::from_millis(3));
    let odd = SpanBuilder::new("odd")
        .start_time(start)
        .child_of(request.context_ref())
        .start();
    odd.end_at(start - Duration::from_secs(1));
    request.end();
    let spans = memory.take();
    assert_eq!(spans[1].start_unix_nanos, 1_000_000_000_000_000);
    assert_eq!(spans[1].duration_nanos(), 3_000_000);
    assert_eq!(spans[2].duration_nanos(), 0);
}

#[test]
fn a_start_some_time_ago_is_of_the_traces_clock() {
    let (tracer, clock, memory) = clocked("* 100%");
    let request = root(&tracer, "request");
    clock.advance(Duration::from_millis(5));
    let part = SpanBuilder::new("part").start_ago(Duration::from_millis(3));
    part.child_of(request.context_ref()).start().end();
    let ever = SpanBuilder::new("ever").start_ago(Duration::MAX);
    ever.child_of(request.context_ref()).start().end();
    request.end();
    let spans = memory.take();
    assert_eq!(
        (spans[1].start_unix_nanos, spans[1].duration_nanos()),
        (2_000_000, 3_000_000)
    );
    assert_eq!(spans[2].start_unix_nanos, 0);
}

#[test]
fn to_be_cancelled_is_no_failure_and_hides_none() {
    let (tracer, memory) = tracer_with(|builder| builder);
    let (gone, failed) = (root(&tracer, "gone"), root(&tracer, "failed"));
    gone.cancel();
    failed.fail("503");
    failed.cancel();
    drop((gone, failed));
    let spans = memory.take();
    assert_eq!(
        (spans[0].text("error.type"), spans[0].is_error()),
        (Some("cancelled"), false)
    );
    assert_eq!(
        (spans[1].text("error.type"), spans[1].is_error()),
        (Some("503"), true)
    );
}

#[test]
fn baggage_becomes_attributes_by_allow_list_only() {
    let (tracer, memory) = tracer_with(|builder| builder.baggage_attributes(["tenant_id"]));
    let baggage = Baggage::default()
        .with("tenant_id", "acme")
        .unwrap()
        .with("session", "secret")
        .unwrap();
    let mut request = SpanBuilder::new("request")
        .tracer(&tracer)
        .parent(Incoming {
            baggage,
            ..Incoming::default()
        })
        .start();
    request.in_scope(|| span("child").end());
    request.end();
    for span in memory.take() {
        let attributes: Vec<String> = span
            .attributes
            .iter()
            .filter(|(key, _)| !key.starts_with("hopline."))
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(attributes, ["tenant_id=acme"], "{}", span.name);
    }
}

#[tokio::test]
async fn a_context_is_current_only_while_its_future_is_polled() {
    let (tracer, memory) = tracer_with(|builder| builder);
    let request = root(&tracer, "request");
    let branch = |name: &'static str| {
        async move {
            tokio::task::yield_now().await;
            span(name).end();
        }
        .in_span(
            SpanBuilder::new(name)
                .child_of(request.context_ref())
                .start(),
        )
    };
    tokio::join!(branch("a"), branch("b"));
    assert!(Context::current().span_context().is_none());
    request.end();
    let spans = memory.take();
    for name in ["a", "b"] {
        let ids: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
        assert_eq!(ids[1].parent, Some(ids[0].span_id), "{name}");
    }
}

#[tokio::test]
async fn a_dropped_future_is_dropped_in_its_context() {
    struct Rollback;
    impl Drop for Rollback {
        fn drop(&mut self) {
            span("rollback").end();
        }
    }
    let (tracer, memory) = tracer_with(|builder| builder);
    let work = async {
        let _rollback = Rollback;
        std::future::pending::<()>().await;
    };
    let waited = tokio::time::timeout(
        Duration::from_millis(1),
        work.in_span(root(&tracer, "request")),
    )
    .await;
    assert!(waited.is_err());
    let spans = memory.take();
    assert_eq!(
        spans
            .iter()
            .map(|span| span.name.as_str())
            .collect::<Vec<_>>(),
        ["request", "rollback"]
    );
    assert_eq!(spans[1].parent, Some(spans[0].span_id));
}

#[test]
fn a_panic_puts_back_what_was_current() {
    let (tracer, memory) = tracer_with(|builder| builder);
    let mut request = root(&tracer, "request");
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        request.in_scope(|| panic!("handler"))
    }));
    assert!(caught.is_err());
    assert!(Context::current().span_context().is_none());
    request.end();
    assert_eq!(names(&memory), ["request"]);
}

#[test]
fn another_tracer_begins_a_local_trace_of_its_own() {
    let (outer, outer_memory) = tracer_with(|builder| builder.service("outer"));
    let (inner, inner_memory) = tracer_with(|builder| builder.service("inner"));
    let mut request = root(&outer, "request");
    request.in_scope(|| SpanBuilder::new("call").tracer(&inner).start().end());
    let call = inner_memory.take().remove(0);
    assert_eq!(call.service(), "inner");
    assert_eq!(
        call.parent,
        request.span_context().map(|context| context.span_id())
    );
    assert!(!call.parent_is_remote);
    request.end();
    assert_eq!(names(&outer_memory), ["request"]);
}

#[test]
fn after_shutdown_nothing_is_recorded_and_that_is_counted() {
    let (tracer, memory) = tracer_with(|builder| builder);
    let open = root(&tracer, "open");
    assert_eq!(tracer.shutdown(Duration::from_secs(1)), Ok(()));
    let late = SpanBuilder::new("late")
        .tracer(&tracer)
        .parent(incoming(PARENT))
        .start();
    assert!(!late.is_recording());
    assert_eq!(
        late.span_context().unwrap().trace_id().to_string(),
        "4bf92f3577b34da6a3ce929d0e0e4736"
    );
    assert_eq!(tracer.stats().after_shutdown, 1);
    drop(open);
    assert_eq!(
        names(&memory),
        ["open"],
        "what had begun still reaches the sinks"
    );
}
