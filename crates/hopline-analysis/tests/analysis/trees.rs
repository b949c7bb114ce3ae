//! Traces drawn as trees.

use hopline_analysis::{TreeOptions, traces};
use hopline_core::SpanKind;

use crate::made::{code, failed, span, tree, whole, with};

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
