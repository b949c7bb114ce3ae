//! The input of handlers: a message or a batch.

use std::error::Error;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_service::Service;

use crate::consume::{Arrival, Batch, Delivery, Outcome};
use crate::span::Measured;

/// The error of a handler, which is not recorded: it may contain data of the message.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// A message or a batch, which its handler may take apart.
pub(super) trait Job: Send + 'static {
    /// Starts the span in which the handler runs, and counts the messages as received.
    fn start(&self) -> Measured;
    /// Returns what settling needs; with a copy of the message if it may be published again.
    fn kept(&self, copy: bool) -> Kept;
}

/// The part of a job that is settled after its handler. The handler owns the job and may drop it, so the runner keeps
/// this before the handler starts.
pub(super) enum Kept {
    /// A message, with a copy of the delivery if it may be published again.
    Message(Arc<Arrival>, Option<Box<Delivery>>),
    /// A batch shares its deliveries, so keeping it copies nothing.
    Batch(Batch),
}

impl Kept {
    /// Returns each message with what it was delivered as, if that is kept.
    pub(super) fn each(&self) -> impl Iterator<Item = (&Arrival, Option<&Delivery>)> {
        let (one, all) = match self {
            Self::Message(arrival, copy) => (Some((&**arrival, copy.as_deref())), None),
            Self::Batch(batch) => (None, Some(batch.deliveries())),
        };
        let all = all.into_iter().flatten();
        one.into_iter()
            .chain(all.map(|one| (&*one.arrival, Some(one))))
    }
}

/// A copy is made only if the options can publish it: a delivery has the whole body.
impl Job for Delivery {
    fn start(&self) -> Measured {
        self.count_consumed();
        self.measured_span()
    }

    fn kept(&self, copy: bool) -> Kept {
        let message = copy.then(|| Box::new(self.clone()));
        Kept::Message(Arc::clone(&self.arrival), message)
    }
}

impl Job for Batch {
    fn start(&self) -> Measured {
        self.deliveries().iter().for_each(Delivery::count_consumed);
        Self::start(self)
    }

    fn kept(&self, _: bool) -> Kept {
        Kept::Batch(self.clone())
    }
}

/// A service that handles jobs, each by a clone on a task of its own.
pub(super) trait JobService<J>:
    Service<J, Response: Into<Outcome> + Send, Error: Into<BoxError> + Send, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<J, S> JobService<J> for S where
    S: Service<J, Response: Into<Outcome> + Send, Error: Into<BoxError> + Send, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// An async function as a tower service.
///
/// Always ready: the runner bounds the number of jobs at a time.
#[derive(Clone)]
pub(super) struct HandlerFn<F>(pub(super) F);

impl<J, F, Fut, R, E> Service<J> for HandlerFn<F>
where
    F: FnMut(J) -> Fut,
    Fut: Future<Output = Result<R, E>>,
{
    type Response = R;
    type Error = E;
    type Future = Fut;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, job: J) -> Fut {
        (self.0)(job)
    }
}
