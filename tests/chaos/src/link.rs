//! A channel, and the connection below it.

use std::time::Duration;

use hopline_core::Tracer;
use hopline_lapin::{Channel, ChannelExt};
use lapin::options::{BasicQosOptions, ConfirmSelectOptions};
use lapin::{Connection, ConnectionProperties};
use tokio::time::{sleep, timeout};

/// How long lapin may take to recover, a broker to answer and handlers to end: longer than RabbitMQ takes to start on
/// an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(8);
/// How long to wait before trying once more.
const PAUSE: Duration = Duration::from_millis(100);

/// A channel with confirms and a prefetch on a connection of its own, which is replaced when lapin does not recover it.
#[derive(Debug)]
pub struct Link {
    url: String,
    tracer: Tracer,
    connection: Connection,
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
            let connection = connect(url).await?;
            // lapin does not answer every call that a lost connection left without an answer
            if let Ok(Ok(channel)) = timeout(PATIENCE, channel(&connection, tracer)).await {
                return Ok(Self {
                    url: url.to_owned(),
                    tracer: tracer.clone(),
                    connection,
                    channel,
                });
            }
            leave(connection);
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
        leave(std::mem::replace(self, fresh).connection);
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

async fn channel(connection: &Connection, tracer: &Tracer) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    channel.basic_qos(100, BasicQosOptions::default()).await?;
    Ok(channel
        .traced()
        .tracer(tracer.clone())
        .recovery_limit(PATIENCE))
}

/// Closes a connection that nobody needs, also one that lapin may still bring back: it would come with its consumers,
/// and what they were sent would be handled by nobody. By a task, which ends with the connection or the process.
fn leave(connection: Connection) {
    tokio::spawn(async move {
        while connection.close(200, "bye".into()).await.is_err() {
            let status = connection.status();
            if !status.reconnecting() && !status.connecting() {
                return;
            }
            sleep(PAUSE).await;
        }
    });
}
