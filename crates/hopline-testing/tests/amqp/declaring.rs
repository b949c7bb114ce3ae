//! Queues and exchanges: ownership, deletion, second declarations.

use futures_util::StreamExt;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ExchangeKind};

use crate::support::{self, *};

on_both!(
    an_exclusive_queue_is_its_connections_alone,
    an_auto_delete_queue_is_deleted_with_its_last_consumer,
    a_second_declaration_must_be_equal,
    reserved_names_are_refused,
    made_up_names_are_what_an_empty_one_means,
    what_is_absent_closes_the_channel,
    queues_in_use_are_not_deleted_if_unused,
    an_exclusive_consumer_is_the_only_one,
    a_binding_that_is_removed_routes_nothing,
    what_is_recovered_comes_again,
    replies_go_straight_to_who_asked,
    invalid_arguments_and_expirations_are_refused,
);

/// Another channel, since a refusal costs one.
async fn other(connection: &Connection) -> Channel {
    connection.create_channel().await.unwrap()
}

async fn declare(
    channel: &Channel,
    name: &str,
    options: QueueDeclareOptions,
    arguments: FieldTable,
) -> lapin::Result<lapin::Queue> {
    channel.queue_declare(name.into(), options, arguments).await
}

fn passive() -> QueueDeclareOptions {
    QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    }
}

async fn exists(connection: &Connection, name: &str) -> bool {
    let channel = other(connection).await;
    let declared = declare(&channel, name, passive(), FieldTable::default()).await;
    match declared {
        Ok(_) => true,
        refused => {
            assert_eq!(code(refused), 404);
            false
        }
    }
}

async fn an_exclusive_queue_is_its_connections_alone((connection, channel, url): Connected) {
    let queue = name("exclusive");
    let options = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    let none = FieldTable::default;
    declare(&channel, &queue, options, none()).await.unwrap();
    declare(&channel, &queue, options, none()).await.unwrap();
    let (stranger, _, _) = support::channel(&url).await;
    let theirs = other(&stranger).await;
    assert_eq!(code(declare(&theirs, &queue, options, none()).await), 405);
    let theirs = other(&stranger).await;
    let get = theirs.basic_get(queue.as_str().into(), BasicGetOptions::default());
    assert_eq!(code(get.await), 405);
    connection.close(200, "bye".into()).await.unwrap();
    until(|| async { !exists(&stranger, &queue).await }).await;
}

async fn an_auto_delete_queue_is_deleted_with_its_last_consumer(
    (connection, channel, _url): Connected,
) {
    let queue = name("auto-delete");
    let options = QueueDeclareOptions {
        auto_delete: true,
        ..QueueDeclareOptions::default()
    };
    declare(&channel, &queue, options, FieldTable::default())
        .await
        .unwrap();
    assert!(exists(&connection, &queue).await, "it had no consumer yet");
    let (first, second) = (
        consume(&channel, &queue).await,
        consume(&channel, &queue).await,
    );
    let cancel = |tag| channel.basic_cancel(tag, BasicCancelOptions::default());
    cancel(first.tag()).await.unwrap();
    assert!(exists(&connection, &queue).await);
    cancel(second.tag()).await.unwrap();
    assert!(!exists(&connection, &queue).await);
}

async fn a_second_declaration_must_be_equal((connection, channel, _url): Connected) {
    let limited = || arguments([("x-max-length", AMQPValue::LongInt(3))]);
    let queue = queue(&channel, limited()).await;
    let plain = QueueDeclareOptions::default();
    let durable = QueueDeclareOptions {
        durable: true,
        ..plain
    };
    declare(&channel, &queue, plain, limited()).await.unwrap();
    for (options, arguments) in [(durable, limited()), (plain, FieldTable::default())] {
        let refused = declare(&other(&connection).await, &queue, options, arguments).await;
        assert_eq!(code(refused), 406);
    }
    delete(&channel, &queue).await;
    let exchange = name("exchange");
    let kind_of = async |channel: &Channel, kind| {
        let options = ExchangeDeclareOptions::default();
        let declared = channel.exchange_declare(
            exchange.as_str().into(),
            kind,
            options,
            FieldTable::default(),
        );
        declared.await
    };
    kind_of(&channel, ExchangeKind::Direct).await.unwrap();
    let refused = kind_of(&other(&connection).await, ExchangeKind::Fanout).await;
    assert_eq!(code(refused), 406);
    channel
        .exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default())
        .await
        .unwrap();
}

async fn reserved_names_are_refused((connection, channel, _url): Connected) {
    let plain = QueueDeclareOptions::default();
    let queue = declare(&channel, "amq.mine", plain, FieldTable::default()).await;
    assert_eq!(code(queue), 403);
    let exchange = other(&connection)
        .await
        .exchange_declare(
            "amq.mine".into(),
            ExchangeKind::Direct,
            ExchangeDeclareOptions::default(),
            FieldTable::default(),
        )
        .await;
    assert_eq!(code(exchange), 403);
}

async fn made_up_names_are_what_an_empty_one_means((_connection, channel, _url): Connected) {
    let declared = declare(
        &channel,
        "",
        QueueDeclareOptions::default(),
        FieldTable::default(),
    );
    let queue = declared.await.unwrap().name().to_string();
    assert!(queue.starts_with("amq.gen-"), "{queue}");
    publish(&channel, "", &queue, b"x").await;
    assert!(get(&channel, "").await.is_some(), "the last one declared");
    delete(&channel, &queue).await;
}

async fn what_is_absent_closes_the_channel((connection, _channel, _url): Connected) {
    let absent = || "nowhere-at-all".into();
    let none = FieldTable::default;
    let get = other(&connection).await;
    assert_eq!(
        code(get.basic_get(absent(), BasicGetOptions::default()).await),
        404
    );
    let consume = other(&connection).await;
    let consume =
        consume.basic_consume(absent(), "".into(), BasicConsumeOptions::default(), none());
    assert_eq!(code(consume.await), 404);
    let bind = other(&connection).await;
    let bind = bind.queue_bind(
        absent(),
        "amq.direct".into(),
        "k".into(),
        QueueBindOptions::default(),
        none(),
    );
    assert_eq!(code(bind.await), 404);
    let purge = other(&connection).await;
    let purge = purge.queue_purge(absent(), QueuePurgeOptions::default());
    assert_eq!(code(purge.await), 404);
    let delete = other(&connection).await;
    let delete = delete.queue_delete(absent(), QueueDeleteOptions::default());
    assert_eq!(delete.await.unwrap(), 0, "deleted already");
}

async fn queues_in_use_are_not_deleted_if_unused((connection, channel, _url): Connected) {
    let queue = queue(&channel, FieldTable::default()).await;
    publish(&channel, "", &queue, b"x").await;
    let delete_if = async |options| {
        let channel = other(&connection).await;
        channel.queue_delete(queue.as_str().into(), options).await
    };
    let if_empty = QueueDeleteOptions {
        if_empty: true,
        ..QueueDeleteOptions::default()
    };
    assert_eq!(code(delete_if(if_empty).await), 406);
    let _consumer = consume(&channel, &queue).await;
    let if_unused = QueueDeleteOptions {
        if_unused: true,
        ..QueueDeleteOptions::default()
    };
    assert_eq!(code(delete_if(if_unused).await), 406);
    delete(&channel, &queue).await;
}

async fn an_exclusive_consumer_is_the_only_one((connection, channel, _url): Connected) {
    let queue = queue(&channel, FieldTable::default()).await;
    let consume_by = async |channel: &Channel, exclusive| {
        let options = BasicConsumeOptions {
            exclusive,
            ..BasicConsumeOptions::default()
        };
        let none = FieldTable::default();
        channel
            .basic_consume(queue.as_str().into(), "".into(), options, none)
            .await
    };
    let only = consume_by(&channel, true).await.unwrap();
    assert_eq!(
        code(consume_by(&other(&connection).await, false).await),
        403
    );
    channel
        .basic_cancel(only.tag(), BasicCancelOptions::default())
        .await
        .unwrap();
    let _one_of_many = consume_by(&channel, false).await.unwrap();
    assert_eq!(code(consume_by(&other(&connection).await, true).await), 403);
    delete(&channel, &queue).await;
}

async fn a_binding_that_is_removed_routes_nothing((_connection, channel, _url): Connected) {
    let queue = queue(&channel, FieldTable::default()).await;
    let (exchange, key) = ("amq.direct", name("key"));
    let names = || (queue.as_str().into(), exchange.into(), key.as_str().into());
    let (q, e, k) = names();
    channel
        .queue_bind(q, e, k, QueueBindOptions::default(), FieldTable::default())
        .await
        .unwrap();
    assert!(
        publish(&channel, exchange, &key, b"x")
            .await
            .take_message()
            .is_none()
    );
    let (q, e, k) = names();
    channel
        .queue_unbind(q, e, k, FieldTable::default())
        .await
        .unwrap();
    assert!(
        publish(&channel, exchange, &key, b"x")
            .await
            .take_message()
            .is_some()
    );
    delete(&channel, &queue).await;
}

async fn what_is_recovered_comes_again((_connection, channel, _url): Connected) {
    let queue = queue(&channel, FieldTable::default()).await;
    publish(&channel, "", &queue, b"x").await;
    get(&channel, &queue).await.unwrap();
    channel
        .basic_recover(BasicRecoverOptions { requeue: true })
        .await
        .unwrap();
    until(|| async {
        get(&channel, &queue)
            .await
            .is_some_and(|one| one.redelivered)
    })
    .await;
    delete(&channel, &queue).await;
}

async fn replies_go_straight_to_who_asked((connection, channel, _url): Connected) {
    let queue = queue(&channel, FieldTable::default()).await;
    let to = "amq.rabbitmq.reply-to";
    let no_ack = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let properties = BasicProperties::default().with_reply_to(to.into());
    let early = other(&connection).await;
    let published = early.basic_publish(
        "".into(),
        queue.as_str().into(),
        BasicPublishOptions::default(),
        b"x",
        properties.clone(),
    );
    drop(published.await.unwrap());
    until(|| async { !early.status().connected() }).await; // 406: no consumer of replies

    let mut replies = channel
        .basic_consume(to.into(), "".into(), no_ack, FieldTable::default())
        .await
        .unwrap();
    publish_with(&channel, &queue, b"ask", properties).await;
    let request = get(&channel, &queue).await.unwrap();
    let reply_to = request.properties.reply_to().clone().unwrap();
    assert!(reply_to.as_str().starts_with("amq.rabbitmq.reply-to."));
    let answered = publish(&channel, "", reply_to.as_str(), b"answer").await;
    let returned = answered.take_message();
    assert!(returned.is_some(), "mandatory, and through no queue");
    let reply = tokio::time::timeout(std::time::Duration::from_secs(10), replies.next());
    assert_eq!(reply.await.unwrap().unwrap().unwrap().data, b"answer");
    delete(&channel, &queue).await;
}

async fn invalid_arguments_and_expirations_are_refused((connection, channel, _url): Connected) {
    for wrong in [
        ("x-message-ttl", AMQPValue::LongInt(-1)),
        ("x-max-length", text("many")),
        ("x-overflow", text("explode")),
        ("x-queue-type", text("cyclic")),
    ] {
        let plain = QueueDeclareOptions::default();
        let (channel, queue) = (other(&connection).await, name("wrong"));
        let refused = declare(&channel, &queue, plain, arguments([wrong.clone()])).await;
        assert_eq!(code(refused), 406, "{wrong:?}");
    }
    let queue = queue(&channel, FieldTable::default()).await;
    let never = BasicProperties::default().with_expiration("tomorrow".into());
    let confirming = other(&connection).await;
    confirming
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    let options = BasicPublishOptions::default();
    let sent = confirming.basic_publish("".into(), queue.as_str().into(), options, b"x", never);
    assert_eq!(code(sent.await.unwrap().await), 406);
    delete(&channel, &queue).await;
}
