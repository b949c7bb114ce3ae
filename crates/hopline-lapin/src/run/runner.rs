//! The runners of a consumer.

use std::task::{Context, Poll};

use hopline_core::notify;
use lapin::options::ConfirmSelectOptions;
use tower_service::Service;

use super::drive::drive;
use super::job::{BoxError, HandlerFn};
use super::options::RunOptions;
use super::stop_reason::StopReason;
use crate::consume::{Batch, Consumer, Delivery, Outcome};
use crate::recovery::needs_tokio;

impl Consumer {
    /// Handles each message by an async function, in its process span, and settles it by the result.
    ///
    /// A panic fails its own message only. The runner continues after lapin has recovered a lost connection.
    ///
    /// When `shutdown` is ready it cancels the consumer, requeues the messages that wait (or handles them, if the
    /// consumer has `no_ack`), and waits for running handlers up to [`drain`](RunOptions::drain). A message that the
    /// broker is sending at that moment is delivered again when the channel closes.
    ///
    /// # Errors
    ///
    /// Returns an error if the channel failed and did not recover within its
    /// [`recovery_limit`](crate::Channel::recovery_limit), a name in the options is too long, or there is no tokio
    /// runtime.
    ///
    /// # Cancellation
    ///
    /// If it is dropped, running handlers are dropped with it; their messages are delivered again.
    ///
    /// # Examples
    ///
    /// ```
    /// # let broker = hopline_testing::amqp::Broker::start()?;
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # let connection = lapin::Connection::connect(&broker.url(), lapin::ConnectionProperties::default()).await?;
    /// # use hopline_lapin::ChannelExt;
    /// # use lapin::options::{BasicConsumeOptions, ConfirmSelectOptions, QueueDeclareOptions};
    /// # use lapin::types::FieldTable;
    /// # let channel = connection.create_channel().await?.traced();
    /// # channel.confirm_select(ConfirmSelectOptions::default()).await?;
    /// # channel.queue_declare("orders".into(), QueueDeclareOptions::default(), FieldTable::default()).await?;
    /// use hopline_lapin::{Delivery, RunOptions, StopReason};
    /// use tokio::sync::oneshot;
    ///
    /// let (done, shutdown) = oneshot::channel();
    /// let done = std::sync::Arc::new(std::sync::Mutex::new(Some(done)));
    /// let ship = move |order: Delivery| {
    ///     let done = done.lock().unwrap().take();
    ///     async move {
    ///         assert_eq!(order.body(), b"7");
    ///         done.map(|done| done.send(()));
    ///         Ok::<(), std::io::Error>(()) // acknowledges
    ///     }
    /// };
    /// channel.publish("", "orders", b"7").await?;
    /// let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    /// let consumer = channel.basic_consume("orders".into(), "".into(), options, arguments).await?;
    /// let shutdown = async { shutdown.await.unwrap_or_default() };
    /// let reason = consumer.run(ship, RunOptions::default(), shutdown).await?;
    /// assert_eq!(reason, StopReason::Shutdown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn run<F, Fut, R, E>(
        self,
        handler: F,
        options: RunOptions,
        shutdown: impl Future<Output = ()>,
    ) -> lapin::Result<StopReason>
    where
        F: FnMut(Delivery) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Into<Outcome> + Send + 'static,
        E: Into<BoxError> + Send + 'static,
    {
        self.run_service(HandlerFn(handler), options, shutdown)
            .await
    }

    /// As [`run`](Consumer::run), by a tower service, which may have tower's layers.
    ///
    /// # Errors
    ///
    /// As [`run`](Consumer::run).
    ///
    /// # Cancellation
    ///
    /// As [`run`](Consumer::run).
    pub async fn run_service<S>(
        self,
        service: S,
        options: RunOptions,
        shutdown: impl Future<Output = ()>,
    ) -> lapin::Result<StopReason>
    where
        S: Service<Delivery, Response: Into<Outcome>, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + 'static,
        S::Response: Send,
        S::Error: Send,
    {
        self.prepare(&options).await?;
        let next = |consumer: &mut Self, cx: &mut Context<'_>| consumer.poll_delivery(cx);
        drive(self, next, service, options, shutdown).await
    }

    /// As [`run`](Consumer::run), in [batches](Consumer::batches) of up to `max` messages. All messages of a batch have
    /// one outcome, except those that the function settled itself.
    ///
    /// # Errors
    ///
    /// As [`run`](Consumer::run).
    ///
    /// # Cancellation
    ///
    /// As [`run`](Consumer::run).
    pub async fn run_batches<F, Fut, R, E>(
        self,
        max: usize,
        handler: F,
        options: RunOptions,
        shutdown: impl Future<Output = ()>,
    ) -> lapin::Result<StopReason>
    where
        F: FnMut(Batch) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Into<Outcome> + Send + 'static,
        E: Into<BoxError> + Send + 'static,
    {
        self.prepare(&options).await?;
        let next = move |consumer: &mut Self, cx: &mut Context<'_>| -> Poll<_> {
            consumer.poll_batch(max, cx)
        };
        drive(self, next, HandlerFn(handler), options, shutdown).await
    }

    /// Checks the options and the channel; enables confirms if the runner publishes.
    async fn prepare(&self, options: &RunOptions) -> lapin::Result<()> {
        needs_tokio("Consumer::run")?;
        options.check()?;
        let channel = &self.channel.inner;
        let qos = channel.status().qos();
        let limits = [qos.prefetch_count, qos.global_prefetch_count];
        if !self.no_ack && limits.iter().flatten().all(|limit| *limit == 0) {
            notify("prefetch", || {
                "a consumer has no prefetch: the broker sends its whole queue into memory; call basic_qos before \
                 basic_consume"
                    .to_owned()
            });
        }
        if options.publishes() && !channel.status().confirm() {
            let options = ConfirmSelectOptions::default();
            channel.confirm_select(options).await?;
        }
        Ok(())
    }
}
