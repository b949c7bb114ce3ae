//! Consumes, is cancelled, and consumes again.

use std::sync::Arc;
use std::time::Duration;

use hopline_core::{Context, Tracer};
use hopline_lapin::{Delivery, RunOptions};
use lapin::options::BasicConsumeOptions;
use lapin::types::FieldTable;
use tokio::time::timeout;

use crate::link::PATIENCE;
use crate::recorded::Recorded;
use crate::{Ledger, Link, Result};

/// Consumes until all were handled; after each share of `every` messages it is cancelled and begins again.
/// Gives how often, and how many connections it replaced.
///
/// # Errors
///
/// lapin gave up.
pub async fn consume(
    url: &str,
    tracer: Tracer,
    queue: &str,
    (messages, every): (usize, usize),
    ledger: Arc<Ledger>,
    recorded: Recorded,
) -> Result<(usize, usize)> {
    let mut link = Link::open(url, &tracer).await?;
    let (mut rounds, mut replaced) = (0, 0);
    let mut until = every;
    while ledger.progress() < messages {
        rounds += 1;
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        let channel = link.channel();
        let consuming = channel.basic_consume(queue.into(), "".into(), options, none);
        let consumer = match timeout(PATIENCE, consuming).await {
            Ok(Ok(consumer)) => consumer,
            // lost at this very moment: recovered, or to be opened anew
            Ok(Err(error)) if channel.wait_for_recovery(error.clone()).await.is_ok() => {
                continue;
            }
            _ => {
                link.replace().await?;
                replaced += 1;
                continue;
            }
        };
        let (page, spans) = (Arc::clone(&ledger), recorded.clone());
        let handler = move |delivery: Delivery| handle(page.clone(), spans.clone(), delivery);
        let options = RunOptions::default().concurrency(16).drain(PATIENCE);
        let shutdown = ledger.until(until.min(messages));
        if consumer.run(handler, options, shutdown).await.is_err() {
            link.replace().await?;
            replaced += 1;
        }
        until = ledger.progress() + every;
    }
    link.close().await;
    Ok((rounds, replaced))
}

async fn handle(ledger: Arc<Ledger>, recorded: Recorded, delivery: Delivery) -> Result<()> {
    let span = Context::current().span_context();
    recorded.begun(span.ok_or("no span is current")?.span_id());
    let number = std::str::from_utf8(delivery.body())?.parse()?;
    // a moment, so that the broker is killed while handlers run
    tokio::time::sleep(Duration::from_millis(1)).await;
    ledger.handled(number, delivery.redelivered);
    Ok(())
}
