//! Publishing: the broker's answer to a message is in its span, and in no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use hopline_core::{FutureExt, SpanBuilder, SpanKind};
use hopline_lapin::{ChannelExt, Outcome, Publish, PublishError};
use hopline_testing::amqp::Broker;
use hopline_testing::tracer;
use lapin::options::*;
use lapin::types::{AMQPValue, DecimalValue, FieldTable};
use lapin::{BasicProperties, Confirmation};

use crate::support::*;

const NOWHERE: &str = "nowhere-at-all";

rows!(
    what_is_not_taken_is_an_error,
    each_of_many_returns_finds_its_message,
    returns_find_their_message_while_others_are_dropped,
    mandatory_ones_and_others_take_turns,
    a_refusal_is_an_error,
    names_that_are_too_long_are_errors,
    headers_of_every_kind_arrive,
    headers_that_fit_no_frame_are_refused,
    what_is_put_together_arrives,
    many_are_published_at_once,
    without_confirms_nothing_is_waited_for,
    a_context_of_ones_own_is_kept_and_linked,
    an_invalid_context_is_replaced,
    a_dead_letter_that_is_published_again_starts_anew,
);

async fn what_is_not_taken_is_an_error(setup: Setup) {
    let unroutable = setup.channel.publish("", NOWHERE, b"x").mandatory().await;
    assert!(
        matches!(unroutable, Err(PublishError::Unroutable { .. })),
        "{unroutable:?}"
    );
    setup.spans.one("publish.message").failed("unroutable");
    setup.spans.take();
    // not mandatory
    setup.channel.publish("", NOWHERE, b"x").await.unwrap();
    setup.spans.one("publish.message").succeeded();

    let other = confirming(&setup.connection).await;
    let (tracer, spans) = tracer("svc");
    let other = other.traced().tracer(tracer);
    let absent = other.publish("absent-exchange", "k", b"x").await;
    assert!(matches!(absent, Err(PublishError::Lapin(_))), "{absent:?}");
    assert!(spans.one("publish.message").is_error());
    let after = other.publish("", &setup.queue, b"x").mandatory().await;
    assert!(
        matches!(after, Err(PublishError::Lapin(_))),
        "the channel is gone: {after:?}"
    );
    setup.end().await;
}

/// 10,000 mandatory ones at once, every third unroutable: no return is matched to another message.
async fn each_of_many_returns_finds_its_message(setup: Setup) {
    const COUNT: usize = 10_000;
    let lost = |number: usize| number.is_multiple_of(3);
    let key = |number| if lost(number) { NOWHERE } else { &setup.queue };
    let publish = |number| setup.channel.publish("", key(number), b"x").mandatory();
    let results = in_time(join_all(
        (0..COUNT).map(publish).map(IntoFuture::into_future),
    ))
    .await;
    let wrong = results
        .iter()
        .enumerate()
        .filter(|(number, result)| match result {
            Err(PublishError::Unroutable { .. }) => !lost(*number),
            Ok(_) => lost(*number),
            Err(error) => panic!("{error}"),
        });
    assert_eq!(wrong.count(), 0, "wrong pairings");
    let spans = setup.spans.take();
    assert_eq!(spans.len(), COUNT);
    for span in spans {
        let to_nowhere = span.text("messaging.destination.name") == Some(NOWHERE);
        assert_eq!(span.is_error(), to_nowhere);
    }
    setup.end().await;
}

/// Mandatory and other ones from many tasks, some of which are dropped before the answer.
async fn returns_find_their_message_while_others_are_dropped(setup: Setup) {
    let tasks = (0..1_500_usize).map(|number| {
        let (channel, queue) = (setup.channel.clone(), setup.queue.clone());
        tokio::spawn(async move {
            let lost = number.is_multiple_of(3);
            let key = if lost { NOWHERE } else { &queue };
            let message = channel.publish("", key, b"x");
            if number.is_multiple_of(4) {
                return message.await.is_ok();
            }
            let mut publishing = message.mandatory().into_future();
            if number.is_multiple_of(5) {
                // sent, perhaps, and given up
                return publishing
                    .as_mut()
                    .now_or_never()
                    .is_none_or(|result| result.is_ok() != lost);
            }
            matches!(publishing.await, Err(PublishError::Unroutable { .. })) == lost
        })
    });
    let right = in_time(join_all(tasks.collect::<Vec<_>>())).await;
    assert!(
        right.into_iter().all(Result::unwrap),
        "a return went to another message"
    );
    // and the channel stays open
    setup.publish(b"x").await;
    setup.end().await;
}

/// Publishers without pauses do not starve others.
async fn mandatory_ones_and_others_take_turns(setup: Setup) {
    let stop = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = (0..8)
        .map(|_| {
            let (channel, stop) = (setup.channel.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(SeqCst) {
                    let lost = channel.publish("", NOWHERE, b"x").mandatory().await;
                    assert!(
                        matches!(lost, Err(PublishError::Unroutable { .. })),
                        "{lost:?}"
                    );
                }
            })
        })
        .collect();
    for _ in 0..20 {
        let other = setup.channel.publish("", &setup.queue, b"x");
        in_time(other.into_future()).await.unwrap();
    }
    stop.store(true, SeqCst);
    for task in busy {
        in_time(task).await.unwrap();
    }
    setup.end().await;
}

async fn a_refusal_is_an_error(setup: Setup) {
    let mut full = FieldTable::default();
    full.insert("x-max-length".into(), AMQPValue::LongInt(1));
    full.insert("x-overflow".into(), text("reject-publish"));
    let full = setup.declare(full).await;
    // quorum queues let in a few more before they notice
    let refused = async {
        loop {
            if let Err(error) = setup.channel.publish("", &full, b"x").mandatory().await {
                return error;
            }
        }
    };
    let refused = in_time(refused).await;
    assert!(matches!(refused, PublishError::Nacked), "{refused:?}");
    let last = setup.spans.all().pop().unwrap();
    assert_eq!(
        (last.is_error(), last.text("error.type")),
        (true, Some("nacked"))
    );
    setup.delete(&full).await;
    setup.end().await;
}

async fn names_that_are_too_long_are_errors(setup: Setup) {
    let long = "n".repeat(256);
    let to = |exchange, key| setup.channel.publish(exchange, key, b"x").mandatory();
    let plain = || to("", &setup.queue);
    let wrong: [(Publish<'_>, &str); 8] = [
        (to(&long, ""), "exchange"),
        (to("", &long), "routing key"),
        (plain().message_id(&long), "message id"),
        (plain().correlation_id(&long), "correlation id"),
        (plain().reply_to(&long), "reply queue"),
        (plain().content_type(&long), "content type"),
        (plain().header(&long, AMQPValue::Void), "header's name"),
        (
            plain().message_id("fine").reply_to(&long).message_id(&long),
            "reply queue",
        ),
    ];
    for (message, expected) in wrong {
        let result = message.await;
        let Err(PublishError::NameTooLong(what)) = result else {
            panic!("{expected}: {result:?}")
        };
        assert_eq!(what, expected);
        setup.spans.one("publish.message").failed("name_too_long");
        setup.spans.take();
    }
    let longest = "n".repeat(255);
    plain().message_id(&longest).await.unwrap();
    setup.end().await;
}

/// Short strings would cost the connection.
async fn headers_of_every_kind_arrive(setup: Setup) {
    let inner = |value| {
        let mut table = FieldTable::default();
        table.insert("inner".into(), value);
        AMQPValue::FieldTable(table)
    };
    let short = || AMQPValue::ShortString("short".into());
    let values = [
        AMQPValue::Boolean(true),
        AMQPValue::ShortShortInt(-1),
        AMQPValue::ShortShortUInt(1),
        AMQPValue::ShortInt(-300),
        AMQPValue::ShortUInt(300),
        AMQPValue::LongInt(-70_000),
        AMQPValue::LongUInt(70_000),
        AMQPValue::LongLongInt(1 << 40),
        AMQPValue::Float(0.5),
        AMQPValue::Double(0.25),
        AMQPValue::DecimalValue(DecimalValue {
            scale: 2,
            value: 314,
        }),
        short(),
        AMQPValue::LongString("long".into()),
        AMQPValue::FieldArray(vec![short(), inner(short())].into()),
        AMQPValue::Timestamp(1_700_000_000),
        inner(AMQPValue::FieldArray(vec![AMQPValue::Void].into())),
        AMQPValue::ByteArray(vec![0, 255].into()),
        AMQPValue::Void,
    ];
    let mut message = setup.channel.publish("", &setup.queue, b"x").mandatory();
    for (number, value) in values.iter().enumerate() {
        message = message.header(&format!("h{number}"), value.clone());
    }
    message.await.unwrap();
    let delivery = setup.get(&setup.queue).await;
    let headers = delivery.properties.headers().clone().unwrap();
    for number in 0..values.len() {
        assert!(headers.contains_key(&format!("h{number}")));
    }
    assert_eq!(headers.inner()["h0"], values[0]);
    assert_eq!(headers.inner()["h11"], text("short"));
    assert!(delivery.publisher().is_some());
    assert!(
        delivery.settle(Outcome::Ack).await.unwrap(),
        "the connection lives"
    );
    setup.end().await;
}

async fn headers_that_fit_no_frame_are_refused(setup: Setup) {
    let of = |size: usize| AMQPValue::ByteArray(vec![b'x'; size].into());
    let plain = || setup.channel.publish("", &setup.queue, b"x").mandatory();
    let refused = plain().header("much", of(140_000)).await;
    assert!(
        matches!(refused, Err(PublishError::HeadersTooLarge)),
        "{refused:?}"
    );
    setup
        .spans
        .one("publish.message")
        .failed("headers_too_large");
    plain().header("less", of(100_000)).await.unwrap();
    let delivery = setup.get(&setup.queue).await;
    assert!(delivery.publisher().is_some());
    setup.end().await;
}

async fn what_is_put_together_arrives(setup: Setup) {
    let message = setup.channel.publish("", &setup.queue, b"{}").mandatory();
    let message = message
        .persistent()
        .content_type("application/json")
        .reply_to("answers")
        .expires_after(Duration::from_secs(600))
        .header("k", AMQPValue::LongInt(1));
    message.await.unwrap();
    // the same with lapin's own arguments
    let properties = BasicProperties::default().with_priority(3);
    let (exchange, key) = ("".into(), setup.queue.as_str().into());
    let options = BasicPublishOptions::default();
    let published = setup
        .channel
        .basic_publish(exchange, key, options, b"7", properties);
    let confirm = published.await.unwrap();
    assert_eq!(confirm.await.unwrap(), Confirmation::Ack(None));

    let first = setup.get(&setup.queue).await;
    let properties = &first.properties;
    assert_eq!(properties.delivery_mode(), &Some(2));
    assert_eq!(
        properties.content_type().as_ref().unwrap().as_str(),
        "application/json"
    );
    assert_eq!(properties.reply_to().as_ref().unwrap().as_str(), "answers");
    assert_eq!(properties.expiration().as_ref().unwrap().as_str(), "600000");
    assert!(properties.headers().as_ref().unwrap().contains_key("k"));
    let second = setup.get(&setup.queue).await;
    assert_eq!(second.properties.priority(), &Some(3));
    assert!(second.publisher().is_some());
    setup.end().await;
}

async fn many_are_published_at_once(setup: Setup) {
    let bodies: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let messages = bodies.iter().enumerate().map(|(number, body)| {
        let key = if number == 42 { NOWHERE } else { &setup.queue };
        setup.channel.publish("", key, body.as_bytes()).mandatory()
    });
    let root = SpanBuilder::new("import").tracer(&setup.tracer).start();
    let results = setup.channel.publish_all(messages).in_span(root).await;
    let failed: Vec<usize> = (0..100).filter(|at| results[*at].is_err()).collect();
    assert_eq!(failed, [42]);
    assert!(matches!(results[42], Err(PublishError::Unroutable { .. })));
    let batch = setup.spans.one("publish.batch");
    let batch = batch
        .kind(SpanKind::Client)
        .child_of("import")
        .failed("unroutable");
    batch.attribute("messaging.batch.message_count", 100);
    let batch = setup.spans.one("publish.batch");
    let publishes = setup.spans.named("publish.message");
    assert_eq!(publishes.len(), 100);
    assert!(
        publishes
            .iter()
            .all(|span| span.parent == Some(batch.span_id))
    );
    assert_eq!(publishes.iter().filter(|span| span.is_error()).count(), 1);
    for expected in bodies.iter().filter(|body| *body != "42").take(3) {
        let delivery = setup.get(&setup.queue).await;
        assert_eq!(delivery.body(), expected.as_bytes(), "in this order");
    }
    assert!(setup.channel.publish_all([]).await.is_empty());
    setup.end().await;
}

async fn without_confirms_nothing_is_waited_for(setup: Setup) {
    let plain = setup.connection.create_channel().await.unwrap().traced();
    let plain = plain.tracer(setup.tracer.clone());
    let sent = plain.publish("", &setup.queue, b"x").mandatory().await;
    assert_eq!(sent.unwrap(), Confirmation::NotRequested);
    assert!(setup.get(&setup.queue).await.publisher().is_some());
    setup.end().await;
}

async fn a_context_of_ones_own_is_kept_and_linked(setup: Setup) {
    let message = setup
        .channel
        .publish("", &setup.queue, b"x")
        .message_id("m-1");
    let message = message
        .header("traceparent", text(OWN))
        .header("x-own", AMQPValue::Boolean(true));
    message.await.unwrap();
    let publish = setup
        .spans
        .one("publish.message")
        .attribute("messaging.message.id", "m-1");
    assert_eq!(publish.links[0].span_context.to_string(), OWN);
    let delivery = setup.get(&setup.queue).await;
    assert_eq!(delivery.publisher().unwrap().to_string(), OWN);
    let headers = delivery.properties.headers().clone().unwrap();
    assert!(headers.contains_key("x-own"));
    setup.end().await;
}

async fn an_invalid_context_is_replaced(setup: Setup) {
    let message = setup.channel.publish("", &setup.queue, b"x");
    let message = message
        .header("TraceParent", text("00-nonsense"))
        .header("traceparent", AMQPValue::LongInt(7));
    message.await.unwrap();
    let publish = setup.spans.one("publish.message");
    assert!(publish.links.is_empty());
    let delivery = setup.get(&setup.queue).await;
    assert_eq!(delivery.publisher().unwrap().span_id(), publish.span_id);
    let headers = delivery.properties.headers().clone().unwrap();
    assert!(!headers.contains_key("TraceParent"));
    setup.end().await;
}

async fn a_dead_letter_that_is_published_again_starts_anew(setup: Setup) {
    let dying = setup.declare_dying_to(&setup.queue).await;
    setup
        .channel
        .publish("", &dying, b"x")
        .mandatory()
        .await
        .unwrap();
    let first = setup.spans.take().pop().unwrap();
    assert!(
        setup
            .get(&dying)
            .await
            .settle(Outcome::Reject)
            .await
            .unwrap()
    );
    let letter = setup.get(&setup.queue).await;
    assert_eq!(letter.publisher().unwrap().span_id(), first.span_id);
    setup.spans.take();
    let again = setup.channel.publish("", &dying, letter.body());
    again
        .properties(letter.properties.clone())
        .mandatory()
        .await
        .unwrap();
    let second = setup.spans.one("publish.message");
    assert_ne!(second.trace_id, first.trace_id);
    assert_eq!(second.links[0].span_context.span_id(), first.span_id);
    let came = setup.get(&dying).await;
    assert_eq!(came.publisher().unwrap().span_id(), second.span_id);
    assert_eq!(came.retry_count(), 1, "its deaths are not forgotten");
    setup.delete(&dying).await;
    setup.end().await;
}

/// A dropped publish is no error.
#[tokio::test]
async fn a_dropped_publish_is_cancelled() {
    let broker = Broker::start().unwrap();
    let setup = Setup::new(&broker.url(), QueueType::Classic).await;
    for mandatory in [true, false] {
        let stalled = broker.stall();
        let message = setup.channel.publish("", &setup.queue, b"x");
        let message = if mandatory {
            message.mandatory()
        } else {
            message
        };
        let waited = tokio::time::timeout(Duration::from_millis(50), message.into_future());
        assert!(waited.await.is_err(), "it was confirmed");
        drop(stalled);
        let span = setup
            .spans
            .one("publish.message")
            .attribute("error.type", "cancelled");
        assert!(!span.is_error());
        setup.spans.take();
        // its confirm, which arrives now, is matched to no other publish
        setup.publish(b"x").await;
        let lost = setup.channel.publish("", NOWHERE, b"x").mandatory().await;
        assert!(matches!(lost, Err(PublishError::Unroutable { .. })));
        setup.spans.take();
    }
    assert_eq!(
        setup.waiting(&setup.queue).await,
        4,
        "what was sent arrived"
    );
}

/// A batch is sent before the first answer is waited for.
#[tokio::test]
async fn a_batch_waits_once() {
    let broker = Broker::start().unwrap();
    let setup = Setup::new(&broker.url(), QueueType::Classic).await;
    let stalled = broker.stall();
    let messages = (0..50).map(|_| setup.channel.publish("", &setup.queue, b"x").mandatory());
    let mut publishing = Box::pin(setup.channel.publish_all(messages));
    let waited = tokio::time::timeout(Duration::from_millis(50), &mut publishing);
    assert!(waited.await.is_err(), "it was confirmed");
    assert!(setup.spans.all().is_empty());
    drop(stalled);
    // no future is polled any more, and still all of them arrive
    setup.until_waiting(&setup.queue, 50).await;
    assert!(publishing.await.iter().all(Result::is_ok));
}
