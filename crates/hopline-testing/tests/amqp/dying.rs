//! Time to live, limits, dead letters, counted deliveries.

use std::time::Duration;

use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation};

use crate::support::*;

on_both!(
    messages_of_a_queue_with_a_time_to_live_expire,
    a_message_expires_by_its_own_time_and_loses_it,
    only_the_first_of_a_queue_expires,
    without_time_nothing_waits,
    a_full_queue_drops_its_oldest_message,
    bytes_are_a_limit_too,
    a_full_queue_may_refuse,
    what_is_refused_may_be_dead_lettered,
    a_letter_keeps_its_key_and_counts_its_deaths,
    letters_do_not_go_in_circles,
    a_quorum_queue_counts_deliveries,
    a_quorum_queue_gives_up_at_its_limit,
);

/// The letter's `x-death`: reason, queue, count of each entry.
fn deaths(letter: &Delivery) -> Vec<(String, String, i64)> {
    let headers = letter.properties.headers().clone().unwrap();
    let deaths = headers.inner()["x-death"].as_array().cloned().unwrap();
    let text = |table: &FieldTable, key: &str| match &table.inner()[key] {
        AMQPValue::LongString(text) => text.to_string(),
        other => panic!("`{key}` is {other:?}"),
    };
    let entries = deaths.as_slice().iter().map(|death| {
        let death = death.as_field_table().unwrap();
        assert!(matches!(
            death.inner()["time"],
            AMQPValue::Timestamp(1_700_000_000..)
        ));
        let count = death.inner()["count"].as_long_long_int().unwrap();
        (text(death, "reason"), text(death, "queue"), count)
    });
    entries.collect()
}

fn death(reason: &str, queue: &str, count: i64) -> (String, String, i64) {
    (reason.to_owned(), queue.to_owned(), count)
}

/// A queue, and the queue of its dead letters.
async fn dying<const N: usize>(
    channel: &Channel,
    more: [(&str, AMQPValue); N],
) -> (String, String) {
    let letters = queue(channel, FieldTable::default()).await;
    (queue(channel, dying_to(&letters, more)).await, letters)
}

async fn delete_both(channel: &Channel, queues: (String, String)) {
    delete(channel, &queues.0).await;
    delete(channel, &queues.1).await;
}

async fn first_letter(channel: &Channel, letters: &str) -> Delivery {
    let mut consumer = consume(channel, letters).await;
    let letter = next(&mut consumer).await;
    letter.ack(BasicAckOptions::default()).await.unwrap();
    channel
        .basic_cancel(consumer.tag(), BasicCancelOptions::default())
        .await
        .unwrap();
    letter
}

fn expiring(millis: &str) -> BasicProperties {
    BasicProperties::default().with_expiration(millis.into())
}

async fn messages_of_a_queue_with_a_time_to_live_expire((_connection, channel, _url): Connected) {
    let queues = dying(&channel, [("x-message-ttl", AMQPValue::LongInt(30))]).await;
    publish(&channel, "", &queues.0, b"x").await;
    let letter = first_letter(&channel, &queues.1).await;
    assert_eq!(deaths(&letter), [death("expired", &queues.0, 1)]);
    assert!(!letter.redelivered);
    let headers = letter.properties.headers().clone().unwrap();
    let first = |what: &str| headers.inner()[&*format!("x-first-death-{what}")].clone();
    assert_eq!(first("reason"), text("expired"));
    assert_eq!(first("queue"), text(&queues.0));
    assert_eq!(first("exchange"), text(""));
    assert!(get(&channel, &queues.0).await.is_none());
    delete_both(&channel, queues).await;
}

async fn a_message_expires_by_its_own_time_and_loses_it((_connection, channel, _url): Connected) {
    let queues = dying(&channel, [("x-message-ttl", AMQPValue::LongInt(3_600_000))]).await;
    publish_with(&channel, &queues.0, b"x", expiring("20")).await;
    let letter = first_letter(&channel, &queues.1).await;
    assert_eq!(letter.properties.expiration(), &None);
    let headers = letter.properties.headers().clone().unwrap();
    let entry = &headers.inner()["x-death"].as_array().unwrap().as_slice()[0];
    let entry = entry.as_field_table().unwrap();
    assert_eq!(entry.inner()["original-expiration"], text("20"));
    delete_both(&channel, queues).await;
}

async fn only_the_first_of_a_queue_expires((_connection, channel, _url): Connected) {
    let queues = dying(&channel, []).await;
    publish_with(&channel, &queues.0, b"stays", BasicProperties::default()).await;
    publish_with(&channel, &queues.0, b"behind", expiring("1")).await;
    publish_with(&channel, &queues.1, b"marker", expiring("200")).await;
    // a marker that waits for longer: by its end the one behind would have died, if it were looked at
    until(|| async { get(&channel, &queues.1).await.is_none() }).await;
    let first = get(&channel, &queues.0).await.unwrap();
    assert_eq!(first.data, b"stays");
    first.ack(BasicAckOptions::default()).await.unwrap();
    let letter = first_letter(&channel, &queues.1).await;
    assert_eq!(letter.data, b"behind");
    delete_both(&channel, queues).await;
}

async fn without_time_nothing_waits((_connection, channel, _url): Connected) {
    let queues = dying(&channel, [("x-message-ttl", AMQPValue::LongInt(0))]).await;
    publish(&channel, "", &queues.0, b"expired").await;
    assert_eq!(first_letter(&channel, &queues.1).await.data, b"expired");
    let mut consumer = consume(&channel, &queues.0).await;
    publish(&channel, "", &queues.0, b"delivered").await;
    assert_eq!(next(&mut consumer).await.data, b"delivered");
    delete_both(&channel, queues).await;
}

async fn a_full_queue_drops_its_oldest_message((_connection, channel, _url): Connected) {
    let queues = dying(&channel, [("x-max-length", AMQPValue::LongInt(2))]).await;
    for body in [b"1", b"2", b"3"] {
        let confirmed = publish(&channel, "", &queues.0, body).await;
        assert_eq!(confirmed, Confirmation::Ack(None));
    }
    let letter = first_letter(&channel, &queues.1).await;
    assert_eq!(letter.data, b"1");
    assert_eq!(deaths(&letter), [death("maxlen", &queues.0, 1)]);
    assert_eq!(get(&channel, &queues.0).await.unwrap().data, b"2");
    delete_both(&channel, queues).await;
}

async fn bytes_are_a_limit_too((_connection, channel, _url): Connected) {
    let queues = dying(&channel, [("x-max-length-bytes", AMQPValue::LongInt(10))]).await;
    for body in [b"first", b"other", b"third"] {
        publish(&channel, "", &queues.0, body).await;
    }
    assert_eq!(first_letter(&channel, &queues.1).await.data, b"first");
    delete_both(&channel, queues).await;
}

async fn a_full_queue_may_refuse((_connection, channel, _url): Connected) {
    let full = arguments([
        ("x-max-length", AMQPValue::LongInt(1)),
        ("x-overflow", text("reject-publish")),
    ]);
    let queue = queue(&channel, full).await;
    let taken = publish(&channel, "", &queue, b"1").await;
    let refused = publish(&channel, "", &queue, b"2").await;
    assert_eq!(
        (taken, refused),
        (Confirmation::Ack(None), Confirmation::Nack(None))
    );
    assert_eq!(get(&channel, &queue).await.unwrap().data, b"1");
    delete(&channel, &queue).await;
}

async fn what_is_refused_may_be_dead_lettered((_connection, channel, _url): Connected) {
    let full = [
        ("x-max-length", AMQPValue::LongInt(1)),
        ("x-overflow", text("reject-publish-dlx")),
    ];
    let queues = dying(&channel, full).await;
    publish(&channel, "", &queues.0, b"1").await;
    let refused = publish(&channel, "", &queues.0, b"2").await;
    assert_eq!(refused, Confirmation::Nack(None));
    let letter = first_letter(&channel, &queues.1).await;
    assert_eq!(letter.data, b"2");
    assert_eq!(deaths(&letter), [death("maxlen", &queues.0, 1)]);
    delete_both(&channel, queues).await;
}

async fn a_letter_keeps_its_key_and_counts_its_deaths((_connection, channel, _url): Connected) {
    // the exchange is another one, the key is not: the letters' queue is bound by it
    let letters = queue(&channel, FieldTable::default()).await;
    let rejecting = queue(
        &channel,
        arguments([("x-dead-letter-exchange", text("amq.direct"))]),
    )
    .await;
    let bind = channel.queue_bind(
        letters.as_str().into(),
        "amq.direct".into(),
        rejecting.as_str().into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    bind.await.unwrap();
    let mut properties = BasicProperties::default();
    for round in 1..=2 {
        publish_with(&channel, &rejecting, b"x", properties).await;
        let message = get(&channel, &rejecting).await.unwrap();
        let gone = message.reject(BasicRejectOptions { requeue: false });
        gone.await.unwrap();
        let letter = first_letter(&channel, &letters).await;
        assert_eq!(letter.exchange.as_str(), "amq.direct");
        assert_eq!(letter.routing_key.as_str(), rejecting);
        assert_eq!(deaths(&letter), [death("rejected", &rejecting, round)]);
        properties = letter.properties.clone();
    }
    delete_both(&channel, (rejecting, letters)).await;
}

async fn letters_do_not_go_in_circles((_connection, channel, _url): Connected) {
    // each dead-letters to the other, and no consumer rejects
    let (first, second) = (name("round"), name("round"));
    for (queue, other) in [(&first, &second), (&second, &first)] {
        let arguments = dying_to(other, [("x-message-ttl", AMQPValue::LongInt(20))]);
        channel
            .queue_declare(
                queue.as_str().into(),
                QueueDeclareOptions::default(),
                arguments,
            )
            .await
            .unwrap();
    }
    publish(&channel, "", &first, b"x").await;
    let waiting = async |queue: &str| {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let declared = channel.queue_declare(queue.into(), passive, FieldTable::default());
        declared.await.unwrap().message_count()
    };
    until(|| async { waiting(&second).await == 1 }).await;
    until(|| async { waiting(&second).await == 0 }).await;
    assert_eq!(waiting(&first).await, 0, "it did not return");
    delete_both(&channel, (first, second)).await;
}

async fn quorum(channel: &Channel, more: FieldTable) -> String {
    let queue = name("quorum");
    let mut arguments = more;
    arguments.insert("x-queue-type".into(), text("quorum"));
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(queue.as_str().into(), durable, arguments)
        .await
        .unwrap();
    queue
}

/// Absent on the first delivery, or zero: brokers differ by version.
fn delivery_count(message: &Delivery) -> i64 {
    let headers = message.properties.headers().clone().unwrap_or_default();
    let count = headers.inner().get("x-delivery-count");
    count.map_or(0, |count| count.as_long_long_int().unwrap())
}

async fn hand_back(message: &Delivery) {
    let options = BasicNackOptions {
        requeue: true,
        multiple: false,
    };
    message.nack(options).await.unwrap();
}

async fn a_quorum_queue_counts_deliveries((_connection, channel, _url): Connected) {
    let queue = quorum(&channel, FieldTable::default()).await;
    publish(&channel, "", &queue, b"x").await;
    let mut consumer = consume(&channel, &queue).await;
    for count in 0..3 {
        let message = next(&mut consumer).await;
        assert_eq!(
            (delivery_count(&message), message.redelivered),
            (count, count > 0)
        );
        hand_back(&message).await;
    }
    delete(&channel, &queue).await;
}

async fn a_quorum_queue_gives_up_at_its_limit((_connection, channel, _url): Connected) {
    let letters = queue(&channel, FieldTable::default()).await;
    let limit = [("x-delivery-limit", AMQPValue::LongInt(1))];
    let queue = quorum(&channel, dying_to(&letters, limit)).await;
    publish(&channel, "", &queue, b"x").await;
    let mut consumer = consume(&channel, &queue).await;
    for _ in 0..2 {
        hand_back(&next(&mut consumer).await).await;
    }
    let letter = first_letter(&channel, &letters).await;
    assert_eq!(deaths(&letter), [death("delivery_limit", &queue, 1)]);
    let more = tokio::time::timeout(Duration::from_millis(50), next(&mut consumer));
    assert!(more.await.is_err(), "it was delivered again");
    delete_both(&channel, (queue, letters)).await;
}
