//! A channel, and the connection below it.

use std::sync::Arc;
use std::time::Duration;

use hopline_core::Tracer;
use hopline_lapin::{Channel, ChannelExt};
use lapin::options::{BasicQosOptions, ConfirmSelectOptions};
use lapin::{Connection, ConnectionProperties};
use tokio::time::{sleep, timeout};

/// The time limit for lapin to recover, for a broker to answer and for handlers to end: longer than RabbitMQ takes to start
/// on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// The pause before another attempt.
const PAUSE: Duration = Duration::from_millis(100);

/// A channel with confirms and a prefetch on a connection of its own, which is replaced when lapin does not recover it.
#[derive(Debug)]
pub struct Link {
    url: String,
    tracer: Tracer,
    connection: Arc<Connection>,
    channel: Channel,
}

impl Link {
    /// Opens one, as soon as there is a broker.
    ///
    /// # Errors
    ///
    /// lapin gave up.
    pub async fn open(url: &str, tracer: &Tracer) -> lapin::Result<Self> {
        loop {
            let connection = Arc::new(connect(url).await?);
            // By a task that outlives its time-out: lapin does not answer every call that a lost connection left
            // without an answer, and locks itself out if such a call holds the last handle to its channel. It ends
            // with the call or the process.
            let opening = tokio::spawn(channel(Arc::clone(&connection), tracer.clone()));
            if let Ok(Ok(Ok(channel))) = timeout(PATIENCE, opening).await {
                return Ok(Self {
                    url: url.to_owned(),
                    tracer: tracer.clone(),
                    connection,
                    channel,
                });
            }
            tokio::spawn(leave(connection));
            sleep(PAUSE).await;
        }
    }

    /// The channel.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Opens another connection, and a channel on it, in the place of these.
    ///
    /// # Errors
    ///
    /// As [`open`](Link::open).
    pub async fn replace(&mut self) -> lapin::Result<()> {
        let fresh = Self::open(&self.url, &self.tracer).await?;
        let lost = std::mem::replace(self, fresh);
        // a task, which ends with the connection or the process; with the channel, as a call may still be open on it
        tokio::spawn(async move {
            leave(lost.connection).await;
            drop(lost.channel);
        });
        Ok(())
    }

    /// Closes the connection, and waits until the broker knows.
    pub async fn close(self) {
        // where it is lost instead, nothing is left to close
        let _ = timeout(PATIENCE, self.connection.close(200, "bye".into())).await;
    }
}

/// Connects with lapin's recovery on, which tries again soon: the broker comes back within seconds.
///
/// # Errors
///
/// The broker cannot be reached.
pub async fn connect(url: &str) -> lapin::Result<Connection> {
    let properties = ConnectionProperties::default().configure_backoff(|backoff| {
        let often = backoff.with_min_delay(PAUSE).with_factor(1.2);
        let evenly = often.with_max_delay(Duration::from_secs(1));
        evenly.with_max_times(10_000)
    });
    Connection::connect(url, properties.enable_auto_recover()).await
}

async fn channel(connection: Arc<Connection>, tracer: Tracer) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    channel.basic_qos(100, BasicQosOptions::default()).await?;
    Ok(channel.traced().tracer(tracer).recovery_limit(PATIENCE))
}

/// Closes an unused connection, even one that lapin may still recover: it would return with its consumers,
/// and no handler would take their messages.
async fn leave(connection: Arc<Connection>) {
    while connection.close(200, "bye".into()).await.is_err() {
        let status = connection.status();
        if !status.reconnecting() && !status.connecting() {
            return;
        }
        sleep(PAUSE).await;
    }
}
