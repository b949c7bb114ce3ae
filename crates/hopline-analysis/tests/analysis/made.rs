//! Spans and traces made by hand.

use std::sync::Arc;

use hopline_analysis::{Expectations, TreeOptions, traces};
use hopline_core::export::{LinkData, SpanData, StatusData};
use hopline_core::{Resource, SpanContext, SpanId, SpanKind, TraceFlags, TraceId};

pub(crate) const MS: u64 = 1_000_000;

/// A span of trace 1 by number, from and to in milliseconds.
pub(crate) fn span(
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

pub(crate) fn with(mut span: SpanData, attributes: &[(&str, &str)]) -> SpanData {
    span.attributes.extend(
        attributes
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).into())),
    );
    span
}

pub(crate) fn code(mut span: SpanData, code: i64) -> SpanData {
    span.attributes
        .push(("http.response.status_code".to_owned(), code.into()));
    span
}

pub(crate) fn failed(span: SpanData, error_type: &str, message: &str) -> SpanData {
    let mut span = with(span, &[("error.type", error_type)]);
    span.status = StatusData::Error {
        message: message.to_owned(),
    };
    span
}

/// A gateway, a service with a database, a queue and a worker.
pub(crate) fn whole() -> Vec<SpanData> {
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

pub(crate) fn tree(spans: &[SpanData], options: &TreeOptions) -> String {
    traces(spans)
        .iter()
        .map(|trace| trace.tree(options))
        .collect()
}

/// The expectations that `whole` meets.
pub(crate) fn expected() -> Expectations {
    Expectations::new()
        .requests(1)
        .database_in("POST /checkout")
        .queue_in("POST /checkout")
}
