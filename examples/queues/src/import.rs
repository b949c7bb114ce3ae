//! A consumer of batches: writes each batch of orders by one statement.

use hopline::lapin::{Batch, Channel, Outcome, RunOptions, StopReason};
use hopline::prelude::*;
use hopline::span;
use lapin::options::BasicConsumeOptions;
use lapin::types::FieldTable;

use crate::{Error, Result};

/// The queue of orders.
pub const ORDERS: &str = "orders.imported";
/// Orders of one statement.
pub const BATCH: usize = 25;

/// Publishes orders, and waits for all confirms at once.
///
/// # Errors
///
/// Returns an error if no queue takes an order or the broker refuses it.
pub async fn publish(channel: &Channel, orders: &[String]) -> Result<()> {
    let orders = orders
        .iter()
        .map(|order| channel.publish("", ORDERS, order.as_bytes()).mandatory());
    for result in channel.publish_all(orders).await {
        result?;
    }
    Ok(())
}

/// Writes orders until `shutdown`.
///
/// # Errors
///
/// Returns an error if the broker is gone.
pub async fn run(channel: &Channel, shutdown: impl Future<Output = ()>) -> Result<StopReason> {
    let consumer = channel
        .basic_consume(
            ORDERS.into(),
            "order-import".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    let options = RunOptions::default()
        .concurrency(2)
        .on_error(Outcome::Requeue);
    Ok(consumer
        .run_batches(BATCH, write, options, shutdown)
        .await?)
}

async fn write(batch: Batch) -> Result<(), Error> {
    let orders = batch
        .deliveries()
        .iter()
        .filter(|order| !order.body().is_empty());
    let rows = orders.count();
    // one statement in a real import
    async { tokio::task::yield_now().await }
        .in_span(span("db.query"))
        .await;
    // an invalid order is rejected alone; the rest of its batch is acknowledged
    if rows < batch.deliveries().len() {
        for empty in batch
            .deliveries()
            .iter()
            .filter(|order| order.body().is_empty())
        {
            empty.settle(Outcome::Reject).await?;
        }
    }
    Ok(())
}
