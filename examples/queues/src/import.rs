//! A consumer that is faster with many at once: writes orders to a database, a batch a statement.

use hopline::lapin::{Batch, Channel, Outcome, RunOptions, StopReason};
use hopline::prelude::*;
use hopline::span;
use lapin::options::BasicConsumeOptions;
use lapin::types::FieldTable;

use crate::{Error, Result};

/// Orders to be written.
pub const ORDERS: &str = "orders.imported";
/// Orders of one statement.
pub const BATCH: usize = 25;

/// Publishes orders, and waits for the broker once.
///
/// # Errors
///
/// The broker does not take one of them.
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
/// The broker is gone.
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
    // what is no order is dropped by itself; the rest of its batch is acknowledged together
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
