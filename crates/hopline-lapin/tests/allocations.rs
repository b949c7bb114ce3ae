//! A process span that is not recorded allocates nothing.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use allocation_counter::measure;
use futures_util::StreamExt;
use hopline_core::{SamplingPlan, Tracer};
use hopline_lapin::{ChannelExt, Delivery};
use hopline_metrics::Metrics;
use hopline_testing::amqp::Broker;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};

const QUEUE: &str = "orders";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

async fn publish(channel: &Channel) {
    let mut headers = FieldTable::default();
    headers.insert(
        "traceparent".into(),
        AMQPValue::LongString(UNSAMPLED.into()),
    );
    let properties = BasicProperties::default().with_headers(headers);
    let options = BasicPublishOptions::default();
    let published = channel.basic_publish("".into(), QUEUE.into(), options, b"7", properties);
    published.await.unwrap().await.unwrap();
}

async fn delivery(tracer: &Tracer) -> Delivery {
    let broker = Broker::start().unwrap();
    let properties = ConnectionProperties::default();
    let connection = Connection::connect(&broker.url(), properties)
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let none = FieldTable::default();
    let declared = channel.queue_declare(QUEUE.into(), QueueDeclareOptions::default(), none);
    declared.await.unwrap();
    publish(&channel).await;
    let traced = channel.traced().tracer(tracer.clone());
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = traced.basic_consume(QUEUE.into(), "".into(), options, none);
    consumer.await.unwrap().next().await.unwrap().unwrap()
}

#[tokio::test]
async fn a_process_span_that_is_not_recorded_allocates_nothing() {
    let never = Tracer::builder()
        .plan(SamplingPlan::always().others(0.0))
        .build();
    let delivery = delivery(&never).await;
    let start = || drop(delivery.process_span());
    start();
    let allocations = measure(|| (0..100).for_each(|_| start())).count_total;
    assert_eq!(allocations, 0);
}

/// The allocations of a publish on this thread, once all is warm: the minimum of several runs.
async fn allocations_of_publish(channel: &hopline_lapin::Channel) -> u64 {
    let mut least = u64::MAX;
    for _ in 0..300 {
        let mut publish = pin!(channel.publish("shop", QUEUE, b"7").into_future());
        let mut total = 0;
        let counted = poll_fn(|cx| {
            let mut polled = Poll::Pending;
            total += measure(|| polled = publish.as_mut().poll(cx)).count_total;
            polled.map(|published| {
                published.unwrap();
                total
            })
        });
        least = least.min(counted.await);
    }
    least
}

#[tokio::test]
async fn a_meter_adds_no_allocation_to_a_publish() {
    let broker = Broker::start().unwrap();
    let url = broker.url();
    let connection = Connection::connect(&url, ConnectionProperties::default());
    let connection = connection.await.unwrap();
    let channel = connection.create_channel().await.unwrap().traced();
    let exchange = ExchangeDeclareOptions::default();
    let declared = channel.exchange_declare(
        "shop".into(),
        ExchangeKind::Topic,
        exchange,
        FieldTable::default(),
    );
    declared.await.unwrap();
    let never: SamplingPlan = "* 0%".parse().unwrap();
    let plain = Tracer::builder().plan(never.clone()).build();
    let meter = Metrics::builder().build();
    let metered = Tracer::builder().plan(never).meter(meter.clone()).build();
    let without = allocations_of_publish(&channel.clone().tracer(plain)).await;
    let with = allocations_of_publish(&channel.tracer(metered)).await;
    assert!(
        meter
            .render()
            .contains("messaging_client_sent_messages_total")
    );
    assert!(with <= without, "{with} {without}");
}
