//! The self-check, and repeated statements.

use std::sync::Arc;

use hopline_analysis::{Expectations, repeated_statements, self_check};
use hopline_core::export::{SpanData, StatusData};
use hopline_core::{Resource, SpanId, SpanKind, TraceId};

use crate::made::{MS, expected, span, whole, with};

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
