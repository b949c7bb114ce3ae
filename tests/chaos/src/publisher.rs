//! Publishes as fast as the consumers follow.

use std::sync::Arc;

use hopline_core::Tracer;
use hopline_lapin::ChannelExt;
use lapin::Connection;
use lapin::options::ConfirmSelectOptions;

use crate::{Ledger, Result};

/// Messages that are published at once.
const BATCH: usize = 200;
/// How far the publisher may be ahead of the handlers.
const AHEAD: usize = 2_000;

/// Publishes them all to the queue, in batches, each message until the broker has it.
///
/// # Errors
///
/// lapin gave up.
pub async fn publish(
    connection: &Connection,
    tracer: Tracer,
    queue: &str,
    messages: usize,
    ledger: &Arc<Ledger>,
) -> Result<()> {
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let channel = channel.traced().tracer(tracer);
    for first in (0..messages).step_by(BATCH) {
        ledger.until(first.saturating_sub(AHEAD)).await;
        let numbers = first..(first + BATCH).min(messages);
        let ids: Vec<String> = numbers.clone().map(|number| number.to_string()).collect();
        let batch = ids.iter().map(|id| {
            let message = channel.publish("", queue, id.as_bytes());
            message.message_id(id).mandatory().persistent().resend()
        });
        for (number, result) in numbers.zip(channel.publish_all(batch).await) {
            result?;
            ledger.confirmed(number);
        }
    }
    Ok(())
}
