//! Publishes as fast as the consumers follow.

use std::sync::Arc;

use hopline_core::Tracer;
use hopline_lapin::PublishError;

use crate::{Ledger, Link, Result};

/// Messages that are published at once.
const BATCH: usize = 200;
/// The most messages by which the publisher may be ahead of the handlers.
const AHEAD: usize = 2_000;

/// Publishes them all to the queue, in batches, each message until the broker has it. Gives how often a message was
/// published anew, over another connection, and how many connections that took.
///
/// # Errors
///
/// lapin gave up, or the broker did not want a message.
pub async fn publish(
    url: &str,
    tracer: Tracer,
    queue: &str,
    messages: usize,
    ledger: &Arc<Ledger>,
) -> Result<(usize, usize)> {
    let mut link = Link::open(url, &tracer).await?;
    let (mut again, mut replaced) = (0, 0);
    for first in (0..messages).step_by(BATCH) {
        ledger.until(first.saturating_sub(AHEAD)).await;
        let mut numbers: Vec<usize> = (first..(first + BATCH).min(messages)).collect();
        loop {
            numbers = unconfirmed(&link, queue, numbers, ledger).await?;
            if numbers.is_empty() {
                break;
            }
            again += numbers.len();
            link.replace().await?;
            replaced += 1;
        }
    }
    link.close().await;
    Ok((again, replaced))
}

/// Publishes a batch. Returns the messages whose fate is unknown because the connection was lost.
async fn unconfirmed(
    link: &Link,
    queue: &str,
    numbers: Vec<usize>,
    ledger: &Ledger,
) -> Result<Vec<usize>> {
    let channel = link.channel();
    let ids: Vec<String> = numbers.iter().map(usize::to_string).collect();
    let batch = ids.iter().map(|id| {
        let message = channel.publish("", queue, id.as_bytes());
        message.message_id(id).mandatory().persistent().resend()
    });
    let mut unknown = Vec::new();
    for (number, result) in numbers.into_iter().zip(channel.publish_all(batch).await) {
        match result {
            Ok(_) => ledger.confirmed(number),
            Err(PublishError::NotRecovered(_) | PublishError::Lapin(_)) => {
                ledger.resent(number);
                unknown.push(number);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(unknown)
}
