//! Behind the queue: finishes orders and sends mails.

use std::time::Duration;

use hopline::lapin::{Channel, Delivery, Outcome, RunOptions};
use hopline::prelude::*;
use hopline::span;

use crate::database::Database;
use crate::queue::{self, Placed, Worker};
use crate::{Error, Result};

/// Handles messages until `shutdown`, then finishes what it has begun.
///
/// # Errors
///
/// The broker is gone.
pub async fn run(
    channel: Channel,
    database: Database,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<()> {
    let consumer = queue::consume(&channel).await?;
    let options = RunOptions::default()
        .concurrency(4)
        .on_error(Outcome::Requeue)
        .drain(Duration::from_secs(5));
    consumer
        .run(
            move |delivery| handle(database.clone(), delivery),
            options,
            shutdown,
        )
        .await?;
    Ok(())
}

async fn handle(database: Database, delivery: Delivery) -> Result<(), Error> {
    let placed: Placed = serde_json::from_slice(delivery.body())?;
    if placed.worker == Worker::FailOnce && !delivery.redelivered {
        return Err("the first attempt fails".into());
    }
    database.set_status(placed.id, "done").await?;
    send_mail().in_span(span("mail.send")).await;
    Ok(())
}

async fn send_mail() {
    // what takes time here in a real worker
    tokio::task::yield_now().await;
}
