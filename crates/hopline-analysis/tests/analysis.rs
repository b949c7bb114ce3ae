//! Results for hand-made traces, and for traces that no correct service makes.

use std::sync::Arc;

use hopline_analysis::{
    Expectations, Node, TreeOptions, latency, repeated_statements, self_check, service_map, traces,
};
use hopline_core::export::{LinkData, SpanData, StatusData};
use hopline_core::{Resource, SpanContext, SpanId, SpanKind, TraceFlags, TraceId};
use proptest::prelude::*;

const MS: u64 = 1_000_000;

/// A span of trace 1 by number, from and to in milliseconds.
fn span(
    id: u64,
    parent: u64,
    service: &str,
    name: &str,
    kind: SpanKind,
    times: (u64, u64),
) -> SpanData {
    let mut span = SpanData::new(
        name,
        TraceId::from_u128(1).unwrap(),
        SpanId::from_u64(id).unwrap(),
    );
    span.parent = SpanId::from_u64(parent);
    span.kind = kind;
    (span.start_unix_nanos, span.end_unix_nanos) = (times.0 * MS, times.1 * MS);
    span.resource = Arc::new(Resource::new(service));
    span.parent_is_remote = matches!(kind, SpanKind::Server | SpanKind::Consumer) && parent > 0;
    if kind == SpanKind::Consumer {
        let publisher = SpanContext::new(
            span.trace_id,
            SpanId::from_u64(parent).unwrap(),
            TraceFlags::SAMPLED,
        );
        span.links.push(LinkData {
            span_context: publisher,
        });
    }
    span
}

fn with(mut span: SpanData, attributes: &[(&str, &str)]) -> SpanData {
    span.attributes.extend(
        attributes
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).into())),
    );
    span
}

fn code(mut span: SpanData, code: i64) -> SpanData {
    span.attributes
        .push(("http.response.status_code".to_owned(), code.into()));
    span
}

fn failed(span: SpanData, error_type: &str, message: &str) -> SpanData {
    let mut span = with(span, &[("error.type", error_type)]);
    span.status = StatusData::Error {
        message: message.to_owned(),
    };
    span
}

/// A gateway, a service with a database, a queue and a worker.
fn whole() -> Vec<SpanData> {
    const DATABASE: [(&str, &str); 4] = [
        ("db.system.name", "sqlite"),
        ("db.namespace", "shop.sqlite"),
        ("db.query.summary", "INSERT orders"),
        ("db.query.text", "INSERT INTO orders VALUES (?)"),
    ];
    const QUEUE: [(&str, &str); 2] = [
        ("messaging.system", "rabbitmq"),
        ("messaging.destination.name", "order.placed"),
    ];
    let sent = ("messaging.operation.type", "send");
    let processed = ("messaging.operation.type", "process");
    vec![
        code(
            span(
                1,
                0,
                "gateway",
                "POST /checkout",
                SpanKind::Server,
                (0, 100),
            ),
            201,
        ),
        span(2, 1, "gateway", "auth.verify", SpanKind::Internal, (1, 5)),
        code(
            span(3, 1, "gateway", "POST", SpanKind::Client, (10, 95)),
            201,
        ),
        code(
            span(4, 3, "orders", "POST /orders", SpanKind::Server, (15, 90)),
            201,
        ),
        with(
            span(5, 4, "orders", "db.query", SpanKind::Client, (20, 60)),
            &DATABASE,
        ),
        with(
            with(
                span(
                    6,
                    4,
                    "orders",
                    "publish.message",
                    SpanKind::Producer,
                    (70, 80),
                ),
                &QUEUE,
            ),
            &[sent],
        ),
        with(
            with(
                span(
                    7,
                    6,
                    "worker",
                    "process.message",
                    SpanKind::Consumer,
                    (85, 130),
                ),
                &QUEUE,
            ),
            &[processed],
        ),
        span(8, 7, "worker", "mail.send", SpanKind::Internal, (90, 120)),
    ]
}

fn tree(spans: &[SpanData], options: &TreeOptions) -> String {
    traces(spans)
        .iter()
        .map(|trace| trace.tree(options))
        .collect()
}

#[test]
fn a_tree_for_tests_shows_structure_and_outcome() {
    assert_eq!(
        tree(&whole(), &TreeOptions::snapshot()),
        "\
POST /checkout ▸ gateway  201
├─ auth.verify
└─ POST  201
   └─ POST /orders ▸ orders  201
      ├─ db.query  INSERT orders ▸ sqlite
      └─ publish.message  order.placed
         └─ process.message  order.placed ▸ worker
            └─ mail.send
"
    );
}

#[test]
fn a_tree_for_people_shows_when_and_what_mattered() {
    assert_eq!(
        tree(&whole(), &TreeOptions::default()),
        "\
trace 00000000000000000000000000000001
POST /checkout ▸ gateway  201                         100 ms  ██████████████████        ◀ 11 %
├─ auth.verify                                        4.0 ms  █
└─ POST  201                                           85 ms   ████████████████         ◀ 10 %
   └─ POST /orders ▸ orders  201                       75 ms    ██████████████          ◀ 25 %
      ├─ db.query  INSERT orders ▸ sqlite              40 ms     ████████               ◀ 40 %
      └─ publish.message  order.placed                 10 ms              ██            ◀ 10 %
         └─ process.message  order.placed ▸ worker     45 ms                 █████████
            └─ mail.send                               30 ms                  ██████
"
    );
}

#[test]
fn failures_events_and_chosen_attributes_are_shown() {
    let mut request = failed(
        code(
            span(1, 0, "payments", "POST /charge", SpanKind::Server, (0, 9)),
            503,
        ),
        "declined",
        "no answer",
    );
    request.attributes.push(("tenant_id".into(), "acme".into()));
    let event = hopline_core::export::EventData {
        name: "downstream_error".into(),
        time_unix_nanos: 1,
        attributes: vec![("peer".into(), "bank".into())],
    };
    request.events.push(event);
    let call = failed(
        code(
            span(2, 1, "payments", "POST", SpanKind::Client, (1, 2)),
            500,
        ),
        "500",
        "",
    );
    assert_eq!(
        tree(
            &[call, request],
            &TreeOptions::snapshot().attribute("tenant_id")
        ),
        "\
POST /charge ▸ payments  503  ✗ declined: no answer  tenant_id=acme
│  · downstream_error peer=bank
└─ POST  500  ✗
"
    );
}

#[test]
fn trees_for_people_show_the_reason_of_a_failure_on_a_line_of_its_own() {
    let request = failed(
        span(1, 0, "payments", "POST /charge", SpanKind::Server, (0, 9)),
        "declined",
        "no answer",
    );
    let drawn = tree(&[request], &TreeOptions::default());
    assert!(
        drawn.contains("\nPOST /charge ▸ payments  ✗")
            && drawn.ends_with("\n   ✗ declined: no answer\n"),
        "{drawn}"
    );
}

#[test]
fn repeated_siblings_fold_and_long_trees_count_omitted_lines() {
    let mut spans = vec![span(1, 0, "a", "root", SpanKind::Server, (0, 100))];
    spans.extend((2..16).map(|id| span(id, 1, "a", "item", SpanKind::Internal, (id, id + 1))));
    assert!(tree(&spans, &TreeOptions::default()).contains("└─ item ×14 "));
    let cut = tree(&spans, &TreeOptions::snapshot().max_lines(4));
    assert!(cut.ends_with("├─ item\n… 11 more lines\n"), "{cut}");
}

#[test]
fn an_orphan_is_a_root_and_is_marked() {
    let spans = [span(2, 9, "a", "child", SpanKind::Internal, (0, 1))];
    assert_eq!(
        tree(&spans, &TreeOptions::snapshot()),
        "(parent not received)\nchild ▸ a\n"
    );
}

#[test]
fn orphans_follow_the_whole_tree_and_share_a_line_for_their_parent() {
    let spans = [
        span(2, 90, "a", "early", SpanKind::Internal, (0, 1)),
        span(3, 91, "a", "other", SpanKind::Internal, (1, 2)),
        span(1, 0, "a", "root", SpanKind::Server, (2, 9)),
        span(4, 1, "a", "child", SpanKind::Internal, (3, 4)),
        span(5, 90, "a", "late", SpanKind::Internal, (5, 6)),
        span(6, 5, "a", "below", SpanKind::Internal, (5, 6)),
    ];
    assert_eq!(
        tree(&spans, &TreeOptions::snapshot()),
        "\
root ▸ a
└─ child
(parent not received)
early ▸ a
late ▸ a
└─ below
(parent not received)
other ▸ a
"
    );
    let trace = &traces(&spans)[0];
    assert_eq!(trace.critical_path()[0].span.name, "root");
}

#[test]
fn a_call_shows_its_host_and_route() {
    let call = |attributes: &[(&str, &str)], port: i64, name: &str| {
        let mut call = with(span(1, 0, "a", name, SpanKind::Client, (0, 1)), attributes);
        call.attributes.push(("server.port".into(), port.into()));
        let drawn = tree(&[call], &TreeOptions::default());
        let line = drawn.lines().nth(1).unwrap();
        line.split(" ▸ ").next().unwrap().to_owned()
    };
    let url = ("url.full", "http://stock:4002/items/7?token=REDACTED#top");
    let host = ("server.address", "stock");
    let template = ("url.template", "/items/{id}");
    assert_eq!(call(&[host, url], 4002, "GET"), "GET  stock:4002/items/7");
    assert_eq!(
        call(&[host, url, template], 443, "GET"),
        "GET  stock/items/{id}"
    );
    assert_eq!(
        call(&[host, url, template], 80, "GET /items/{id}"),
        "GET /items/{id}  stock"
    );
    assert_eq!(call(&[url], 4002, "GET"), "GET  stock:4002/items/7");
    assert_eq!(
        call(&[("server.address", "::1")], 4002, "shop.Stock/Get"),
        "shop.Stock/Get  [::1]:4002"
    );
    assert_eq!(call(&[], 4002, "GET"), "GET");
    let database = ("db.system.name", "sqlite");
    assert_eq!(call(&[host, database], 4002, "db.query"), "db.query");
}

#[test]
fn calls_that_fold_show_what_they_share() {
    let mut spans = vec![span(1, 0, "a", "root", SpanKind::Server, (0, 100))];
    spans.extend((2..6).map(|id| {
        let url = format!("http://stock/items/{id}");
        with(
            span(id, 1, "a", "GET", SpanKind::Client, (id, id + 1)),
            &[("url.full", &url), ("server.address", "stock")],
        )
    }));
    let drawn = tree(&spans, &TreeOptions::default());
    assert!(drawn.contains("└─ GET  stock ×4 "), "{drawn}");
}

#[test]
fn the_critical_path_has_the_spans_that_were_waited_for() {
    let spans = whole();
    let latency = latency(&spans);
    let hop = |name: &str| latency.hops.iter().find(|hop| hop.name == name).unwrap();
    assert_eq!(latency.hops[0].name, "db.query  INSERT orders");
    assert_eq!(
        (
            hop("db.query  INSERT orders").critical,
            hop("db.query  INSERT orders").self_time
        ),
        (40 * MS, 40 * MS)
    );
    assert_eq!(hop("POST /orders").self_time, 25 * MS);
    assert_eq!(
        hop("process.message  order.placed").critical,
        0,
        "no span waited for it"
    );
    let shares: f64 = latency.hops.iter().map(|hop| hop.critical_share).sum();
    assert!((shares - 1.0).abs() < 1e-9);
    assert!(
        latency.to_string().starts_with("service  span"),
        "{latency}"
    );
}

#[test]
fn the_map_shows_callers_databases_and_queues() {
    let mut spans = whole();
    let mut outside = with(
        span(9, 4, "orders", "GET", SpanKind::Client, (61, 62)),
        &[("server.address", "rates.example")],
    );
    outside.attributes.push(("server.port".into(), 443.into()));
    spans.push(failed(outside, "timeout", ""));
    let map = service_map(&spans);
    let edges: Vec<String> = map
        .edges
        .iter()
        .map(|edge| format!("{} > {} {}/{}", edge.from, edge.to, edge.count, edge.errors))
        .collect();
    assert_eq!(
        edges,
        [
            "(outside) > gateway 1/0",
            "gateway > orders 1/0",
            "orders > rates.example:443 1/1",
            "orders > [sqlite shop.sqlite] 1/0",
            "orders > <order.placed> 1/0",
            "<order.placed> > worker 1/0",
        ]
    );
    assert_eq!(map.edges[1].p50, 85 * MS, "as the caller saw it");
    assert_eq!(map.edges[0].from, Node::Outside);
}

fn expected() -> Expectations {
    Expectations::new()
        .requests(1)
        .database_in("POST /checkout")
        .queue_in("POST /checkout")
}

#[test]
fn a_whole_trace_passes_the_self_check() {
    let report = self_check(&whole(), &expected());
    assert!(report.is_ok(), "{report}");
    assert!(
        report
            .to_string()
            .starts_with("✓ one root per request (1 traces)\n"),
        "{report}"
    );
}

/// Breaks the whole trace and expects this to be found, naming the span.
#[track_caller]
fn finds(reason: &str, break_it: impl FnOnce(&mut Vec<SpanData>)) {
    let mut spans = whole();
    break_it(&mut spans);
    let report = self_check(&spans, &expected());
    assert!(
        report
            .findings()
            .any(|finding| finding.to_string().contains(reason)),
        "{reason} is not in\n{report}"
    );
}

#[test]
fn the_self_check_finds_what_is_wrong() {
    finds("`mail.send` of worker", |spans| {
        spans[7].parent = SpanId::from_u64(99)
    });
    finds("was not received", |spans| {
        spans[7].parent = SpanId::from_u64(99)
    });
    finds("has 2 roots: POST /checkout, POST /orders", |spans| {
        spans[3].parent = None
    });
    finds("the caller sent another span's id", |spans| {
        spans[3].parent = SpanId::from_u64(1)
    });
    finds("not marked as remote", |spans| {
        spans[3].parent_is_remote = false
    });
    finds("no link to the message", |spans| spans[6].links.clear());
    finds("its parent is not a publish span", |spans| {
        spans[6].parent = SpanId::from_u64(4)
    });
    finds("though it received nothing", |spans| {
        spans[7].resource = Arc::new(Resource::new("mailer"))
    });
    finds("1 requests made 2 traces", |spans| {
        spans[7].trace_id = TraceId::from_u128(2).unwrap()
    });
    finds("it has no db.query.text", |spans| {
        spans[4]
            .attributes
            .retain(|(key, _)| key != "db.query.text")
    });
    finds("no database work", |spans| drop(spans.remove(4)));
    finds("nothing processed", |spans| spans.truncate(6));
    finds("answered 503 and is not marked", |spans| {
        spans[3].attributes[0].1 = 503.into()
    });
    finds("an error without error.type", |spans| {
        spans[1].status = StatusData::Error {
            message: String::new(),
        }
    });
    finds("ends before it starts", |spans| spans[1].end_unix_nanos = 0);
    finds("starts before its parent `POST`", |spans| {
        spans[3].start_unix_nanos = 5 * MS
    });
    finds("ends after its parent `POST /orders`", |spans| {
        spans[4].end_unix_nanos = 92 * MS
    });
    finds("enduser.card looks like a card number", |spans| {
        spans[1]
            .attributes
            .push(("enduser.card".into(), "4242 4242 4242 4242".into()));
    });
    finds("its status message looks like a password", |spans| {
        spans[1].status = StatusData::Error {
            message: "login with password=hunter2 failed".into(),
        };
    });
    finds("more than 50", |spans| {
        spans.extend(
            (100..160).map(|id| span(id, 1, "gateway", "noise", SpanKind::Internal, (1, 2))),
        )
    });
    let report = self_check(&whole(), &expected().attribute("tenant_id"));
    assert_eq!(report.findings().count(), 8, "{report}");
}

/// A list of orders, and the lines of each by a statement of its own.
fn lines_one_by_one(orders: u64) -> Vec<SpanData> {
    let query = |id: u64, summary: &str, text: &str, times| {
        let attributes = [
            ("db.system.name", "postgresql"),
            ("db.namespace", "shop"),
            ("db.query.summary", summary),
            ("db.query.text", text),
        ];
        with(
            span(id, 1, "orders", "db.query", SpanKind::Client, times),
            &attributes,
        )
    };
    let mut spans = vec![
        span(1, 0, "orders", "GET /orders", SpanKind::Server, (0, 1_000)),
        query(2, "SELECT orders", "SELECT id FROM orders", (0, 5)),
    ];
    spans.extend((0..orders).map(|order| {
        let from = 5 + order * 10;
        let text = "SELECT * FROM lines WHERE order_id = $1";
        query(10 + order, "SELECT lines", text, (from, from + 15))
    }));
    spans
}

#[test]
fn statements_sent_again_and_again_are_named_once() {
    let spans = lines_one_by_one(12);
    let found = repeated_statements(&spans, 3);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].statement.as_str(), found[0].count),
        ("SELECT lines", 12)
    );
    // each overlaps the next by 5 ms, which count once
    assert_eq!(found[0].nanos, (11 * 10 + 15) * MS);
    assert_eq!(
        found[0].to_string(),
        "`GET /orders` of orders (trace 00000000000000000000000000000001, span 0000000000000001): it sent \
         `SELECT lines` 12 times, 125 ms in all: one statement with all values would do"
    );
    assert_eq!(repeated_statements(&spans, 13).len(), 0);
    assert_eq!(repeated_statements(&[], 0).len(), 0);
}

#[test]
fn the_self_check_finds_repeated_statements() {
    let report = |spans: &[SpanData], expected: &Expectations| self_check(spans, expected);
    let expected = Expectations::new();
    assert!(report(&lines_one_by_one(20), &expected).is_ok());
    let found = report(&lines_one_by_one(21), &expected);
    assert_eq!(found.findings().count(), 1, "{found}");
    assert!(
        found.to_string().contains("`SELECT lines` 21 times"),
        "{found}"
    );
    let strict = Expectations::new().max_repeats(3);
    assert_eq!(report(&lines_one_by_one(4), &strict).findings().count(), 1);
}

#[test]
fn a_trace_as_deep_as_a_well_is_answered() {
    let spans: Vec<SpanData> = (1..100_000)
        .map(|id| {
            span(
                id,
                id - 1,
                "a",
                "step",
                SpanKind::Internal,
                (id, 200_000 - id),
            )
        })
        .collect();
    let trace = &traces(&spans)[0];
    assert!(trace.tree(&TreeOptions::default()).contains("more lines"));
    assert_eq!(
        trace
            .critical_path()
            .iter()
            .map(|segment| segment.nanos())
            .sum::<u64>(),
        199_998 * MS
    );
    assert_eq!(service_map(&spans).edges.len(), 0);
    assert!(!self_check(&spans, &Expectations::new()).is_ok());
}

prop_compose! {
    /// Anything: parents that are missing or in cycles, ids twice, ends before starts.
    fn any_spans()(raw in prop::collection::vec((1_u64..12, 0_u64..14, 0_u64..50, 0_u64..50, 0_u8..5, 1_u128..3), 0..24)) -> Vec<SpanData> {
        let kinds = [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];
        raw.into_iter().map(|(id, parent, from, to, kind, trace)| {
            let kind = kinds[usize::from(kind)];
            let parent = if kind == SpanKind::Consumer { parent.max(1) } else { parent };
            let mut span = span(id, parent, if id % 2 == 0 { "a" } else { "b" }, &format!("n{id}"), kind, (from, to));
            span.trace_id = TraceId::from_u128(trace).unwrap();
            span
        }).collect()
    }
}

proptest! {
    #[test]
    fn any_spans_are_answered(spans in any_spans()) {
        let _ = (repeated_statements(&spans, 2), latency(&spans).to_string(), service_map(&spans).to_string(), self_check(&spans, &expected()).to_string());
        for trace in traces(&spans) {
            let drawn = trace.tree(&TreeOptions::snapshot());
            let shown = drawn.lines().filter(|line| *line != "(parent not received)").count();
            prop_assert_eq!(shown, trace.spans().len(), "every span has its line");
            trace.tree(&TreeOptions::default().width(60));
        }
    }

    #[test]
    fn the_order_of_arrival_changes_nothing(spans in any_spans().prop_shuffle()) {
        let mut turned = spans.clone();
        turned.reverse();
        // of spans with one id the first to arrive may be meant: leave one
        let once = |spans: &mut Vec<SpanData>| { spans.sort_by_key(|span| (span.trace_id, span.span_id)); spans.dedup_by_key(|span| (span.trace_id, span.span_id)); };
        let (mut one, mut other) = (spans, turned);
        once(&mut one);
        other.retain(|span| one.contains(span));
        once(&mut other);
        prop_assert_eq!(tree(&one, &TreeOptions::snapshot()), tree(&other, &TreeOptions::snapshot()));
    }

    #[test]
    fn the_critical_path_covers_the_root_without_overlap(spans in any_spans()) {
        for trace in traces(&spans) {
            let root = trace.roots().next().unwrap();
            let path = trace.critical_path();
            prop_assert_eq!(path.iter().map(|segment| segment.nanos()).sum::<u64>(), root.duration_nanos());
            for pair in path.windows(2) {
                prop_assert_eq!(pair[0].end_unix_nanos, pair[1].start_unix_nanos);
            }
            for index in 0..trace.spans().len() {
                prop_assert!(trace.self_time(index) <= trace.spans()[index].duration_nanos());
            }
        }
    }
}
