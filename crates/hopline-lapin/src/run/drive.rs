//! The loop of all runners: takes jobs, spawns their handlers, stops.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use lapin::options::BasicCancelOptions;
use lapin::{ConnectionState, ErrorKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::handle::handle;
use super::job::{Job, JobService};
use super::options::RunOptions;
use super::stop_reason::StopReason;
use crate::channel::Channel;
use crate::consume::{Consumer, Outcome};

/// Takes jobs by `next` until `shutdown` is ready or the consumer ends, then drains.
pub(super) async fn drive<J, S>(
    consumer: Consumer,
    next: impl FnMut(&mut Consumer, &mut Context<'_>) -> Poll<Option<lapin::Result<J>>>,
    service: S,
    options: RunOptions,
    shutdown: impl Future<Output = ()>,
) -> lapin::Result<StopReason>
where
    J: Job,
    S: JobService<J>,
{
    let drain = options.drain;
    let handlers = Handlers {
        permits: Arc::new(Semaphore::new(options.concurrency)),
        running: JoinSet::new(),
        channel: consumer.channel.clone(),
        service,
        options: Arc::new(options),
    };
    let mut jobs = Jobs {
        consumer,
        next,
        handlers,
    };
    let stopped = jobs.until(shutdown).await;
    let finish = async {
        if matches!(stopped, Ok(StopReason::Shutdown)) {
            jobs.stop().await;
        }
        while jobs.handlers.running.join_next().await.is_some() {}
    };
    // handlers that still run then are dropped with the set, also if the broker does not answer
    let _ = tokio::time::timeout(drain, finish).await;
    stopped
}

/// A consumer's jobs, and the tasks that handle them.
struct Jobs<N, S> {
    consumer: Consumer,
    next: N,
    handlers: Handlers<S>,
}

impl<J, N, S> Jobs<N, S>
where
    J: Job,
    N: FnMut(&mut Consumer, &mut Context<'_>) -> Poll<Option<lapin::Result<J>>>,
    S: JobService<J>,
{
    /// Handles jobs until `shutdown` is ready, the consumer ends, or the channel does not recover.
    async fn until(&mut self, shutdown: impl Future<Output = ()>) -> lapin::Result<StopReason> {
        let mut shutdown = pin!(shutdown);
        let channel = self.consumer.channel.clone();
        // lapin reports a lost connection to a consumer when it has another one, not before
        let mut overdue = pin!(channel.recovery.overdue());
        loop {
            let (permit, item) = tokio::select! {
                biased;
                () = &mut shutdown => return Ok(StopReason::Shutdown),
                item = self.next() => item,
                _ = &mut overdue => {
                    let state = ConnectionState::Reconnecting;
                    return Err(ErrorKind::InvalidConnectionState(state).into());
                }
            };
            match item {
                None => return Ok(StopReason::Cancelled),
                Some(Ok(job)) => self.handlers.spawn(permit, job),
                Some(Err(error)) => tokio::select! {
                    biased;
                    () = &mut shutdown => return Ok(StopReason::Shutdown),
                    recovered = channel.recovery.wait(&channel.inner, error.clone()) => {
                        if recovered.is_err() {
                            return Err(error);
                        }
                    }
                },
            }
        }
    }

    /// Waits for a permit, then for a job.
    async fn next(&mut self) -> (Option<OwnedSemaphorePermit>, Option<lapin::Result<J>>) {
        let permit = self.handlers.permit().await;
        let item = poll_fn(|cx| (self.next)(&mut self.consumer, cx)).await;
        (permit, item)
    }

    /// Cancels the consumer, and requeues the messages that wait; handles them if they need no acknowledgement.
    async fn stop(&mut self) {
        let cancel = self
            .consumer
            .channel
            .inner
            .basic_cancel(self.consumer.tag(), BasicCancelOptions::default());
        // if the channel is gone, the broker has them already
        let _ = cancel.await;
        if self.consumer.no_ack {
            // the broker has forgotten them
            while let Some(Ok(job)) = poll_fn(|cx| (self.next)(&mut self.consumer, cx)).await {
                let permit = self.handlers.permit().await;
                self.handlers.spawn(permit, job);
            }
        } else {
            while let Some(Ok(delivery)) = poll_fn(|cx| self.consumer.poll_delivery(cx)).await {
                let _ = delivery.settle(Outcome::Requeue).await;
            }
        }
    }
}

/// The tasks that handle jobs. A job is taken only with a permit, so unhandled messages wait in lapin's consumer, where
/// the prefetch bounds them.
struct Handlers<S> {
    permits: Arc<Semaphore>,
    /// Bounded by the permits, of which each task holds one. They are aborted when the set is dropped.
    running: JoinSet<()>,
    channel: Channel,
    service: S,
    options: Arc<RunOptions>,
}

impl<S> Handlers<S> {
    /// Removes finished tasks, and waits until another may start.
    async fn permit(&mut self) -> Option<OwnedSemaphorePermit> {
        while self.running.try_join_next().is_some() {}
        // never closed, so it is an error never
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// Starts the task of a job.
    fn spawn<J>(&mut self, permit: Option<OwnedSemaphorePermit>, job: J)
    where
        J: Job,
        S: JobService<J>,
    {
        let (service, options) = (self.service.clone(), Arc::clone(&self.options));
        let channel = self.channel.clone();
        self.running.spawn(async move {
            handle(service, job, &options, &channel).await;
            drop(permit);
        });
    }
}
