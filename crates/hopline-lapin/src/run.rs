//! Handlers, and what becomes of their messages.

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt};
use hopline_core::{FutureExt, Literal};
use lapin::options::BasicCancelOptions;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower_service::Service;

use crate::consumer::Consumer;
use crate::delivery::Delivery;
use crate::error::error_type;
use crate::outcome::Outcome;

type BoxError = Box<dyn Error + Send + Sync>;

/// How handlers are run.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use hopline_lapin::{Outcome, RunOptions};
///
/// let options = RunOptions::default().concurrency(4).on_error(Outcome::Requeue).timeout(Duration::from_secs(30));
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until they are given to `run`"]
pub struct RunOptions {
    concurrency: usize,
    on_error: Outcome,
    on_panic: Outcome,
    timeout: Option<Duration>,
    drain: Duration,
}

impl RunOptions {
    /// How many messages are handled at once; 16 if not said. The channel's prefetch should be as many at least.
    pub fn concurrency(mut self, messages: usize) -> Self {
        self.concurrency = messages.max(1);
        self
    }

    /// What becomes of a message whose handler fails or takes too long; it is rejected, if not said.
    pub fn on_error(mut self, outcome: Outcome) -> Self {
        self.on_error = outcome;
        self
    }

    /// What becomes of a message whose handler panics; it is rejected, if not said.
    pub fn on_panic(mut self, outcome: Outcome) -> Self {
        self.on_panic = outcome;
        self
    }

    /// How long a handler may take; as long as it wants, if not said.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// How long to wait at the end for handlers that run; 30 seconds if not said. What they have not settled
    /// then is delivered again.
    pub fn drain(mut self, limit: Duration) -> Self {
        self.drain = limit;
        self
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
        }
    }
}

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
    /// wait are handed back, and handlers that run are waited for; a message that the broker was sending at that
    /// moment comes back when the channel closes. A delivery whose connection is gone is passed
    /// over: it will come again.
    ///
    /// # Errors
    ///
    /// The channel failed and does not recover.
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
    pub async fn run_service<S>(
        mut self,
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
        // a permit for each handler, so no more tasks than that; they end with the set
        let permits = Arc::new(Semaphore::new(options.concurrency));
        let mut handlers = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        let end = loop {
            while handlers.try_join_next().is_some() {}
            let next = async {
                // closed never, so there is always a permit to wait for
                let permit = Arc::clone(&permits).acquire_owned().await.ok();
                (permit, self.next().await)
            };
            let (permit, item) = tokio::select! {
                biased;
                () = &mut shutdown => break Ok(End::Shutdown),
                next = next => next,
            };
            match item {
                None => break Ok(End::Cancelled),
                Some(Err(error)) => {
                    let recovered = tokio::select! {
                        biased;
                        () = &mut shutdown => break Ok(End::Shutdown),
                        recovered = self.channel.wait_for_recovery(error) => recovered,
                    };
                    if let Err(error) = recovered {
                        break Err(error);
                    }
                }
                Some(Ok(delivery)) if !self.no_ack && !delivery.is_usable() => {}
                Some(Ok(delivery)) => {
                    let (service, options, no_ack) =
                        (service.clone(), options.clone(), self.no_ack);
                    handlers.spawn(async move {
                        handle(service, delivery, &options, no_ack).await;
                        drop(permit);
                    });
                }
            }
        };
        let finish = async {
            if matches!(end, Ok(End::Shutdown)) {
                self.hand_back().await;
            }
            while handlers.join_next().await.is_some() {}
        };
        // what is not done by then, a broker that does not answer included, is dropped with the set
        let _ = tokio::time::timeout(options.drain, finish).await;
        end
    }

    /// Stops consuming and gives back what was fetched and not begun.
    async fn hand_back(&mut self) {
        // if the channel is gone the broker has them back already
        let _ = self
            .channel
            .basic_cancel(self.tag(), BasicCancelOptions::default())
            .await;
        while let Some(Ok(delivery)) = self.next().await {
            let _ = delivery.requeue().await;
        }
    }
}

async fn handle<S>(mut service: S, delivery: Delivery, options: &RunOptions, no_ack: bool)
where
    S: Service<Delivery, Response: Into<Outcome>, Error: Into<BoxError>>,
{
    let span = delivery.process_span();
    let request = delivery.clone();
    let work = async {
        std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
        service.call(request).await
    };
    let work = AssertUnwindSafe(work.in_context(span.context())).catch_unwind();
    let result = match options.timeout {
        Some(limit) => tokio::time::timeout(limit, work).await,
        None => Ok(work.await),
    };
    let outcome = match result {
        Ok(Ok(Ok(response))) => response.into(),
        Ok(Ok(Err(_))) => {
            span.fail("handler_error");
            options.on_error
        }
        Ok(Err(_)) => {
            span.fail("panic");
            options.on_panic
        }
        Err(_) => {
            span.fail("timeout");
            options.on_error
        }
    };
    span.set("hopline.messaging.outcome", Literal(outcome.label()));
    if no_ack {
        return;
    }
    match delivery.settle(outcome).await {
        Ok(true) => {}
        Ok(false) => span.fail("settle_lost"),
        Err(error) => span.fail(&error_type(&error)),
    }
}

/// An async function as a service.
#[derive(Clone)]
struct HandlerFn<F>(F);

impl<F, Fut, R, E> Service<Delivery> for HandlerFn<F>
where
    F: FnMut(Delivery) -> Fut,
    Fut: Future<Output = Result<R, E>>,
{
    type Response = R;
    type Error = E;
    type Future = Fut;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, delivery: Delivery) -> Fut {
        (self.0)(delivery)
    }
}
