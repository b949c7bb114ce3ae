//! Consuming: the parent of a process span, and its attributes.

use std::convert::Infallible;

use futures_util::StreamExt;
use hopline_core::{
    Baggage, Context, FutureExt, Incoming, SpanBuilder, SpanKind, export::OwnedValue,
    semconv::SpanNames, span,
};
use hopline_lapin::{Channel, Delivery, Outcome, RunOptions, StopReason};
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
    optional_attributes_are_recorded,
    nothing_else_is_recorded,
    queues_with_generated_names_are_anonymous,
    exchange_key_and_queue_are_the_destination,
    dead_letters_are_linked_only_on_request,
    what_needs_no_answer_gets_none,
    a_stream_ends_its_spans_when_messages_are_settled,
    what_runs_in_a_messages_context_is_its_child,
    a_message_that_is_dropped_ends_its_span,
    a_delegate_runs_in_the_span,
    a_message_can_be_taken_apart,
    an_empty_queue_counts_down,
);

async fn a_message_is_one_trace_from_publish_to_settled(setup: Setup) {
    let (tracer, _) = tracer("caller");
    let baggage = Baggage::default().with("tenant_id", "acme").unwrap();
    let request = SpanBuilder::new("request")
        .tracer(&tracer)
        .parent(Incoming {
            baggage,
            ..Incoming::default()
        })
        .start();
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
        StopReason::Shutdown
    );
    let publish = setup.spans.one("publish.message").kind(SpanKind::Producer);
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
        .kind(SpanKind::Consumer)
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
    let ambient = SpanBuilder::new("main")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
    let handler = |_| async {
        assert!(Context::current().baggage().is_empty(), "a stranger's");
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
        .kind(SpanKind::Client)
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
    assert!(delivery.settle(Outcome::Ack).await.unwrap());
    setup.end().await;
}

async fn names_follow_the_conventions_on_request(setup: Setup) {
    let setup = setup.over(|channel| channel.span_names(SpanNames::Conventions));
    setup.publish(b"x").await;
    let delivery = setup.consume().await.next().await.unwrap().unwrap();
    delivery.process_span().end();
    assert!(delivery.settle(Outcome::Ack).await.unwrap());
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
    assert!(delivery.settle(Outcome::Ack).await.unwrap());
    assert!(!delivery.settle(Outcome::Ack).await.unwrap(), "twice");
    setup.finished(3).await;
    setup.spans.one("mail.send").child_of("process.message");
    setup.end().await;
}

async fn optional_attributes_are_recorded(setup: Setup) {
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
    delivery.settle(Outcome::Ack).await.unwrap();
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

/// Optional attributes are not recorded by default.
async fn nothing_else_is_recorded(setup: Setup) {
    setup.publish(b"x").await;
    let delivery = setup.get(&setup.queue).await;
    delivery.process_span().end();
    delivery.settle(Outcome::Ack).await.unwrap();
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

async fn queues_with_generated_names_are_anonymous(setup: Setup) {
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
    delivery.settle(Outcome::Ack).await.unwrap();
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
    assert!(delivery.settle(Outcome::Reject).await.unwrap());
    let letter = setup.get(&setup.queue).await;
    assert_eq!(letter.retry_count(), 0, "its first time in this queue");
    letter.process_span().end();
    letter.settle(Outcome::Ack).await.unwrap();
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
        delivery.settle(Outcome::Ack).await,
        delivery.settle(Outcome::Requeue).await,
        delivery.settle(Outcome::Reject).await,
    ] {
        assert!(!settled.unwrap());
    }
    setup.publish(b"the channel lives").await;
    setup.end().await;
}

/// Nothing but the loop that lapin's own users write.
async fn a_stream_ends_its_spans_when_messages_are_settled(setup: Setup) {
    for body in [b"0", b"1", b"2", b"3"] {
        setup.publish(body).await;
    }
    setup.spans.take();
    let mut consumer = setup.consume().await;
    for number in 0..4 {
        let delivery = in_time(consumer.next()).await.unwrap().unwrap();
        assert!(
            setup.spans.named("process.message").len() == number,
            "until it is settled"
        );
        let requeue = false;
        let settled = match number {
            0 => delivery.ack(BasicAckOptions::default()).await,
            1 => {
                delivery
                    .nack(BasicNackOptions {
                        requeue,
                        multiple: false,
                    })
                    .await
            }
            2 => delivery.reject(BasicRejectOptions { requeue }).await,
            _ => delivery.settle(Outcome::Ack).await,
        };
        assert!(settled.unwrap());
        assert!(
            !delivery.ack(BasicAckOptions::default()).await.unwrap(),
            "twice"
        );
    }
    let spans = setup.named("process.message", 4).await;
    let outcomes = ["ack", "reject", "reject", "ack"].map(Some);
    assert_eq!(texts(&spans, "hopline.messaging.outcome"), outcomes);
    assert!(
        spans
            .iter()
            .all(|span| span.parent.is_some() && !span.is_error())
    );
    drop(consumer);
    setup.until_unused().await;
    setup.end().await;
}

async fn what_runs_in_a_messages_context_is_its_child(setup: Setup) {
    setup.publish(b"x").await;
    let mut consumer = setup.consume().await;
    let delivery = in_time(consumer.next()).await.unwrap().unwrap();
    let clone = delivery.clone();
    async { span("mail.send").end() }
        .in_context(delivery.context())
        .await;
    clone.ack(BasicAckOptions::default()).await.unwrap();
    setup.finished(3).await;
    setup.spans.one("mail.send").child_of("process.message");
    setup
        .spans
        .one("process.message")
        .attribute("hopline.messaging.outcome", "ack");
    drop((consumer, clone, delivery));
    setup.until_unused().await;
    setup.end().await;
}

/// lapin's acker settles without this crate, so the span has no outcome.
async fn a_message_that_is_dropped_ends_its_span(setup: Setup) {
    setup.publish(b"x").await;
    setup.spans.take();
    let mut consumer = setup.consume().await;
    let delivery = in_time(consumer.next()).await.unwrap().unwrap();
    let acker = delivery.acker.clone();
    assert!(acker.ack(BasicAckOptions::default()).await.unwrap());
    drop(delivery);
    let process = setup.named("process.message", 1).await.remove(0);
    assert!(process.attribute("hopline.messaging.outcome").is_none() && !process.is_error());
    drop(consumer);
    setup.until_unused().await;
    setup.end().await;
}

/// With lapin's own types, as its users write it.
async fn a_delegate_runs_in_the_span(setup: Setup) {
    let consumer = setup.consume().await;
    consumer.set_delegate(move |delivery: lapin::message::DeliveryResult| async move {
        if let Ok(Some(delivery)) = delivery {
            span("mail.send").end();
            assert!(delivery.data != b"panic", "delegate's bug");
            delivery.ack(BasicAckOptions::default()).await.unwrap();
        }
    });
    setup.publish(b"x").await;
    setup.publish(b"panic").await;
    let spans = setup.named("process.message", 2).await;
    assert_eq!(texts(&spans, "error.type"), [None, Some("panic")]);
    for (process, mail) in spans.iter().zip(setup.spans.named("mail.send")) {
        assert_eq!(mail.parent, Some(process.span_id));
        assert!(process.parent.is_some());
    }
    setup.connection.close(200, "bye".into()).await.unwrap();
}

async fn a_message_can_be_taken_apart(setup: Setup) {
    setup.publish(b"seven").await;
    let mut consumer = setup.consume().await;
    assert_eq!(consumer.queue().as_str(), setup.queue);
    let delivery = in_time(consumer.next()).await.unwrap().unwrap();
    assert_eq!(delivery.routing_key.as_str(), setup.queue);
    assert!(delivery.usable() && !delivery.redelivered && delivery.delivery_tag == 1);
    let Delivery {
        data,
        acker,
        properties,
        exchange,
        ..
    } = delivery;
    assert_eq!(String::from_utf8(data).unwrap(), "seven");
    assert!(exchange.as_str().is_empty() && properties.headers().is_some());
    assert!(acker.ack(BasicAckOptions::default()).await.unwrap());
    drop(consumer);
    setup.until_unused().await;
    setup.end().await;
}

async fn an_empty_queue_counts_down(setup: Setup) {
    for _ in 0..3 {
        setup.publish(b"x").await;
    }
    setup.until_waiting(&setup.queue, 3).await;
    for left in [2, 1, 0] {
        let got = setup
            .channel
            .basic_get(setup.queue.as_str().into(), BasicGetOptions::default());
        let got = got.await.unwrap().unwrap();
        assert_eq!(got.message_count, left);
        assert!(got.ack(BasicAckOptions::default()).await.unwrap());
    }
    setup.end().await;
}
