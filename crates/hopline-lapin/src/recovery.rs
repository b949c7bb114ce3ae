//! Waiting for lapin's recovery.

use std::time::Duration;

/// How often to look whether lapin has given up, which it tells nobody.
const LOOK: Duration = Duration::from_millis(200);

/// Ready when the channel is recovered; the error if it is not to be, or if lapin gave up trying.
pub(crate) async fn wait(channel: &lapin::Channel, error: lapin::Error) -> lapin::Result<()> {
    let recovered = channel.wait_for_recovery(error.clone());
    let given_up = async {
        while channel.status().reconnecting() || channel.status().connected() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        biased;
        recovered = recovered => recovered,
        () = given_up => Err(error),
    }
}
