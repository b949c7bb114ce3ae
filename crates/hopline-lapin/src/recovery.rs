//! Waiting for lapin's recovery.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::channel::Channel;
use crate::error::PublishError;

/// How often to look whether lapin has given up, which it tells nobody.
const LOOK: Duration = Duration::from_millis(200);
/// How often to look whether a channel is without its connection, while it may be.
const LOOKS: u32 = 8;

/// Ready when the channel is recovered; an error if it is not to be, if lapin gave up trying, or if it takes too long.
pub(crate) async fn wait(channel: &Channel, error: lapin::Error) -> Result<(), PublishError> {
    let lapin = &channel.inner;
    let recovered = lapin.wait_for_recovery(error.clone());
    let given_up = async {
        while lapin.status().reconnecting() || lapin.status().connected() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        biased;
        recovered = recovered => Ok(recovered?),
        () = given_up => Err(error.into()),
        overdue = overdue(channel) => Err(overdue),
    }
}

/// Ready once the channel has been without its connection for longer than it may. lapin itself may be stuck then: it
/// does not always try again if a connection breaks while it writes, or while it reconnects. Never without tokio, whose
/// clock it needs.
pub(crate) async fn overdue(channel: &Channel) -> PublishError {
    if Handle::try_current().is_err() {
        return std::future::pending().await;
    }
    let limit = channel.settings.recovery_limit;
    let look = (limit / LOOKS).max(Duration::from_millis(10));
    let mut since = Instant::now();
    loop {
        if !channel.inner.status().reconnecting() {
            since = Instant::now();
        } else if since.elapsed() >= limit {
            return PublishError::NotRecovered(limit);
        }
        tokio::time::sleep(look).await;
    }
}
