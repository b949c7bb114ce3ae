//! Sends a mail for each paid order.

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::Error;
use crate::queue::Paid;
use crate::repo::orders;
use crate::state::AppState;

/// Works until `stopped` is closed.
pub(crate) async fn run(state: AppState, mut stopped: watch::Receiver<()>) -> Result<(), Error> {
    let mut consumer = state.queue.consume().await?;
    loop {
        let delivery = tokio::select! {
            delivery = consumer.next() => delivery,
            _ = stopped.changed() => return Ok(()),
        };
        let Some(delivery) = delivery.transpose()? else {
            return Ok(());
        };
        let work = handle(&state, &delivery);
        match work.await {
            Ok(()) => delivery.ack(BasicAckOptions::default()).await?,
            Err(error) => {
                warn!("a message cannot be handled: {error}");
                delivery.nack(BasicNackOptions::default()).await?
            }
        };
    }
}

async fn handle(state: &AppState, delivery: &Delivery) -> Result<(), Error> {
    let paid: Paid = serde_json::from_slice(&delivery.data)?;
    orders::mail_sent(&state.db, paid.order, &paid.recipient).await?;
    info!(order = paid.order, "mail sent");
    let _ = state.events.send(paid.order);
    Ok(())
}
