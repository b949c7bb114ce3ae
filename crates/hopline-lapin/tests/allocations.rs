//! A process span that is not recorded allocates nothing.

use allocation_counter::measure;
use futures_util::{FutureExt, StreamExt};
use hopline_core::{SamplingPlan, Tracer};
use hopline_lapin::{ChannelExt, Delivery};
use hopline_metrics::Metrics;
use hopline_testing::amqp::Broker;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

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
        .plan(SamplingPlan::new().others(0.0))
        .build();
    let delivery = delivery(&never).await;
    let start = || drop(delivery.process_span());
    start();
    let allocations = measure(|| (0..100).for_each(|_| start())).count_total;
    assert_eq!(allocations, 0);
}

/// The allocations of a publish that is refused before lapin sees it, whose own would be counted at random.
fn allocations_of_publish(channel: &hopline_lapin::Channel) -> u64 {
    let long = "x".repeat(300);
    let publish = || {
        let refused = channel.publish("shop", QUEUE, b"7").message_id(&long);
        refused.into_future().now_or_never().unwrap().unwrap_err();
    };
    // the least of several, since a notice about the missing context allocates
    let counts = (0..100).map(|_| measure(publish).count_total);
    counts.min().unwrap()
}

#[tokio::test]
async fn a_meter_adds_no_allocation_to_a_publish() {
    let broker = Broker::start().unwrap();
    let url = broker.url();
    let connection = Connection::connect(&url, ConnectionProperties::default());
    let channel = connection.await.unwrap().create_channel().await.unwrap();
    let channel = channel.traced();
    let never: SamplingPlan = "* 0%".parse().unwrap();
    let plain = Tracer::builder().plan(never.clone()).build();
    let meter = Metrics::builder().build();
    let metered = Tracer::builder().plan(never).meter(meter.clone()).build();
    let without = allocations_of_publish(&channel.clone().tracer(plain));
    let with = allocations_of_publish(&channel.tracer(metered));
    let series = "messaging_client_sent_messages_total{error_type=\"name_too_long\",messaging_destination_name=\"shop:orders\"";
    assert!(meter.render().contains(series), "{}", meter.render());
    assert_eq!(with, without);
}
