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
/// Without tokio, whose clock the last two need, it waits as long as lapin's own.
pub(crate) async fn wait(channel: &Channel, error: lapin::Error) -> Result<(), PublishError> {
    let lapin = &channel.inner;
    let recovered = lapin.wait_for_recovery(error.clone());
    if Handle::try_current().is_err() {
        return Ok(recovered.await?);
    }
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
    let look = look_every(limit);
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

/// The polling interval for this limit.
pub(crate) fn look_every(limit: Duration) -> Duration {
    (limit / LOOKS).max(Duration::from_millis(10))
}

/// An error where there is no tokio runtime, whose tasks and clock `what` needs.
pub(crate) fn needs_tokio(what: &str) -> lapin::Result<()> {
    if Handle::try_current().is_ok() {
        return Ok(());
    }
    let text = format!(
        "{what} needs a tokio runtime, and there is none here: call it from one, or use the consumer as a stream"
    );
    Err(std::io::Error::new(std::io::ErrorKind::Unsupported, text).into())
}
