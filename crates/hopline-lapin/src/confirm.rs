//! Publishing in lapin's shape.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Confirmation, ErrorKind};

use crate::channel::Channel;
use crate::confirms::{Answer, Ticket};
use crate::content::republish;
use crate::error::{PublishError, error_type};
use crate::send::{Carry, Message, Sent, outgoing};
use crate::span::subject::InFlight;
use crate::watch::Place;

/// The broker's answer to a message, when it comes: as [`lapin::PublisherConfirm`]. See
/// [`Channel::basic_publish`].
///
/// Without confirms it is ready at once, as [`Confirmation::NotRequested`]. The publish span ends with it: failed
/// (`unroutable`, `nacked`) if the answer is none that the publisher wants.
///
/// # Cancellation
///
/// If it is dropped, the span ends, and a returned message is left to [`Channel::wait_for_confirms`].
#[derive(Debug)]
pub struct PublisherConfirm(Option<State>);

#[derive(Debug)]
enum State {
    NotRequested,
    Waiting(Waiting),
}

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    place: Place,
    span: InFlight,
    /// The application gave no headers, so what comes back is to have none.
    bare: bool,
}

impl Channel {
    /// Publishes a message, with lapin's own arguments and in its shape: ready when the frames are written, with the
    /// broker's answer still to come. [`publish`](Channel::publish) is both in one, with an error for what was not
    /// taken.
    ///
    /// What comes back is with the confirm of its own message, which lapin's may not be.
    ///
    /// # Errors
    ///
    /// The channel failed, or the headers cannot be sent.
    ///
    /// # Cancellation
    ///
    /// As [`Publish`](crate::Publish).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use lapin::{BasicProperties, options::BasicPublishOptions};
    /// # async fn run(channel: hopline_lapin::Channel) -> lapin::Result<()> {
    /// let mut confirms = Vec::new();
    /// for order in ["7", "8", "9"] {
    ///     let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    ///     let sent = channel.basic_publish("".into(), "orders".into(), options, order.as_bytes(), properties);
    ///     confirms.push(sent.await?);
    /// }
    /// for confirm in confirms {
    ///     assert!(confirm.await?.is_ack());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn basic_publish(
        &self,
        exchange: ShortString,
        routing_key: ShortString,
        options: BasicPublishOptions,
        payload: &[u8],
        properties: BasicProperties,
    ) -> lapin::Result<PublisherConfirm> {
        let mut message = Message {
            exchange,
            key: routing_key,
            body: payload,
            options,
            properties,
            carry: Carry::New,
        };
        let bare = message.properties.headers().is_none();
        let (span, properties) = outgoing(self, &mut message);
        let span = InFlight::new(span);
        let properties = match properties {
            Ok(properties) => properties,
            Err(error) => return Ok(span.ended(Err(error), PublishError::error_type)?),
        };
        let sending = Sent::start(self, &message, properties);
        let sent = self.watch.over(self, sending).await;
        let state = match sent.and_then(|sent| Ok(sent?)) {
            Err(error) => return Ok(span.ended(Err(error), PublishError::error_type)?),
            Ok(Sent::Unconfirmed) => {
                span.done();
                State::NotRequested
            }
            Ok(Sent::Confirming(ticket)) => State::Waiting(Waiting {
                ticket,
                place: self.watch.place(self),
                span,
                bare,
            }),
        };
        Ok(PublisherConfirm(Some(state)))
    }

    /// Waits until all that was published on this channel so far is answered; gives the messages that came back and
    /// that no confirm was awaited for.
    ///
    /// On a channel without confirms it returns the messages returned so far.
    ///
    /// # Errors
    ///
    /// The channel failed, or did while a message was under way whose confirm was dropped.
    pub async fn wait_for_confirms(&self) -> lapin::Result<Vec<BasicReturnMessage>> {
        if !self.inner.status().confirm() {
            return self.inner.wait_for_confirms().await;
        }
        self.watch.over(self, self.confirms.all()).await?
    }
}

impl Future for PublisherConfirm {
    type Output = lapin::Result<Confirmation>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(State::Waiting(waiting)) = &mut self.0 else {
            return Poll::Ready(match self.0.take() {
                Some(State::NotRequested) => Ok(Confirmation::NotRequested),
                _ => Err(ErrorKind::FutureCompleted.into()),
            });
        };
        let answer = match waiting.ticket.poll_answer(cx) {
            Poll::Ready(answer) => answer,
            Poll::Pending => Err(ready!(waiting.place.poll_overdue(cx)).into()),
        };
        let Some(State::Waiting(Waiting { span, bare, .. })) = self.0.take() else {
            return Poll::Ready(answer);
        };
        span.done_with(match &answer {
            Ok(Confirmation::Ack(message)) => failure(&Answer::Ack, message.is_some()),
            Ok(Confirmation::Nack(message)) => failure(&Answer::Nack, message.is_some()),
            Ok(Confirmation::NotRequested) => None,
            Err(error) => Some(error_type(error)),
        });
        Poll::Ready(answer.map(|answer| if bare { as_published(answer) } else { answer }))
    }
}

/// Gives up the answer: the span ends with the outcome known so far.
impl Drop for PublisherConfirm {
    fn drop(&mut self) {
        if let Some(State::Waiting(Waiting { ticket, span, .. })) = self.0.take() {
            span.done_with(ticket.peek(failure));
        }
    }
}

/// `error.type` of a message that was not taken.
fn failure(answer: &Answer, came_back: bool) -> Option<String> {
    match answer {
        Answer::Ack | Answer::Nack if came_back => Some("unroutable".to_owned()),
        Answer::Nack => Some("nacked".to_owned()),
        Answer::Ack | Answer::NotRequested => None,
        Answer::Failed(error) => Some(error_type(error)),
    }
}

/// The returned message, without the headers that this crate added.
fn as_published(mut answer: Confirmation) -> Confirmation {
    if let Confirmation::Ack(Some(message)) | Confirmation::Nack(Some(message)) = &mut answer {
        message.delivery.properties = republish::without_context(&message.delivery.properties);
    }
    answer
}
