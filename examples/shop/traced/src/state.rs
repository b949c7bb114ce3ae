//! The state that handlers, worker and jobs share.

use hopline::sqlx::PgPool;
use tokio::sync::broadcast;

use crate::payments;
use crate::queue::Queue;

#[derive(Clone, Debug)]
pub(crate) struct AppState {
    pub(crate) db: PgPool,
    pub(crate) payments: payments::Client,
    pub(crate) queue: Queue,
    /// Orders that were paid, for the live views.
    pub(crate) events: broadcast::Sender<i64>,
}
