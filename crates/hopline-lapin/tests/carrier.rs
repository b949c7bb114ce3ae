//! Header tables that other publishers wrote, as they are and through the brokers.

use futures_util::StreamExt;
use hopline_core::{Baggage, Context, Extract, Incoming};
use hopline_lapin::message::{TableExtractor, TableInjector};
use hopline_lapin::{ChannelExt, Outcome};
use hopline_testing::amqp::Broker;
use hopline_testing::tracer;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{
    AMQPValue, ByteArray, DecimalValue, FieldArray, FieldTable, LongString, ShortString,
};
use lapin::{BasicProperties, Connection, ConnectionProperties};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";

fn text(bytes: &[u8]) -> AMQPValue {
    AMQPValue::LongString(LongString::from(bytes))
}

fn table(headers: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        table.insert((*name).into(), value.clone());
    }
    table
}

fn incoming(headers: &[(&str, AMQPValue)]) -> Incoming {
    Incoming::extract(&TableExtractor(&table(headers)))
}

/// A value of every type that is no text.
fn others() -> Vec<AMQPValue> {
    let decimal = DecimalValue { scale: 2, value: 5 };
    let mut array = FieldArray::default();
    array.push(text(PARENT.as_bytes()));
    vec![
        AMQPValue::Boolean(true),
        AMQPValue::ShortShortInt(-1),
        AMQPValue::ShortShortUInt(1),
        AMQPValue::ShortInt(-1),
        AMQPValue::ShortUInt(1),
        AMQPValue::LongInt(-1),
        AMQPValue::LongUInt(1),
        AMQPValue::LongLongInt(-1),
        AMQPValue::Float(0.5),
        AMQPValue::Double(0.5),
        AMQPValue::DecimalValue(decimal),
        AMQPValue::FieldArray(array),
        AMQPValue::Timestamp(7),
        AMQPValue::FieldTable(table(&[("traceparent", text(PARENT.as_bytes()))])),
        AMQPValue::Void,
    ]
}

#[test]
fn what_is_no_text_is_no_context() {
    for value in others() {
        let received = incoming(&[
            ("traceparent", value.clone()),
            ("tracestate", value.clone()),
            ("baggage", value.clone()),
        ]);
        assert!(
            received.parent.is_none() && received.baggage.is_empty(),
            "{value:?}"
        );
        let received = incoming(&[
            ("traceparent", text(PARENT.as_bytes())),
            ("tracestate", value.clone()),
        ]);
        let parent = received
            .parent
            .expect("it does not depend on the tracestate");
        assert!(parent.tracestate().is_empty(), "{value:?}");
    }
    assert_eq!(incoming(&[]).parent, None);
}

#[test]
fn text_is_read_in_each_of_its_types_under_names_in_any_case() {
    let short = |text: &str| AMQPValue::ShortString(ShortString::from(text));
    let bytes = |text: &str| AMQPValue::ByteArray(ByteArray::from(text.as_bytes()));
    for parent in [text(PARENT.as_bytes()), short(PARENT), bytes(PARENT)] {
        let received = incoming(&[
            ("TraceParent", parent),
            ("TRACESTATE", bytes("a=1")),
            ("Baggage", short("k=v")),
        ]);
        let parent = received.parent.unwrap();
        assert_eq!(
            (parent.to_string().as_str(), parent.tracestate().as_str()),
            (PARENT, "a=1")
        );
        assert_eq!(received.baggage.get("k"), Some("v"));
    }
    let parent = ("traceparent", text(PARENT.as_bytes()));
    for second in [text(PARENT.as_bytes()), short(""), bytes("garbage")] {
        assert_eq!(
            incoming(&[parent.clone(), ("Traceparent", second)]).parent,
            None,
            "two are none"
        );
    }
    let received = incoming(&[
        parent,
        ("tracestate", text(b"b=2")),
        ("Tracestate", text(b"a=1")),
    ]);
    let state = received.parent.unwrap().tracestate().to_string();
    assert_eq!(state, "a=1,b=2", "names in different case are one list");
}

#[test]
fn hostile_text_is_left_out_and_bounded() {
    let parent = ("traceparent", text(PARENT.as_bytes()));
    for odd in [
        &b"\xff\xfe"[..],
        b"a=1,b=\xe9",
        b"\0",
        b"a=1\r\nx: y",
        b"\x1b[31m=1",
        &[b'a'; 100_000],
    ] {
        let received = incoming(&[
            parent.clone(),
            ("tracestate", text(odd)),
            ("baggage", text(odd)),
        ]);
        let state = received
            .parent
            .expect("it does not depend on the tracestate")
            .tracestate()
            .to_string();
        assert_eq!(state, "", "{odd:?}");
        assert!(received.baggage.len() <= 1, "{odd:?}");
        assert_eq!(incoming(&[("traceparent", text(odd))]).parent, None);
    }
    let many = "k=v,".repeat(25_000);
    assert_eq!(
        incoming(&[("baggage", text(many.as_bytes()))])
            .baggage
            .len(),
        64
    );
}

#[test]
fn what_is_sent_replaces_another_context_and_leaves_the_rest() {
    let context = Context::remote(incoming(&[("traceparent", text(PARENT.as_bytes()))]));
    let mut sent = table(&[
        ("TraceParent", AMQPValue::LongInt(1)),
        ("traceparent", text(b"old")),
        ("TraceState", text(b"old=1")),
        ("baggage", text(b"old=1")),
        ("x-death", AMQPValue::FieldArray(FieldArray::default())),
    ]);
    context.inject(&mut TableInjector(&mut sent));
    let own = [
        ("traceparent", text(PARENT.as_bytes())),
        ("x-death", AMQPValue::FieldArray(FieldArray::default())),
    ];
    assert_eq!(
        sent,
        table(&own),
        "long strings, nothing empty, nothing stale"
    );
    let baggage = Baggage::default().with("name", "J\u{fc}rgen").unwrap();
    context
        .with_baggage(baggage)
        .inject(&mut TableInjector(&mut sent));
    let mut values = Vec::new();
    TableExtractor(&sent).each_value("baggage", &mut |value| values.push(value.to_vec()));
    assert_eq!(values, [b"name=J%C3%BCrgen"]);
}

/// Messages of other publishers are delivered unchanged, with any value in the context's headers.
async fn foreign_messages_arrive_whole(url: &str) {
    let connection = Connection::connect(url, ConnectionProperties::default())
        .await
        .unwrap();
    let raw = connection.create_channel().await.unwrap();
    let queue = format!("hopline-lapin-carrier-{}", std::process::id());
    let declare = QueueDeclareOptions::default();
    raw.queue_declare(queue.as_str().into(), declare, FieldTable::default())
        .await
        .unwrap();
    let (tracer, spans) = tracer("worker");
    let channel = connection
        .create_channel()
        .await
        .unwrap()
        .traced()
        .tracer(tracer);
    let consume = BasicConsumeOptions::default();
    let mut consumer = channel
        .basic_consume(
            queue.as_str().into(),
            "".into(),
            consume,
            FieldTable::default(),
        )
        .await
        .unwrap();
    // of the types that brokers take from a table; all headers together must fit into a frame of 128 kB
    let mut odd = vec![
        AMQPValue::Boolean(true),
        AMQPValue::LongInt(-1),
        AMQPValue::LongLongInt(-1),
        AMQPValue::Double(0.5),
        AMQPValue::Timestamp(7),
        AMQPValue::FieldTable(table(&[("traceparent", text(b"x"))])),
        AMQPValue::Void,
        text(b"\xff\0\x1b[31m"),
        text(&[b'a'; 40_000]),
    ];
    odd.push(AMQPValue::FieldArray(FieldArray::from(odd[..4].to_vec())));
    for value in &odd {
        let headers = table(&[
            ("traceparent", value.clone()),
            ("baggage", value.clone()),
            ("x-own", value.clone()),
        ]);
        let properties = BasicProperties::default().with_headers(headers.clone());
        let publish = BasicPublishOptions::default();
        raw.basic_publish(
            "".into(),
            queue.as_str().into(),
            publish,
            b"body",
            properties,
        )
        .await
        .unwrap();
        let delivery = consumer.next().await.unwrap().unwrap();
        assert_eq!(
            (delivery.body(), delivery.publisher()),
            (&b"body"[..], None)
        );
        assert_eq!(
            delivery.properties.headers().as_ref(),
            Some(&headers),
            "left alone"
        );
        delivery.process_span().end();
        delivery.settle(Outcome::Ack).await.unwrap();
    }
    raw.basic_publish(
        "".into(),
        queue.as_str().into(),
        BasicPublishOptions::default(),
        b"",
        BasicProperties::default(),
    )
    .await
    .unwrap();
    let delivery = consumer.next().await.unwrap().unwrap();
    assert_eq!(delivery.publisher(), None, "without a table");
    delivery.settle(Outcome::Ack).await.unwrap();
    let roots = spans.named("process.message");
    assert_eq!(roots.len(), odd.len() + 1);
    assert!(
        roots
            .iter()
            .all(|span| span.parent.is_none() && span.links.is_empty())
    );
    raw.queue_delete(queue.as_str().into(), QueueDeleteOptions::default())
        .await
        .unwrap();
    connection.close(200, "bye".into()).await.unwrap();
}

#[tokio::test]
async fn foreign_messages_arrive_whole_in_process() {
    let broker = Broker::start().unwrap();
    foreign_messages_arrive_whole(&broker.url()).await;
}

#[tokio::test]
async fn foreign_messages_arrive_whole_by_rabbitmq() {
    let url = std::env::var("HOPLINE_TEST_AMQP_URL").expect(
        "HOPLINE_TEST_AMQP_URL is not set: run `cargo xtask services` and export what it prints",
    );
    foreign_messages_arrive_whole(&url).await;
}
