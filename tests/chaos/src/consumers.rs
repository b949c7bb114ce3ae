//! Consumes, is cancelled, and consumes again.

use std::sync::Arc;
use std::time::Duration;

use hopline_core::{Context, Tracer};
use hopline_lapin::{Channel, ChannelExt, Delivery, RunOptions};
use lapin::Connection;
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;

use crate::recorded::Recorded;
use crate::{Ledger, Result};

/// Consumes until all were handled; after each share of `every` messages it is cancelled and begins again.
/// Gives how often.
///
/// # Errors
///
/// lapin gave up.
pub async fn consume(
    connection: &Connection,
    tracer: Tracer,
    queue: &str,
    (messages, every): (usize, usize),
    ledger: Arc<Ledger>,
    recorded: Recorded,
) -> Result<usize> {
    let mut channel = open(connection, &tracer).await?;
    let mut rounds = 0;
    let mut until = every;
    while ledger.progress() < messages {
        rounds += 1;
        let options = BasicConsumeOptions::default();
        let consuming =
            channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
        let consumer = match consuming.await {
            Ok(consumer) => consumer,
            Err(error) => {
                // lost at this very moment: recovered, or to be opened anew
                if channel.wait_for_recovery(error.into()).await.is_err() {
                    channel = open(connection, &tracer).await?;
                }
                continue;
            }
        };
        let (page, spans) = (Arc::clone(&ledger), recorded.clone());
        let handler = move |delivery: Delivery| handle(page.clone(), spans.clone(), delivery);
        let options = RunOptions::default()
            .concurrency(16)
            .drain(Duration::from_secs(60));
        let shutdown = ledger.until(until.min(messages));
        if consumer.run(handler, options, shutdown).await.is_err() {
            channel = open(connection, &tracer).await?;
        }
        until = ledger.progress() + every;
    }
    Ok(rounds)
}

async fn handle(ledger: Arc<Ledger>, recorded: Recorded, delivery: Delivery) -> Result<()> {
    let span = Context::current().span_context();
    recorded.begun(span.ok_or("no span is current")?.span_id());
    let number = std::str::from_utf8(delivery.body())?.parse()?;
    // a moment, so that the broker goes while handlers run
    tokio::time::sleep(Duration::from_millis(1)).await;
    ledger.handled(number, delivery.redelivered());
    Ok(())
}

async fn open(connection: &Connection, tracer: &Tracer) -> Result<Channel> {
    let channel = connection.create_channel().await?;
    channel.basic_qos(100, BasicQosOptions::default()).await?;
    Ok(channel.traced().tracer(tracer.clone()))
}
