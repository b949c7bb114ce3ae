//! Headers that others wrote, and a handshake that lapin cannot take: nothing panics, nothing is lost.

use hopline_core::{Context, FutureExt};
use hopline_lapin::Outcome;
use hopline_lapin::message::TableExtractor;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::*;

rows!(
    a_message_with_any_headers_is_delivered,
    counts_of_any_type_are_read_or_ignored
);

/// Publishes as another program does, and gives what arrives.
async fn arrived(setup: &Setup, headers: Option<FieldTable>) -> hopline_lapin::Delivery {
    let mut properties = BasicProperties::default();
    if let Some(headers) = headers {
        properties = properties.with_headers(headers);
    }
    let options = BasicPublishOptions::default();
    let (exchange, key) = ("".into(), setup.queue.as_str().into());
    let raw = setup.channel.raw();
    let sent = raw.basic_publish(exchange, key, options, b"x", properties);
    sent.await.unwrap().await.unwrap();
    let delivery = setup.get(&setup.queue).await;
    assert!(delivery.settle(Outcome::Ack).await.unwrap());
    delivery
}

fn table(entries: Vec<(&str, AMQPValue)>) -> FieldTable {
    let mut table = FieldTable::default();
    for (key, value) in entries {
        table.insert(key.into(), value);
    }
    table
}

async fn a_message_with_any_headers_is_delivered(setup: Setup) {
    let much = AMQPValue::ByteArray(vec![0xff; 100_000].into());
    let nested = AMQPValue::FieldTable(table(vec![("traceparent", text(OWN))]));
    let wrong = [
        AMQPValue::LongInt(7),
        AMQPValue::Boolean(true),
        AMQPValue::Void,
        AMQPValue::Timestamp(1),
        AMQPValue::FieldArray(vec![text(OWN)].into()),
        nested,
        much,
        text(""),
        text("00-00000000000000000000000000000000-0000000000000000-01"),
        AMQPValue::ByteArray(vec![0, 159, 146, 150].into()),
    ];
    let mut tables: Vec<Option<FieldTable>> = vec![None, Some(FieldTable::default())];
    for value in wrong {
        let own = ("x-own", AMQPValue::LongInt(1));
        tables.push(Some(table(vec![("traceparent", value), own])));
    }
    // which of two is meant cannot be known
    tables.push(Some(table(vec![
        ("Traceparent", text(OWN)),
        ("traceparent", text(OWN)),
        ("x-own", AMQPValue::LongInt(1)),
    ])));
    for headers in tables {
        let own = headers
            .as_ref()
            .is_some_and(|headers| headers.contains_key("x-own"));
        let delivery = arrived(&setup, headers).await;
        assert_eq!(delivery.publisher(), None);
        let kept = delivery.properties.headers().as_ref();
        assert_eq!(
            kept.is_some_and(|headers| headers.contains_key("x-own")),
            own
        );
        setup.spans.take();
        delivery.process_span().end();
        let process = setup.spans.one("process.message").root();
        assert!(process.links.is_empty());
    }
    // and as other programs write it, it is understood
    for (key, value) in [
        ("TraceParent", text(OWN)),
        (
            "traceparent",
            AMQPValue::ByteArray(OWN.as_bytes().to_vec().into()),
        ),
    ] {
        let delivery = arrived(&setup, Some(table(vec![(key, value)]))).await;
        assert_eq!(delivery.publisher().unwrap().to_string(), OWN);
    }
    // other invalid headers do not affect the context
    let delivery = arrived(
        &setup,
        Some(table(vec![
            ("traceparent", text(OWN)),
            ("tracestate", AMQPValue::LongInt(1)),
            ("baggage", AMQPValue::FieldTable(FieldTable::default())),
        ])),
    )
    .await;
    let span = delivery.process_span();
    let passed_on = async { Context::current().span_context() }
        .in_span(span)
        .await;
    assert_eq!(
        passed_on.unwrap().trace_id(),
        OWN.parse::<hopline_core::SpanContext>().unwrap().trace_id()
    );
    setup.end().await;
}

async fn counts_of_any_type_are_read_or_ignored(setup: Setup) {
    let here = |count| {
        let reason = ("reason", text("rejected"));
        vec![("queue", text(&setup.queue)), reason, ("count", count)]
    };
    let many = |count| AMQPValue::FieldTable(table(here(count)));
    for (deaths, expected) in [
        (AMQPValue::Void, 0),
        (text("many"), 0),
        (
            AMQPValue::FieldArray(vec![many(AMQPValue::LongLongInt(i64::MIN))].into()),
            0,
        ),
        (
            AMQPValue::FieldArray(vec![many(AMQPValue::LongLongInt(i64::MAX)); 3].into()),
            u64::MAX,
        ),
        (
            AMQPValue::FieldArray(vec![many(AMQPValue::LongInt(2)), AMQPValue::Void].into()),
            2,
        ),
    ] {
        // RabbitMQ reads `x-death` itself, so it is in the runner's own header as well
        let headers = table(vec![
            ("hopline-retry-count", deaths.clone()),
            ("x-death", deaths),
        ]);
        let properties = BasicProperties::default().with_headers(headers);
        let extracted = TableExtractor(properties.headers().as_ref().unwrap());
        assert_eq!(hopline_core::Incoming::extract(&extracted).parent, None);
        let delivery = arrived(&setup, properties.headers().clone()).await;
        assert_eq!(delivery.retry_count(), expected);
        delivery.process_span().end();
    }
    setup.end().await;
}

/// A broker may offer frames without a limit, for which lapin would ask for 128 GiB; its URI can name one.
#[tokio::test]
async fn frames_without_a_limit_are_limited_by_the_uri() {
    let url = std::env::var("HOPLINE_TEST_AMQP_URL").expect("HOPLINE_TEST_AMQP_URL is not set");
    let (_, place) = url.split_once('@').unwrap();
    let broker = place.split('/').next().unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(&*broker).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
        let mut chunk = vec![0; 1 << 16];
        while let Ok(count @ 1..) = from_server.read(&mut chunk).await {
            // connection.tune: class 10, method 30, then channel_max and frame_max
            let tune = chunk[..count]
                .windows(4)
                .position(|window| window == [0, 10, 0, 30]);
            if let Some(at) = tune {
                chunk[at + 6..at + 10].fill(0);
            }
            to_client.write_all(&chunk[..count]).await.unwrap();
        }
    });
    let url = format!("amqp://guest:guest@127.0.0.1:{port}/%2f?frame_max=131072");
    let connection = Connection::connect(&url, ConnectionProperties::default())
        .await
        .unwrap();
    assert_eq!(connection.configuration().frame_max(), 131_072);
    let setup = Setup::new(
        &std::env::var("HOPLINE_TEST_AMQP_URL").unwrap(),
        QueueType::Classic,
    )
    .await;
    let channel = confirming(&connection).await;
    let channel = hopline_lapin::ChannelExt::traced(&channel).tracer(setup.tracer.clone());
    let body = vec![b'x'; 300_000];
    channel
        .publish("", &setup.queue, &body)
        .mandatory()
        .await
        .unwrap();
    assert_eq!(setup.get(&setup.queue).await.body().len(), body.len());
    setup.end().await;
}
