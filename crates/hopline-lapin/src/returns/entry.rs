//! One publish: its stage, and the key by which its return is matched.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use hopline_core::propagation::TRACEPARENT;
use lapin::message::BasicReturnMessage;
use lapin::types::{AMQPValue, ShortString};
use lapin::{BasicProperties, Confirmation, Error, PublisherConfirm};

use super::wake::EntryWaker;

/// A publish that lapin is writing.
pub(super) type Writing = Pin<Box<dyn Future<Output = lapin::Result<PublisherConfirm>> + Send>>;

/// A publish, from the call until its owner has the answer.
pub(super) struct Entry {
    pub(super) stage: Stage,
    pub(super) waker: Arc<EntryWaker>,
    /// Present if the broker may return the message.
    pub(super) return_key: Option<ReturnKey>,
    // a box: few messages are returned
    pub(super) returned: Option<Box<BasicReturnMessage>>,
    /// A guard exists, and will take the answer.
    pub(super) owned: bool,
    /// The state `Final`: nothing about it changes any more.
    pub(super) is_final: bool,
}

pub(super) enum Stage {
    Writing(Writing),
    Confirming(PublisherConfirm),
    Answered(Answer),
}

/// The broker's answer, without the returned message.
#[derive(Debug)]
pub(crate) enum Answer {
    Ack,
    Nack,
    NotRequested,
    Failed(Error),
}

/// The properties by which a return is matched with its publish.
#[derive(Debug)]
pub(super) struct ReturnKey {
    exchange: ShortString,
    key: ShortString,
    /// Unique in most cases, as it contains the publish span's id.
    traceparent: Option<AMQPValue>,
}

impl ReturnKey {
    pub(super) fn new(
        exchange: &ShortString,
        key: &ShortString,
        properties: &BasicProperties,
    ) -> Self {
        Self {
            exchange: exchange.clone(),
            key: key.clone(),
            traceparent: traceparent(properties).cloned(),
        }
    }
}

impl Entry {
    /// Polls lapin until it has nothing new; returns its answer once.
    pub(super) fn poll(&mut self) -> Option<lapin::Result<Confirmation>> {
        let waker = Waker::from(Arc::clone(&self.waker));
        let mut cx = Context::from_waker(&waker);
        loop {
            match &mut self.stage {
                Stage::Writing(writing) => match writing.as_mut().poll(&mut cx) {
                    Poll::Ready(Ok(confirm)) => self.stage = Stage::Confirming(confirm),
                    Poll::Ready(Err(error)) => return Some(Err(error)),
                    Poll::Pending => return None,
                },
                Stage::Confirming(confirm) => match Pin::new(confirm).poll(&mut cx) {
                    Poll::Ready(answer) => return Some(answer),
                    Poll::Pending => return None,
                },
                Stage::Answered(_) => return None,
            }
        }
    }

    /// Returns true if `message` is the return of this publish.
    pub(super) fn matches(&self, message: &BasicReturnMessage) -> bool {
        self.returned.is_none()
            && !self.is_final
            && self.return_key.as_ref().is_some_and(|own| {
                own.key == message.routing_key
                    && own.exchange == message.exchange
                    && own.traceparent.as_ref() == traceparent(&message.properties)
            })
    }

    pub(super) fn is_answered(&self) -> bool {
        matches!(self.stage, Stage::Answered(_))
    }

    /// The answer with the return, for the owner.
    pub(super) fn into_result(self) -> Option<lapin::Result<Confirmation>> {
        let message = self.returned.map(|message| *message);
        let Stage::Answered(answer) = self.stage else {
            return None;
        };
        Some(match answer {
            Answer::Ack => Ok(Confirmation::Ack(message)),
            Answer::Nack => Ok(Confirmation::Nack(message)),
            Answer::NotRequested => Ok(Confirmation::NotRequested),
            Answer::Failed(error) => Err(error),
        })
    }
}

fn traceparent(properties: &BasicProperties) -> Option<&AMQPValue> {
    properties.headers().as_ref()?.inner().get(TRACEPARENT)
}
