//! Routing, confirms, consuming and settling.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Confirmation, ExchangeKind};

use crate::support::*;

on_both!(
    the_default_exchange_routes_by_queue,
    topics_and_fanouts_route_by_binding,
    confirms_come_and_unroutable_messages_return,
    an_absent_exchange_closes_the_channel,
    prefetch_limits_what_is_under_way,
    requeued_messages_are_redelivered,
    rejected_messages_die_and_are_counted,
    unacknowledged_messages_are_requeued_when_their_channel_closes,
    deleting_a_queue_ends_its_consumer,
    an_unknown_tag_closes_the_channel,
    get_takes_one_message_and_counts_the_rest,
    large_bodies_come_whole,
    more_keys_route_too_and_blind_ones_are_not_seen,
    a_dead_letter_with_a_key_of_its_own_has_no_other,
    a_user_of_another_login_closes_the_channel,
);

async fn the_default_exchange_routes_by_queue((_connection, channel, _url): Connected) {
    let queue = queue(&channel, FieldTable::default()).await;
    publish(&channel, "", &queue, b"one").await;
    let message = get(&channel, &queue).await.unwrap();
    assert_eq!(
        (message.data.as_slice(), message.redelivered),
        (&b"one"[..], false)
    );
    message.ack(BasicAckOptions::default()).await.unwrap();
    assert!(get(&channel, &queue).await.is_none());
    delete(&channel, &queue).await;
}

async fn topics_and_fanouts_route_by_binding((_connection, channel, _url): Connected) {
    let (topic, fanout) = (name("topic"), name("fanout"));
    for (exchange, kind) in [
        (&topic, ExchangeKind::Topic),
        (&fanout, ExchangeKind::Fanout),
    ] {
        let options = ExchangeDeclareOptions::default();
        channel
            .exchange_declare(
                exchange.as_str().into(),
                kind,
                options,
                FieldTable::default(),
            )
            .await
            .unwrap();
    }
    let (first, second) = (
        queue(&channel, FieldTable::default()).await,
        queue(&channel, FieldTable::default()).await,
    );
    for (queue, exchange, key) in [
        (&first, &topic, "orders.*"),
        (&second, &topic, "#.eu"),
        (&first, &fanout, ""),
        (&second, &fanout, ""),
    ] {
        let options = QueueBindOptions::default();
        channel
            .queue_bind(
                queue.as_str().into(),
                exchange.as_str().into(),
                key.into(),
                options,
                FieldTable::default(),
            )
            .await
            .unwrap();
    }
    publish(&channel, &topic, "orders.new", b"first").await;
    publish(&channel, &topic, "orders.new.eu", b"second").await;
    publish(&channel, &fanout, "any", b"both").await;
    for (queue, bodies) in [(&first, ["first", "both"]), (&second, ["second", "both"])] {
        for body in bodies {
            assert_eq!(get(&channel, queue).await.unwrap().data, body.as_bytes());
        }
        delete(&channel, queue).await;
    }
    for exchange in [&topic, &fanout] {
        channel
            .exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default())
            .await
            .unwrap();
    }
}

async fn confirms_come_and_unroutable_messages_return((_connection, channel, _url): Connected) {
    let queue = queue(&channel, FieldTable::default()).await;
    assert!(matches!(
        publish(&channel, "", &queue, b"x").await,
        Confirmation::Ack(None)
    ));
    let Confirmation::Ack(Some(returned)) = publish(&channel, "", "nowhere-at-all", b"x").await
    else {
        panic!("not returned")
    };
    assert_eq!(
        (returned.reply_code, returned.reply_text.as_str()),
        (312, "NO_ROUTE")
    );
    delete(&channel, &queue).await;
}

async fn an_absent_exchange_closes_the_channel((_connection, channel, _url): Connected) {
    let properties = BasicProperties::default();
    let confirm = channel
        .basic_publish(
            "absent".into(),
            "k".into(),
            BasicPublishOptions::default(),
            b"x",
            properties,
        )
        .await
        .unwrap();
    let error = confirm.await.unwrap_err();
    assert!(error.to_string().contains("NOT_FOUND"), "{error}");
    assert!(!channel.status().connected());
}

async fn prefetch_limits_what_is_under_way((_connection, channel, _url): Connected) {
    let queue = queue(&channel, FieldTable::default()).await;
    channel
        .basic_qos(2, BasicQosOptions::default())
        .await
        .unwrap();
    for body in [b"1", b"2", b"3"] {
        publish(&channel, "", &queue, body).await;
    }
    let mut consumer = consume(&channel, &queue).await;
    let first = next(&mut consumer).await;
    next(&mut consumer).await;
    let declared = channel.queue_declare(
        queue.as_str().into(),
        QueueDeclareOptions {
            passive: true,
            ..Default::default()
        },
        FieldTable::default(),
    );
    assert_eq!(
        declared.await.unwrap().message_count(),
        1,
        "the third waits"
    );
    first.ack(BasicAckOptions::default()).await.unwrap();
    assert_eq!(next(&mut consumer).await.data, b"3");
    delete(&channel, &queue).await;
}

async fn requeued_messages_are_redelivered((_connection, channel, _url): Connected) {
    let queue = queue(&channel, FieldTable::default()).await;
    publish(&channel, "", &queue, b"x").await;
    let mut consumer = consume(&channel, &queue).await;
    let first = next(&mut consumer).await;
    assert!(!first.redelivered);
    first
        .nack(BasicNackOptions {
            requeue: true,
            multiple: false,
        })
        .await
        .unwrap();
    let again = next(&mut consumer).await;
    assert!(again.redelivered);
    again.ack(BasicAckOptions::default()).await.unwrap();
    delete(&channel, &queue).await;
}

async fn rejected_messages_die_and_are_counted((_connection, channel, _url): Connected) {
    let dead = queue(&channel, FieldTable::default()).await;
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-dead-letter-exchange".into(),
        AMQPValue::LongString("".into()),
    );
    arguments.insert(
        "x-dead-letter-routing-key".into(),
        AMQPValue::LongString(dead.as_str().into()),
    );
    let queue = queue(&channel, arguments).await;
    publish(&channel, "", &queue, b"x").await;
    for round in 1..3 {
        let message = get(&channel, &queue).await.unwrap();
        message
            .reject(BasicRejectOptions { requeue: false })
            .await
            .unwrap();
        let letter = tokio::time::timeout(Duration::from_secs(10), async {
            loop {
                if let Some(letter) = get(&channel, &dead).await {
                    return letter;
                }
            }
        });
        let letter = letter.await.expect("no dead letter");
        assert!(!letter.redelivered);
        let headers = letter.properties.headers().clone().unwrap();
        let Some(AMQPValue::FieldArray(deaths)) = headers.inner().get("x-death") else {
            panic!("no x-death")
        };
        let AMQPValue::FieldTable(death) = &deaths.as_slice()[0] else {
            panic!("no table")
        };
        assert_eq!(
            death.inner().get("count"),
            Some(&AMQPValue::LongLongInt(round))
        );
        assert_eq!(
            death.inner().get("queue"),
            Some(&AMQPValue::LongString(queue.as_str().into()))
        );
        letter.ack(BasicAckOptions::default()).await.unwrap();
        let again = channel.basic_publish(
            "".into(),
            queue.as_str().into(),
            BasicPublishOptions::default(),
            b"x",
            letter.properties.clone(),
        );
        again.await.unwrap().await.unwrap();
    }
    delete(&channel, &queue).await;
    delete(&channel, &dead).await;
}

async fn unacknowledged_messages_are_requeued_when_their_channel_closes(
    (connection, channel, _url): Connected,
) {
    let queue = queue(&channel, FieldTable::default()).await;
    publish(&channel, "", &queue, b"x").await;
    let other = connection.create_channel().await.unwrap();
    let mut consumer = consume(&other, &queue).await;
    next(&mut consumer).await;
    other.close(200, "bye".into()).await.unwrap();
    let mut consumer = consume(&channel, &queue).await;
    assert!(next(&mut consumer).await.redelivered);
    delete(&channel, &queue).await;
}

async fn deleting_a_queue_ends_its_consumer((_connection, channel, _url): Connected) {
    let queue = queue(&channel, FieldTable::default()).await;
    let mut consumer = consume(&channel, &queue).await;
    delete(&channel, &queue).await;
    let end = tokio::time::timeout(Duration::from_secs(10), consumer.next())
        .await
        .unwrap();
    assert!(end.is_none(), "{end:?}");
    assert!(channel.status().connected());
}

async fn an_unknown_tag_closes_the_channel((_connection, channel, _url): Connected) {
    let _ = channel.basic_ack(99, BasicAckOptions::default()).await;
    let closed = tokio::time::timeout(Duration::from_secs(10), async {
        while channel.status().connected() {
            tokio::task::yield_now().await;
        }
    });
    closed.await.expect("the channel stayed open");
}

async fn get_takes_one_message_and_counts_the_rest((_connection, channel, _url): Connected) {
    let queue = queue(&channel, FieldTable::default()).await;
    for body in [b"1", b"2", b"3"] {
        publish(&channel, "", &queue, body).await;
    }
    assert_eq!(get(&channel, &queue).await.unwrap().message_count, 2);
    assert_eq!(
        channel
            .queue_purge(queue.as_str().into(), QueuePurgeOptions::default())
            .await
            .unwrap(),
        2
    );
    delete(&channel, &queue).await;
}

async fn large_bodies_come_whole((_connection, channel, _url): Connected) {
    let queue = queue(&channel, FieldTable::default()).await;
    let body: Vec<u8> = (0..1_000_000_u32).map(|n| n as u8).collect();
    publish(&channel, "", &queue, &body).await;
    publish(&channel, "", &queue, b"").await;
    assert_eq!(get(&channel, &queue).await.unwrap().data, body);
    assert_eq!(get(&channel, &queue).await.unwrap().data, b"");
    delete(&channel, &queue).await;
}

fn keys(keys: &[&str]) -> AMQPValue {
    AMQPValue::FieldArray(keys.iter().map(|key| text(key)).collect::<Vec<_>>().into())
}

async fn more_keys_route_too_and_blind_ones_are_not_seen((_connection, channel, _url): Connected) {
    let none = FieldTable::default;
    let (to, copied) = (queue(&channel, none()).await, queue(&channel, none()).await);
    let blind = queue(&channel, none()).await;
    let cc = keys(&[&copied]);
    let headers = arguments([("CC", cc.clone()), ("BCC", keys(&[&blind]))]);
    let properties = BasicProperties::default().with_headers(headers);
    publish_with(&channel, &to, b"x", properties).await;
    for queue in [&to, &copied, &blind] {
        let message = get(&channel, queue).await.expect("routed");
        let headers = message.properties.headers().as_ref().unwrap();
        assert_eq!(headers.inner().get("CC"), Some(&cc));
        assert!(!headers.contains_key("BCC"));
        assert_eq!(message.routing_key.as_str(), to);
        message.ack(BasicAckOptions::default()).await.unwrap();
        delete(&channel, queue).await;
    }
}

async fn a_dead_letter_with_a_key_of_its_own_has_no_other((_connection, channel, _url): Connected) {
    let (letters, copied) = (
        queue(&channel, FieldTable::default()).await,
        queue(&channel, FieldTable::default()).await,
    );
    let dying = queue(&channel, dying_to(&letters, [])).await;
    let headers = arguments([("CC", keys(&[&copied]))]);
    let properties = BasicProperties::default().with_headers(headers);
    publish_with(&channel, &dying, b"x", properties).await;
    let reject = BasicRejectOptions::default();
    let message = get(&channel, &dying).await.unwrap();
    message.reject(reject).await.unwrap();
    until(async || channel_has(&channel, &letters).await == 1).await;
    assert_eq!(
        channel_has(&channel, &copied).await,
        1,
        "that of the publish alone"
    );
    let letter = get(&channel, &letters).await.unwrap();
    let headers = letter.properties.headers().as_ref().unwrap();
    assert!(!headers.contains_key("CC"));
    letter.ack(BasicAckOptions::default()).await.unwrap();
    for queue in [&letters, &copied, &dying] {
        delete(&channel, queue).await;
    }
}

async fn channel_has(channel: &lapin::Channel, queue: &str) -> u32 {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let looked_at = channel.queue_declare(queue.into(), passive, FieldTable::default());
    looked_at.await.unwrap().message_count()
}

async fn a_user_of_another_login_closes_the_channel((connection, channel, _url): Connected) {
    let own = queue(&channel, FieldTable::default()).await;
    let named = |user: &str| BasicProperties::default().with_user_id(user.into());
    publish_with(&channel, &own, b"x", named("guest")).await;
    let message = get(&channel, &own).await.unwrap();
    assert_eq!(message.properties.user_id(), &Some("guest".into()));
    message.ack(BasicAckOptions::default()).await.unwrap();
    let options = BasicPublishOptions::default();
    let key = own.as_str().into();
    let sent = channel.basic_publish("".into(), key, options, b"x", named("other-login"));
    assert_eq!(code(sent.await.unwrap().await), 406);
    let channel = connection.create_channel().await.unwrap();
    delete(&channel, &own).await;
}
