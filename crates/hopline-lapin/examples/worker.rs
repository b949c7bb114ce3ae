//! A worker on RabbitMQ: the trace from publish to settlement, with a retry and a dead letter.
//!
//! ```sh
//! cargo run -p hopline-lapin --example worker
//! ```
//!
//! ```text
//! POST /orders ▸ shop
//! └─ publish.message  orders
//!    └─ process.message  orders
//!       └─ mail.send
//! POST /orders ▸ shop
//! └─ publish.message  orders
//!    ├─ process.message  orders  ✗ handler_error
//!    └─ process.message  orders  ✗ handler_error  retry 1
//!       └─ publish.message  orders.failed
//! ```
//!
//! It starts a broker in the process. For a RabbitMQ, set its URL: `AMQP_URL=amqp://localhost`.

#![expect(clippy::print_stdout, reason = "it shows the traces")]

use hopline_core::{FutureExt, Incoming, SpanBuilder, span};
use hopline_lapin::{ChannelExt, Delivery, Outcome, RunOptions};
use lapin::options::{
    BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};

/// Sends a mail for an order. Runs in a span of the trace that published it.
async fn ship(order: Delivery) -> Result<(), &'static str> {
    if order.body().is_empty() {
        return Err("an order without an id"); // retried, then published as a dead letter
    }
    async { /* sends the mail */ }
        .in_span(span("mail.send"))
        .await;
    Ok(()) // acknowledges
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = hopline_testing::amqp::Broker::start()?;
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| broker.url());
    // a test's tracer, so that the spans can be shown; services leave it out and call `hopline::init`
    let (tracer, spans) = hopline_testing::tracer("shop");

    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let channel = connection
        .create_channel()
        .await?
        .traced()
        .tracer(tracer.clone());
    for queue in ["orders", "orders.failed"] {
        let options = QueueDeclareOptions::default();
        channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await?;
    }
    channel.basic_qos(10, BasicQosOptions::default()).await?; // messages in flight
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;

    for (body, count) in [(&b"7"[..], 4), (b"", 5)] {
        // the server layer starts this span for each request
        let request = SpanBuilder::new("POST /orders")
            .tracer(&tracer)
            .parent(Incoming::default())
            .start();
        let publish = async { channel.publish("", "orders", body).mandatory().await };
        publish.in_span(request).await?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let tag = format!("worker-{count}");
        let orders = channel
            .basic_consume("orders".into(), tag.into(), options, arguments)
            .await?;
        let options = RunOptions::default()
            .on_error(Outcome::Requeue)
            .max_retries(1)
            .dead_letter("", "orders.failed");
        let shutdown = async {
            spans.wait(count).await;
        };
        orders.run(ship, options, shutdown).await?;
        print!("{}", spans.tree());
        spans.take();
    }
    Ok(())
}
