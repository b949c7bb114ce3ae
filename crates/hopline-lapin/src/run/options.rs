//! Options of runners.

use std::io;
use std::time::Duration;

use crate::consume::Outcome;

/// Options of a [runner](crate::Consumer::run).
///
/// # Examples
///
/// ```
/// # let broker = hopline_testing::amqp::Broker::start()?;
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # let connection = lapin::Connection::connect(&broker.url(), lapin::ConnectionProperties::default()).await?;
/// # use hopline_lapin::{ChannelExt, Delivery, Outcome, RunOptions};
/// # use lapin::options::{BasicConsumeOptions, BasicGetOptions, ConfirmSelectOptions, QueueDeclareOptions};
/// # use lapin::types::FieldTable;
/// # let channel = connection.create_channel().await?.traced();
/// # channel.confirm_select(ConfirmSelectOptions::default()).await?;
/// # for queue in ["orders", "orders.failed"] {
/// #     channel.queue_declare(queue.into(), QueueDeclareOptions::default(), FieldTable::default()).await?;
/// # }
/// let retry_twice = RunOptions::default()
///     .on_error(Outcome::Requeue)
///     .max_retries(2)
///     .dead_letter("", "orders.failed");
///
/// channel.publish("", "orders", b"seven").await?;
/// let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
/// let orders = channel.basic_consume("orders".into(), "".into(), options, arguments).await?;
/// let parse = async |order: Delivery| std::str::from_utf8(order.body())?.parse::<u32>().map(|_| ()).map_err(Box::<dyn std::error::Error + Send + Sync>::from);
/// # let parse = move |order| parse(order);
/// let failed = async {
///     loop {
///         if let Some(failed) = channel.basic_get("orders.failed".into(), BasicGetOptions::default()).await.unwrap() {
///             break assert_eq!(failed.body(), b"seven");
///         }
///     }
/// };
/// orders.run(parse, retry_twice, failed).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until they are given to `run`"]
pub struct RunOptions {
    pub(super) concurrency: usize,
    pub(super) on_error: Outcome,
    pub(super) on_panic: Outcome,
    pub(super) timeout: Option<Duration>,
    pub(super) drain: Duration,
    pub(super) max_retries: Option<u64>,
    pub(super) dead_letter: Option<(String, String)>,
}

impl RunOptions {
    /// Handles up to `jobs` messages (or batches) at a time, at least one. Defaults to 16.
    ///
    /// The channel's prefetch limits it too: set it to at least this number of messages.
    pub fn concurrency(mut self, jobs: usize) -> Self {
        self.concurrency = jobs.max(1);
        self
    }

    /// Sets the outcome of a message whose handler fails or exceeds the [timeout](Self::timeout). Defaults to
    /// [`Outcome::Reject`].
    pub fn on_error(mut self, outcome: Outcome) -> Self {
        self.on_error = outcome;
        self
    }

    /// Sets the outcome of a message whose handler panics. Defaults to [`Outcome::Reject`].
    pub fn on_panic(mut self, outcome: Outcome) -> Self {
        self.on_panic = outcome;
        self
    }

    /// Limits the time of each handler, which is dropped after it. Defaults to no limit.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Limits the wait for running handlers after `shutdown`. Defaults to 30 seconds.
    ///
    /// Handlers that still run then are dropped, and their messages delivered again.
    pub fn drain(mut self, limit: Duration) -> Self {
        self.drain = limit;
        self
    }

    /// Requeues a message up to `retries` times; then it is given up as if rejected. Defaults to no limit.
    ///
    /// Quorum queues count deliveries. Other queues report redelivery only: from the second retry on the runner
    /// publishes a copy to the queue, with the count in the header `hopline-retry-count`, and acknowledges the message.
    /// The copy is last in the queue. Enables confirms on the channel.
    pub fn max_retries(mut self, retries: u64) -> Self {
        self.max_retries = Some(retries);
        self
    }

    /// Publishes messages that are given up to this exchange and routing key, then acknowledges them. Defaults to
    /// rejecting them.
    ///
    /// Dead letters have the headers `hopline-dead-letter-reason` (the span's `error.type`, or `rejected`) and
    /// `hopline-dead-letter-queue`. If a dead letter cannot be published, the message is requeued after a second.
    /// Enables confirms on the channel. The runner returns an error if a name is longer than 255 bytes.
    pub fn dead_letter(mut self, exchange: &str, key: &str) -> Self {
        self.dead_letter = Some((exchange.to_owned(), key.to_owned()));
        self
    }

    /// Returns an error for names that are too long to publish to.
    pub(super) fn check(&self) -> lapin::Result<()> {
        let names = self.dead_letter.as_ref();
        if names.is_some_and(|(exchange, key)| exchange.len().max(key.len()) > 255) {
            let text = "the exchange or routing key for dead letters is longer than 255 bytes";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text).into());
        }
        Ok(())
    }

    /// Returns true if the runner may publish.
    pub(super) fn publishes(&self) -> bool {
        self.max_retries.is_some() || self.dead_letter.is_some()
    }
}

impl Default for RunOptions {
    fn default() -> Self {
        let (on_error, on_panic) = (Outcome::Reject, Outcome::Reject);
        Self {
            concurrency: 16,
            on_error,
            on_panic,
            timeout: None,
            drain: Duration::from_secs(30),
            max_retries: None,
            dead_letter: None,
        }
    }
}
