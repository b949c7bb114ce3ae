//! Handlers, one for each message or batch.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hopline_core::notify;
use lapin::options::{BasicCancelOptions, ConfirmSelectOptions};
use lapin::{ConnectionState, ErrorKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tower_service::Service;

use crate::batch::Batch;
use crate::consumer::Consumer;
use crate::delivery::Delivery;
use crate::handle::{BoxError, HandlerFn, Job, handle};
use crate::options::RunOptions;
use crate::outcome::Outcome;
use crate::recovery;

/// Why a runner came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was asked to.
    Shutdown,
    /// The consumer is gone: cancelled, or its queue deleted.
    Cancelled,
}

impl Consumer {
    /// Handles each message by an async function, in a span that is current in it, and settles it by what it
    /// returns.
    ///
    /// A panic ends the handling of its message only. When `shutdown` is ready, consuming stops, messages that
    /// wait are handed back (or handled, if they need no acknowledgement and would be lost), and handlers that run
    /// are waited for; a message that the broker was sending at that moment comes back when the channel closes. Through
    /// lapin's recovery it goes on.
    ///
    /// # Errors
    ///
    /// The channel failed and does not recover within its [`recovery_limit`](crate::Channel::recovery_limit), the
    /// options cannot be followed, or there is no tokio runtime.
    ///
    /// # Cancellation
    ///
    /// If it is dropped, running handlers are dropped with it; their messages are delivered again.
    pub async fn run<F, Fut, R, E>(
        self,
        handler: F,
        options: RunOptions,
        shutdown: impl Future<Output = ()>,
    ) -> lapin::Result<End>
    where
        F: FnMut(Delivery) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Into<Outcome> + Send + 'static,
        E: Into<BoxError> + Send + 'static,
    {
        self.run_service(HandlerFn(handler), options, shutdown)
            .await
    }

    /// The same by a tower service, so that tower's layers can stand around it.
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
    ) -> lapin::Result<End>
    where
        S: Service<Delivery, Response: Into<Outcome>, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + 'static,
        S::Response: Send,
        S::Error: Send,
    {
        let next = |consumer: &mut Self, cx: &mut Context<'_>| consumer.poll_delivery(cx);
        drive(self, next, service, options, shutdown).await
    }

    /// Handles messages in [batches](Consumer::batches) by an async function; all of a batch have one outcome, but
    /// those that the function settled itself.
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
    ) -> lapin::Result<End>
    where
        F: FnMut(Batch) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Into<Outcome> + Send + 'static,
        E: Into<BoxError> + Send + 'static,
    {
        let next = move |consumer: &mut Self, cx: &mut Context<'_>| consumer.poll_batch(max, cx);
        drive(self, next, HandlerFn(handler), options, shutdown).await
    }

    /// A consumer that could do harm says so.
    async fn prepare(&self, options: &RunOptions) -> lapin::Result<()> {
        recovery::needs_tokio("Consumer::run")?;
        options.check()?;
        let channel = &self.channel.inner;
        let qos = channel.status().qos();
        let limits = [qos.prefetch_count, qos.global_prefetch_count];
        if !self.no_ack && limits.iter().flatten().all(|limit| *limit == 0) {
            notify("prefetch", || {
                "a consumer has no prefetch (basic_qos): its whole queue comes into memory at once"
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

/// The loop behind all runners.
async fn drive<J, S>(
    mut consumer: Consumer,
    mut next: impl FnMut(&mut Consumer, &mut Context<'_>) -> Poll<Option<lapin::Result<J>>>,
    service: S,
    options: RunOptions,
    shutdown: impl Future<Output = ()>,
) -> lapin::Result<End>
where
    J: Job,
    S: Service<J, Response: Into<Outcome>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + 'static,
    S::Response: Send,
    S::Error: Send,
{
    consumer.prepare(&options).await?;
    let drain = options.drain;
    let mut handlers = Handlers {
        permits: Arc::new(Semaphore::new(options.concurrency)),
        running: JoinSet::new(),
        channel: consumer.channel.clone(),
        service,
        options: Arc::new(options),
    };
    let mut shutdown = pin!(shutdown);
    // a consumer is told that its connection was lost when there is another one, not before
    let channel = consumer.channel.clone();
    let mut overdue = pin!(recovery::overdue(&channel));
    let end = loop {
        let item = async {
            let permit = handlers.permit().await;
            let item = poll_fn(|cx| next(&mut consumer, cx)).await;
            (permit, item)
        };
        let (permit, item) = tokio::select! {
            biased;
            () = &mut shutdown => break Ok(End::Shutdown),
            item = item => item,
            _ = &mut overdue => {
                break Err(ErrorKind::InvalidConnectionState(ConnectionState::Reconnecting).into());
            }
        };
        match item {
            None => break Ok(End::Cancelled),
            Some(Err(error)) => {
                let recovered = tokio::select! {
                    biased;
                    () = &mut shutdown => break Ok(End::Shutdown),
                    recovered = recovery::wait(&consumer.channel, error.clone()) => recovered,
                };
                if recovered.is_err() {
                    break Err(error);
                }
            }
            Some(Ok(job)) => handlers.spawn(permit, job),
        }
    };
    let finish = async {
        if matches!(end, Ok(End::Shutdown)) {
            // if the channel is gone the broker has them back already
            let cancel = consumer
                .channel
                .inner
                .basic_cancel(consumer.tag(), BasicCancelOptions::default());
            let _ = cancel.await;
            if consumer.no_ack {
                // nobody else will get them
                while let Some(Ok(job)) = poll_fn(|cx| next(&mut consumer, cx)).await {
                    let permit = handlers.permit().await;
                    handlers.spawn(permit, job);
                }
            } else {
                while let Some(Ok(delivery)) = poll_fn(|cx| consumer.poll_delivery(cx)).await {
                    let _ = delivery.settle(Outcome::Requeue).await;
                }
            }
        }
        while handlers.running.join_next().await.is_some() {}
    };
    // what is not done by then, a broker that does not answer included, is dropped with the set
    let _ = tokio::time::timeout(drain, finish).await;
    end
}

/// What handles jobs, and what it handles now.
struct Handlers<S> {
    permits: Arc<Semaphore>,
    /// A permit for each, so no more tasks than that; they end with the set.
    running: JoinSet<()>,
    channel: crate::Channel,
    service: S,
    options: Arc<RunOptions>,
}

impl<S> Handlers<S> {
    async fn permit(&mut self) -> Option<OwnedSemaphorePermit> {
        while self.running.try_join_next().is_some() {}
        // closed never, so there is always one to wait for
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    fn spawn<J>(&mut self, permit: Option<OwnedSemaphorePermit>, job: J)
    where
        J: Job,
        S: Service<J, Response: Into<Outcome>, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + 'static,
        S::Response: Send,
        S::Error: Send,
    {
        let (service, options) = (self.service.clone(), Arc::clone(&self.options));
        let channel = self.channel.clone();
        self.running.spawn(async move {
            handle(service, job, &options, &channel).await;
            drop(permit);
        });
    }
}
