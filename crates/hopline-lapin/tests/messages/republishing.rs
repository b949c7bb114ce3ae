//! Copies that the runner publishes are the same message: each property, each header, at each attempt.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hopline_core::{Baggage, Context, FutureExt, export::SpanData};
use hopline_lapin::{ChannelExt, Delivery, Outcome, RunOptions};
use hopline_testing::amqp::Broker;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties, ExchangeKind};

use crate::support::*;

rows!(
    exchange_and_key_stay_on_every_attempt,
    all_properties_stay_on_every_attempt,
    a_dead_letter_does_not_expire_again,
    a_user_is_kept_in_a_header,
    deaths_in_other_queues_are_no_retries,
    rejections_that_come_round_are_counted_once_each,
    more_routing_keys_are_not_routed_again,
    a_dead_letter_is_routed_by_its_own_key_alone,
    a_dead_letter_has_its_baggage_once,
    attempts_of_a_dead_letter_have_one_parent,
    counts_of_a_queue_stay_with_it,
    baggage_of_ones_own_is_joined,
);

const OUTCOME: &str = "hopline.messaging.outcome";

/// A message as its handler received it: exchange, key, flag, properties.
type Seen = Arc<Mutex<Vec<Delivery>>>;

fn failing(
    seen: &Seen,
) -> impl FnMut(Delivery) -> std::future::Ready<Result<(), &'static str>> + Clone + Send + 'static {
    let seen = Arc::clone(seen);
    move |delivery| {
        seen.lock().unwrap().push(delivery);
        std::future::ready(Err("it never works"))
    }
}

fn retrying(max: u64) -> RunOptions {
    let options = RunOptions::default().concurrency(1);
    options.on_error(Outcome::Requeue).max_retries(max)
}

fn retries(spans: &[SpanData]) -> Vec<i64> {
    let count = |span: &SpanData| {
        span.attribute("retry_count")
            .map_or(0, |count| count.as_i64().unwrap())
    };
    spans.iter().map(count).collect()
}

fn headers(delivery: &Delivery) -> FieldTable {
    delivery.properties.headers().clone().unwrap_or_default()
}

async fn exchange_and_key_stay_on_every_attempt(setup: Setup) {
    let exchange = name();
    let (kind, options) = (ExchangeKind::Topic, ExchangeDeclareOptions::default());
    let declared = setup.channel.exchange_declare(
        exchange.as_str().into(),
        kind,
        options,
        FieldTable::default(),
    );
    declared.await.unwrap();
    let (queue, key) = (setup.queue.as_str().into(), "orders.*".into());
    let bound = setup.channel.queue_bind(
        queue,
        exchange.as_str().into(),
        key,
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    bound.await.unwrap();
    let letters = setup.declare(FieldTable::default()).await;
    let order = setup
        .channel
        .publish(&exchange, "orders.new", b"7")
        .mandatory();
    order.await.unwrap();
    setup.spans.take();

    let seen = Seen::default();
    run_until(
        &setup,
        4,
        retrying(3).dead_letter("", &letters),
        failing(&seen),
    )
    .await;
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!(seen.len(), 4);
    for (number, attempt) in seen.iter().enumerate() {
        let from = (attempt.exchange.as_str(), attempt.routing_key.as_str());
        assert_eq!(from, (exchange.as_str(), "orders.new"), "attempt {number}");
        assert_eq!(attempt.redelivered, number > 0, "attempt {number}");
        assert_eq!(attempt.retry_count(), number as u64);
    }
    let spans = setup.spans.named("process.message");
    let destination = format!("{exchange}:orders.new:{}", setup.queue);
    assert_eq!(
        texts(&spans, "messaging.destination.name"),
        [Some(destination.as_str()); 4]
    );
    assert_eq!(
        texts(&spans, "messaging.rabbitmq.destination.routing_key"),
        [Some("orders.new"); 4]
    );
    assert_eq!(retries(&spans), [0, 1, 2, 3]);
    let letter = setup.get(&letters).await;
    let letter_headers = headers(&letter);
    assert_eq!(
        letter_headers.inner()["hopline-dead-letter-exchange"],
        text(&exchange)
    );
    assert_eq!(
        letter_headers.inner()["hopline-dead-letter-routing-key"],
        text("orders.new")
    );
    assert!(
        !letter_headers
            .inner()
            .keys()
            .any(|key| key.as_str().starts_with("hopline-retry-")),
        "{letter_headers:?}"
    );
    letter.settle(Outcome::Ack).await.unwrap();
    setup.delete(&letters).await;
    let deleted = setup
        .channel
        .exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default());
    deleted.await.unwrap();
    setup.end().await;
}

async fn all_properties_stay_on_every_attempt(setup: Setup) {
    let mut given = FieldTable::default();
    given.insert("x-own".into(), AMQPValue::LongInt(1));
    given.insert("x-table".into(), AMQPValue::FieldTable(given.clone()));
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_content_encoding("gzip".into())
        .with_headers(given)
        .with_delivery_mode(2)
        .with_priority(3)
        .with_correlation_id("c-1".into())
        .with_reply_to("answers".into())
        .with_expiration("600000".into())
        .with_message_id("m-1".into())
        .with_timestamp(1_700_000_000)
        .with_type("order".into())
        .with_app_id("shop".into());
    let message = setup
        .channel
        .publish("", &setup.queue, b"7")
        .properties(properties);
    message.mandatory().await.unwrap();
    setup.spans.take();
    let seen = Seen::default();
    run_until(&setup, 4, retrying(3), failing(&seen)).await;
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    let plain = |delivery: &Delivery| {
        // a count of the queue's own comes with it
        let mut properties = delivery.properties.clone();
        let kept = headers(delivery).inner().clone();
        let kept = kept
            .into_iter()
            .filter(|(key, _)| key.as_str() != "x-delivery-count");
        properties = properties.with_headers(FieldTable::from(
            kept.collect::<std::collections::BTreeMap<_, _>>(),
        ));
        (properties, delivery.data.clone())
    };
    for attempt in &seen[1..] {
        assert_eq!(plain(attempt), plain(&seen[0]));
    }
    setup.end().await;
}

/// RabbitMQ's dead-lettering removes it too: a dead letter must not expire before an operator looks at it.
async fn a_dead_letter_does_not_expire_again(setup: Setup) {
    let letters = setup.declare(FieldTable::default()).await;
    let message = setup.channel.publish("", &setup.queue, b"7");
    let message = message
        .expires_after(Duration::from_secs(600))
        .correlation_id("c-1");
    message.mandatory().await.unwrap();
    setup.spans.take();
    let seen = Seen::default();
    let options = RunOptions::default().dead_letter("", &letters);
    run_until(&setup, 1, options, failing(&seen)).await;
    let letter = setup.get(&letters).await;
    assert_eq!(letter.properties.expiration(), &None);
    assert_eq!(letter.properties.correlation_id(), &Some("c-1".into()));
    assert_eq!(
        headers(&letter).inner()["hopline-dead-letter-expiration"],
        text("600000")
    );
    letter.settle(Outcome::Ack).await.unwrap();
    setup.delete(&letters).await;
    setup.end().await;
}

/// The broker closes the channel of a login that publishes with another one's.
async fn a_user_is_kept_in_a_header(setup: Setup) {
    let letters = setup.declare(FieldTable::default()).await;
    let properties = BasicProperties::default().with_user_id("guest".into());
    let message = setup
        .channel
        .publish("", &setup.queue, b"7")
        .properties(properties);
    message.mandatory().await.unwrap();
    setup.spans.take();
    let seen = Seen::default();
    run_until(
        &setup,
        4,
        retrying(3).dead_letter("", &letters),
        failing(&seen),
    )
    .await;
    let letter = setup.get(&letters).await;
    assert_eq!(letter.properties.user_id(), &None);
    assert_eq!(
        headers(&letter).inner()["hopline-dead-letter-user-id"],
        text("guest")
    );
    if setup.queue_type == QueueType::Classic {
        // a copy: the broker does not vouch for it, so the property is not made up
        let last = seen.lock().unwrap().pop().unwrap();
        assert_eq!(last.properties.user_id(), &None);
        assert_eq!(
            headers(&last).inner()["hopline-retry-user-id"],
            text("guest")
        );
    }
    letter.settle(Outcome::Ack).await.unwrap();
    setup.delete(&letters).await;
    setup.end().await;
}

/// A message of another login is dead-lettered and acknowledged, and the runner continues.
#[tokio::test]
async fn a_message_of_another_user_is_handed_over() {
    let broker = Broker::start().unwrap();
    let setup = Setup::new(&broker.url(), QueueType::Classic).await;
    let letters = setup.declare(FieldTable::default()).await;
    let url = broker.url().replace("guest:guest", "publisher:publisher");
    let theirs = Connection::connect(&url, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = confirming(&theirs)
        .await
        .traced()
        .tracer(setup.tracer.clone());
    for options in [
        RunOptions::default().dead_letter("", &letters),
        retrying(2).dead_letter("", &letters),
    ] {
        setup.spans.take();
        let properties = BasicProperties::default().with_user_id("publisher".into());
        let message = channel
            .publish("", &setup.queue, b"7")
            .properties(properties);
        message.mandatory().await.unwrap();
        let shutdown = async {
            let letter = setup.get(&letters).await;
            assert_eq!(
                headers(&letter).inner()["hopline-dead-letter-user-id"],
                text("publisher")
            );
            letter.settle(Outcome::Ack).await.unwrap();
        };
        let consumer = setup.consume().await;
        consumer
            .run(failing(&Seen::default()), options, shutdown)
            .await
            .unwrap();
        let spans = setup.spans.named("process.message");
        assert_eq!(texts(&spans, OUTCOME).last(), Some(&Some("dead_letter")));
    }
    assert!(setup.channel.status().connected());
    assert_eq!(setup.waiting(&setup.queue).await, 0);
}

async fn deaths_in_other_queues_are_no_retries(setup: Setup) {
    let mut delayed = FieldTable::default();
    delayed.insert("x-message-ttl".into(), AMQPValue::LongInt(1));
    delayed.insert("x-dead-letter-exchange".into(), text(""));
    delayed.insert("x-dead-letter-routing-key".into(), text(&setup.queue));
    let delay = setup.declare(delayed).await;
    setup
        .channel
        .publish("", &delay, b"7")
        .mandatory()
        .await
        .unwrap();
    setup.until_waiting(&setup.queue, 1).await;
    setup.spans.take();
    let seen = Seen::default();
    run_until(&setup, 6, retrying(5), failing(&seen)).await;
    let spans = setup.spans.named("process.message");
    let again = Some("requeue");
    assert_eq!(
        texts(&spans, OUTCOME),
        [again, again, again, again, again, Some("reject")]
    );
    assert_eq!(retries(&spans), [0, 1, 2, 3, 4, 5]);
    assert_eq!(setup.waiting(&setup.queue).await, 0);
    setup.delete(&delay).await;
    setup.end().await;
}

/// Work, rejected, waits, work again: once more each time.
async fn rejections_that_come_round_are_counted_once_each(setup: Setup) {
    // the two name each other, and neither needs the other to be there
    let (work, wait) = (name(), name());
    let mut waiting = FieldTable::default();
    waiting.insert("x-message-ttl".into(), AMQPValue::LongInt(1));
    waiting.insert("x-dead-letter-exchange".into(), text(""));
    waiting.insert("x-dead-letter-routing-key".into(), text(&work));
    setup.declare_as(&wait, waiting).await;
    let mut working = FieldTable::default();
    working.insert("x-dead-letter-exchange".into(), text(""));
    working.insert("x-dead-letter-routing-key".into(), text(&wait));
    setup.declare_as(&work, working).await;
    setup
        .channel
        .publish("", &work, b"7")
        .mandatory()
        .await
        .unwrap();
    for rejections in 0..4 {
        let delivery = setup.get(&work).await;
        assert_eq!(delivery.retry_count(), rejections);
        let outcome = if rejections < 3 {
            Outcome::Reject
        } else {
            Outcome::Ack
        };
        assert!(delivery.settle(outcome).await.unwrap());
    }
    setup.delete(&work).await;
    setup.delete(&wait).await;
    setup.end().await;
}

/// `CC` is routed by as the key is: on a copy it would send the message to the others again.
async fn more_routing_keys_are_not_routed_again(setup: Setup) {
    let audit = setup.declare(FieldTable::default()).await;
    let cc = AMQPValue::FieldArray(vec![text(&audit)].into());
    let message = setup
        .channel
        .publish("", &setup.queue, b"7")
        .header("CC", cc.clone());
    message.mandatory().await.unwrap();
    setup.spans.take();
    let seen = Seen::default();
    run_until(&setup, 4, retrying(3), failing(&seen)).await;
    for attempt in &*seen.lock().unwrap() {
        assert_eq!(headers(attempt).inner().get("CC"), Some(&cc));
    }
    assert_eq!(setup.waiting(&audit).await, 1);
    setup.delete(&audit).await;
    setup.end().await;
}

async fn a_dead_letter_is_routed_by_its_own_key_alone(setup: Setup) {
    let (audit, letters) = (
        setup.declare(FieldTable::default()).await,
        setup.declare(FieldTable::default()).await,
    );
    let cc = AMQPValue::FieldArray(vec![text(&audit)].into());
    let message = setup
        .channel
        .publish("", &setup.queue, b"7")
        .header("CC", cc.clone());
    message.mandatory().await.unwrap();
    setup.spans.take();
    let options = RunOptions::default().dead_letter("", &letters);
    run_until(&setup, 1, options, failing(&Seen::default())).await;
    let letter = setup.get(&letters).await;
    assert_eq!(headers(&letter).inner()["hopline-dead-letter-cc"], cc);
    assert_eq!(setup.waiting(&audit).await, 1);
    letter.settle(Outcome::Ack).await.unwrap();
    setup.delete(&audit).await;
    setup.delete(&letters).await;
    setup.end().await;
}

async fn a_dead_letter_has_its_baggage_once(setup: Setup) {
    let letters = setup.declare(FieldTable::default()).await;
    let baggage = Baggage::default().with("tenant_id", "acme").unwrap();
    let caller = Context::current().with_baggage(baggage);
    setup.publish(b"7").in_context(caller).await;
    setup.spans.take();
    let options = RunOptions::default().dead_letter("", &letters);
    run_until(&setup, 1, options, failing(&Seen::default())).await;
    let letter = setup.get(&letters).await;
    assert_eq!(headers(&letter).inner()["baggage"], text("tenant_id=acme"));
    letter.settle(Outcome::Ack).await.unwrap();
    setup.delete(&letters).await;
    setup.end().await;
}

async fn attempts_of_a_dead_letter_have_one_parent(setup: Setup) {
    let dying = setup.declare_dying_to(&setup.queue).await;
    setup
        .channel
        .publish("", &dying, b"7")
        .mandatory()
        .await
        .unwrap();
    assert!(
        setup
            .get(&dying)
            .await
            .settle(Outcome::Reject)
            .await
            .unwrap()
    );
    setup.until_waiting(&setup.queue, 1).await;
    let publish = setup.spans.one("publish.message").span_id;
    setup.spans.take();
    run_until(&setup, 4, retrying(3), failing(&Seen::default())).await;
    for attempt in setup.spans.named("process.message") {
        assert_eq!(attempt.parent, Some(publish));
    }
    setup.delete(&dying).await;
    setup.end().await;
}

/// A quorum queue's count in a dead letter would be taken for that of the queue of dead letters.
async fn counts_of_a_queue_stay_with_it(setup: Setup) {
    let letters = name();
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let declared =
        setup
            .channel
            .queue_declare(letters.as_str().into(), options, FieldTable::default());
    declared.await.unwrap();
    setup.publish(b"7").await;
    setup.spans.take();
    run_until(
        &setup,
        3,
        retrying(2).dead_letter("", &letters),
        failing(&Seen::default()),
    )
    .await;
    let letter = setup.get(&letters).await;
    assert_eq!(letter.retry_count(), 0);
    assert!(!headers(&letter).contains_key("x-delivery-count"));
    letter.settle(Outcome::Ack).await.unwrap();
    setup.delete(&letters).await;
    setup.end().await;
}

async fn baggage_of_ones_own_is_joined(setup: Setup) {
    let current = Baggage::default().with("tenant_id", "acme").unwrap();
    let caller = Context::current().with_baggage(current);
    for (own, expected) in [
        (Some("coupon=7"), "coupon=7,tenant_id=acme"),
        (Some("tenant_id=acme"), "tenant_id=acme"),
        (None, "tenant_id=acme"),
    ] {
        let message = setup.channel.publish("", &setup.queue, b"7").mandatory();
        let message = match own {
            Some(own) => message.header("Baggage", text(own)),
            None => message,
        };
        message
            .into_future()
            .in_context(caller.clone())
            .await
            .unwrap();
        let delivery = setup.get(&setup.queue).await;
        assert_eq!(
            headers(&delivery).inner().get("baggage"),
            Some(&text(expected))
        );
        assert!(!headers(&delivery).contains_key("Baggage"));
        delivery.settle(Outcome::Ack).await.unwrap();
    }
    let message = setup
        .channel
        .publish("", &setup.queue, b"7")
        .header("baggage", text("coupon=7"));
    message.mandatory().await.unwrap();
    let delivery = setup.get(&setup.queue).await;
    assert_eq!(
        headers(&delivery).inner()["baggage"],
        text("coupon=7"),
        "without a context's"
    );
    delivery.settle(Outcome::Ack).await.unwrap();
    setup.end().await;
}
