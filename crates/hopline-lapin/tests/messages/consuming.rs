//! Consuming: whose child a message is, and what its span says.

use std::convert::Infallible;

use futures_util::StreamExt;
use hopline_core::{
    Baggage, Context, FutureExt, Incoming, Kind, OwnedValue, SpanBuilder, SpanNames, no_attrs, span,
};
use hopline_lapin::{Channel, Delivery, End, RunOptions};
use hopline_testing::{assert_tree, tracer};
use lapin::options::*;
use lapin::types::FieldTable;

use crate::support::*;

rows!(
    a_message_is_one_trace_from_publish_to_settled,
    links_instead_of_children_on_request,
    get_is_a_receive_span_also_when_empty,
    names_follow_the_conventions_on_request,
    a_stream_gives_what_a_span_needs,
    what_is_asked_for_is_recorded,
    nothing_else_is_recorded,
    queues_without_a_name_of_their_own_are_said_to_be,
    exchange_key_and_queue_are_the_destination,
    dead_letters_are_linked_only_on_request,
    what_needs_no_answer_gets_none,
);

async fn a_message_is_one_trace_from_publish_to_settled(setup: Setup) {
    let (tracer, _) = tracer("caller");
    let baggage = Baggage::default().with("tenant_id", "acme").unwrap();
    let request = SpanBuilder::new("request").start_root(
        Some(&tracer),
        Incoming {
            baggage,
            ..Incoming::default()
        },
        no_attrs,
    );
    let sent = request.span_context().unwrap();
    setup.publish(b"7").in_span(request).await;
    let handler = |delivery: Delivery| async move {
        assert_eq!(
            (
                delivery.body(),
                Context::current().baggage().get("tenant_id")
            ),
            (&b"7"[..], Some("acme"))
        );
        span("mail.send").end();
        Ok::<_, Infallible>(())
    };
    assert_eq!(
        run_until(&setup, 1, RunOptions::default(), handler).await,
        End::Shutdown
    );
    let publish = setup.spans.one("publish.message").kind(Kind::Producer);
    assert_eq!(
        (publish.trace_id, publish.parent),
        (sent.trace_id(), Some(sent.span_id()))
    );
    let queue = setup.queue.as_str();
    publish
        .attribute("messaging.system", "rabbitmq")
        .attribute("messaging.operation.type", "send")
        .attribute("messaging.destination.name", queue)
        .attribute("messaging.rabbitmq.destination.routing_key", queue)
        .succeeded();
    let process = setup
        .spans
        .one("process.message")
        .kind(Kind::Consumer)
        .child_of("publish.message")
        .succeeded();
    assert!(process.parent_is_remote);
    assert_eq!(process.links.len(), 1);
    assert_eq!(
        Some(process.links[0].span_context.span_id()),
        process.parent
    );
    process
        .attribute("messaging.operation.type", "process")
        .attribute("messaging.destination.name", queue)
        .attribute("messaging.rabbitmq.message.delivery_tag", 1)
        .attribute("hopline.messaging.outcome", "ack")
        .no_attribute("hopline.messaging.redelivered")
        .no_attribute("retry_count");
    setup.spans.one("mail.send").child_of("process.message");
    setup.end().await;
}

async fn links_instead_of_children_on_request(setup: Setup) {
    let setup = setup.over(Channel::link_only);
    let baggage = Baggage::default().with("tenant_id", "acme").unwrap();
    let caller = Context::current().with_baggage(baggage);
    setup.publish(b"x").in_context(caller).await;
    // what is current where the runner runs is not the parent either
    let (tracer, _) = tracer("worker");
    let ambient = SpanBuilder::new("main").start_root(Some(&tracer), Incoming::default(), no_attrs);
    let handler = |_| async {
        let baggage = Context::current().baggage().get("tenant_id") == Some("acme");
        assert!(baggage, "baggage is lost with the parent");
        Ok::<_, Infallible>(())
    };
    run_until(&setup, 1, RunOptions::default(), handler)
        .in_span(ambient)
        .await;
    let publish = setup.spans.one("publish.message");
    let process = setup.spans.one("process.message").root().succeeded();
    assert_ne!(process.trace_id, publish.trace_id);
    assert_eq!(process.links[0].span_context.span_id(), publish.span_id);
    setup.end().await;
}

async fn get_is_a_receive_span_also_when_empty(setup: Setup) {
    let get = || {
        setup
            .channel
            .basic_get(setup.queue.as_str().into(), BasicGetOptions::default())
    };
    assert!(get().await.unwrap().is_none());
    setup
        .spans
        .one("receive.message")
        .kind(Kind::Client)
        .attribute("messaging.operation.type", "receive")
        .succeeded();
    setup.publish(b"x").await;
    setup.spans.take();
    let delivery = get().await.unwrap().unwrap();
    assert_eq!(
        setup.spans.one("receive.message").links[0]
            .span_context
            .span_id(),
        delivery.publisher().unwrap().span_id()
    );
    delivery.process_span().end();
    assert!(delivery.ack().await.unwrap());
    setup.end().await;
}

async fn names_follow_the_conventions_on_request(setup: Setup) {
    let setup = setup.over(|channel| channel.span_names(SpanNames::Conventions));
    setup.publish(b"x").await;
    let delivery = setup.consume().await.next().await.unwrap().unwrap();
    delivery.process_span().end();
    assert!(delivery.ack().await.unwrap());
    let queue = &setup.queue;
    assert_tree(
        &setup.finished(2).await,
        &format!("publish {queue} ▸ svc\n└─ process {queue}"),
    );
    setup.end().await;
}

/// By hand: a stream, a span, an answer.
async fn a_stream_gives_what_a_span_needs(setup: Setup) {
    setup.publish(b"x").await;
    let mut consumer = setup.consume().await;
    let delivery = in_time(consumer.next()).await.unwrap().unwrap();
    async { span("mail.send").end() }
        .in_span(delivery.process_span())
        .await;
    assert!(delivery.ack().await.unwrap());
    assert!(!delivery.ack().await.unwrap(), "twice");
    setup.finished(3).await;
    setup.spans.one("mail.send").child_of("process.message");
    setup.end().await;
}

async fn what_is_asked_for_is_recorded(setup: Setup) {
    let setup = setup.over(|channel| channel.body_sizes().timestamps().server("mq.test", 5672));
    let message = setup
        .channel
        .publish("", &setup.queue, b"12345")
        .mandatory();
    let message = message.message_id("m-1").correlation_id("c-1");
    message.await.unwrap();
    let get = setup
        .channel
        .basic_get(setup.queue.as_str().into(), BasicGetOptions::default());
    let delivery = get.await.unwrap().unwrap();
    delivery.process_span().end();
    delivery.ack().await.unwrap();
    for name in ["publish.message", "receive.message", "process.message"] {
        setup
            .spans
            .one(name)
            .attribute("messaging.message.body.size", 5)
            .attribute("messaging.message.id", "m-1")
            .attribute("messaging.message.conversation_id", "c-1")
            .attribute("server.address", "mq.test")
            .attribute("server.port", 5672)
            .attribute("messaging.destination.name", setup.queue.as_str())
            .no_attribute("messaging.destination.anonymous")
            .no_attribute("messaging.batch.message_count")
            .succeeded();
    }
    let process = setup.spans.named("process.message").pop().unwrap();
    let waited = process.attribute("hopline.messaging.queue_time_ms");
    let waited = waited.and_then(OwnedValue::as_i64);
    assert!(
        waited.is_some_and(|millis| (0..60_000).contains(&millis)),
        "{waited:?}"
    );
    setup.end().await;
}

/// What is not asked for is not.
async fn nothing_else_is_recorded(setup: Setup) {
    setup.publish(b"x").await;
    let delivery = setup.get(&setup.queue).await;
    delivery.process_span().end();
    delivery.ack().await.unwrap();
    for key in [
        "messaging.message.body.size",
        "hopline.messaging.queue_time_ms",
        "hopline.messaging.redelivered",
        "messaging.message.id",
        "server.address",
        "retry_count",
        "error.type",
    ] {
        setup.spans.one("process.message").no_attribute(key);
    }
    setup.end().await;
}

async fn queues_without_a_name_of_their_own_are_said_to_be(setup: Setup) {
    let setup = setup.over(|channel| channel.span_names(SpanNames::Conventions));
    let exclusive = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    let declared = setup
        .channel
        .queue_declare("".into(), exclusive, FieldTable::default());
    let queue = declared.await.unwrap().name().to_string();
    setup.channel.publish("", &queue, b"x").await.unwrap();
    setup.get(&queue).await.process_span().end();
    setup.finished(3).await;
    for name in ["publish", "receive", "process"] {
        setup
            .spans
            .one(name)
            .attribute("messaging.destination.name", queue.as_str())
            .attribute("messaging.destination.anonymous", true)
            .attribute("messaging.destination.temporary", true);
    }
    setup.end().await;
}

async fn exchange_key_and_queue_are_the_destination(setup: Setup) {
    let bound = setup.channel.queue_bind(
        setup.queue.as_str().into(),
        "amq.topic".into(),
        "order.*".into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    bound.await.unwrap();
    let message = setup.channel.publish("amq.topic", "order.placed", b"x");
    message.mandatory().await.unwrap();
    let delivery = setup.get(&setup.queue).await;
    delivery.process_span().end();
    delivery.ack().await.unwrap();
    let name = "messaging.destination.name";
    setup
        .spans
        .one("publish.message")
        .attribute(name, "amq.topic:order.placed");
    let queue = format!("amq.topic:order.placed:{}", setup.queue);
    for span in ["receive.message", "process.message"] {
        let spans = setup.spans.named(span);
        assert_eq!(
            texts(&spans, name).last(),
            Some(&Some(queue.as_str())),
            "{span}"
        );
    }
    setup.end().await;
}

/// They may come long after the rest of their trace.
async fn dead_letters_are_linked_only_on_request(setup: Setup) {
    let setup = setup.over(Channel::link_dead_letters);
    let dying = setup.declare_dying_to(&setup.queue).await;
    setup
        .channel
        .publish("", &dying, b"x")
        .mandatory()
        .await
        .unwrap();
    let delivery = setup.get(&dying).await;
    delivery.process_span().end();
    assert!(delivery.reject().await.unwrap());
    let letter = setup.get(&setup.queue).await;
    assert_eq!(letter.retry_count(), 1);
    letter.process_span().end();
    letter.ack().await.unwrap();
    let publish = setup.spans.one("publish.message");
    let [alive, dead] = &setup.named("process.message", 2).await[..] else {
        panic!("{}", setup.spans.tree())
    };
    assert_eq!(alive.parent, Some(publish.span_id));
    assert_eq!(
        (dead.parent, dead.trace_id == publish.trace_id),
        (None, false)
    );
    assert_eq!(dead.links[0].span_context.span_id(), publish.span_id);
    assert_eq!(dead.attribute("retry_count"), Some(&1.into()));
    setup.delete(&dying).await;
    setup.end().await;
}

/// Settling what needs none would cost the channel.
async fn what_needs_no_answer_gets_none(setup: Setup) {
    setup.publish(b"x").await;
    let no_ack = BasicGetOptions { no_ack: true };
    let got = setup.channel.basic_get(setup.queue.as_str().into(), no_ack);
    let delivery = got.await.unwrap().unwrap();
    for settled in [
        delivery.ack().await,
        delivery.requeue().await,
        delivery.reject().await,
    ] {
        assert!(!settled.unwrap());
    }
    setup.publish(b"the channel lives").await;
    setup.end().await;
}
