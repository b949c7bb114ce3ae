//! A worker: sends mails, retries failures, and publishes dead letters.

use std::time::Duration;

use hopline::lapin::{Channel, Delivery, Outcome, PublishError, RunOptions, StopReason};
use hopline::prelude::*;
use hopline::span;
use lapin::options::BasicConsumeOptions;
use lapin::types::FieldTable;

use crate::{Error, Result};

/// The queue of mails.
pub const MAILS: &str = "mails";
/// Dead letters: mails that could not be sent, for an operator.
pub const FAILED: &str = "mails.failed";

/// Requests a mail to this address; ready when the broker has confirmed the message.
///
/// # Errors
///
/// Returns an error if no queue takes it or the broker refuses it.
pub async fn order(channel: &Channel, to: &str) -> Result<(), PublishError> {
    let mail = channel.publish("", MAILS, to.as_bytes());
    mail.mandatory().persistent().await?;
    Ok(())
}

/// Sends mails until `shutdown`, then waits for running handlers.
///
/// # Errors
///
/// Returns an error if the broker is gone.
pub async fn run(channel: &Channel, shutdown: impl Future<Output = ()>) -> Result<StopReason> {
    let consumer = channel
        .basic_consume(
            MAILS.into(),
            "mail-worker".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    let options = RunOptions::default()
        .concurrency(8)
        .timeout(Duration::from_secs(10))
        .on_error(Outcome::Requeue)
        .max_retries(2)
        .dead_letter("", FAILED)
        .drain(Duration::from_secs(20));
    Ok(consumer.run(handle, options, shutdown).await?)
}

/// `()` acknowledges the message; the options decide about an error.
async fn handle(delivery: Delivery) -> Result<(), Error> {
    let to = std::str::from_utf8(delivery.body())?;
    send(to, delivery.retry_count())
        .in_span(span("smtp.send"))
        .await
}

async fn send(to: &str, attempt: u64) -> Result<()> {
    // the work of a real worker
    tokio::task::yield_now().await;
    match to {
        _ if to.starts_with("unknown@") => Err("there is no such mailbox".into()),
        _ if to.starts_with("busy@") && attempt == 0 => Err("try again later".into()),
        _ => Ok(()),
    }
}
