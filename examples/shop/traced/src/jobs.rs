//! Work in the background.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::repo::orders;
use crate::state::AppState;

/// Cancels unpaid orders, until `stopped` is closed.
pub(crate) async fn cancel_unpaid(state: AppState, mut stopped: watch::Receiver<()>) {
    let mut ticks = interval(Duration::from_secs(3600));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.changed() => return,
        }
        match orders::cancel_unpaid(&state.db).await {
            Ok(0) => {}
            Ok(orders) => info!(orders, "unpaid orders cancelled"),
            Err(error) => warn!("unpaid orders are not cancelled: {error}"),
        }
    }
}
