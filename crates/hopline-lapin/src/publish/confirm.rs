//! Publishing in lapin's form: one future until the frames are written, and one until the broker's answer.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Confirmation, ErrorKind};

use super::message::{Carry, Outgoing, start};
use crate::channel::Channel;
use crate::content::republish;
use crate::error::{PublishError, error_type};
use crate::recovery::{Waiter, Waiters};
use crate::returns::{Answer, ConfirmGuard};
use crate::span::InFlight;

/// A future of the broker's answer to a message, as [`lapin::PublisherConfirm`]. Made by [`Channel::basic_publish`].
///
/// On a channel without confirms it is ready at once, as [`Confirmation::NotRequested`]. The publish span ends with it,
/// failed with `error.type` `unroutable` or `nacked` if the broker returned or refused the message.
///
/// # Cancellation
///
/// If it is dropped, the span ends, and a returned message is kept for [`Channel::wait_for_confirms`].
///
/// # Examples
///
/// ```
/// # let broker = hopline_testing::amqp::Broker::start()?;
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # let connection = lapin::Connection::connect(&broker.url(), lapin::ConnectionProperties::default()).await?;
/// # use hopline_lapin::{ChannelExt, PublisherConfirm};
/// # use lapin::{BasicProperties, options::{BasicPublishOptions, ConfirmSelectOptions}};
/// # let channel = connection.create_channel().await?.traced();
/// # channel.confirm_select(ConfirmSelectOptions::default()).await?;
/// let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
/// let sent = channel.basic_publish("".into(), "no-such-queue".into(), options, b"7", BasicProperties::default());
/// let confirm: PublisherConfirm = sent.await?;
/// let returned = confirm.await?.take_message().expect("no queue takes it");
/// assert_eq!(returned.reply_text.as_str(), "NO_ROUTE");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PublisherConfirm(Option<State>);

#[derive(Debug)]
enum State {
    NotRequested,
    Waiting(Waiting),
}

#[derive(Debug)]
struct Waiting {
    guard: ConfirmGuard,
    waiter: Waiter<Waiters>,
    span: InFlight,
    /// The application gave no headers, so the returned message is to have none.
    without_headers: bool,
}

impl Channel {
    /// Publishes a message with lapin's arguments: ready when the frames are written, with a future of the broker's
    /// answer. [`publish`](Channel::publish) awaits both.
    ///
    /// A returned message is part of the confirm of its own publish; in lapin it may be part of another one.
    ///
    /// # Errors
    ///
    /// Returns an error if the channel failed, or the headers are too large or nested too deep.
    ///
    /// # Cancellation
    ///
    /// As [`Publish`](crate::Publish).
    ///
    /// # Examples
    ///
    /// ```
    /// # let broker = hopline_testing::amqp::Broker::start()?;
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # let connection = lapin::Connection::connect(&broker.url(), lapin::ConnectionProperties::default()).await?;
    /// # use hopline_lapin::ChannelExt;
    /// # use lapin::{BasicProperties, options::{BasicPublishOptions, ConfirmSelectOptions}};
    /// # let channel = connection.create_channel().await?.traced();
    /// # channel.confirm_select(ConfirmSelectOptions::default()).await?;
    /// let mut confirms = Vec::new();
    /// for order in ["7", "8", "9"] {
    ///     let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    ///     let sent = channel.basic_publish("".into(), "orders".into(), options, order.as_bytes(), properties);
    ///     confirms.push(sent.await?);
    /// }
    /// for confirm in confirms {
    ///     assert!(confirm.await?.is_ack());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(
        clippy::manual_async_fn,
        reason = "the future of an `async fn` keeps its arguments twice, and each move of it copies them"
    )]
    pub fn basic_publish(
        &self,
        exchange: ShortString,
        routing_key: ShortString,
        options: BasicPublishOptions,
        payload: &[u8],
        properties: BasicProperties,
    ) -> impl Future<Output = lapin::Result<PublisherConfirm>> + Send {
        async move {
            let without_headers = properties.headers().is_none();
            let message = Outgoing {
                exchange: &exchange,
                key: &routing_key,
                body: payload,
                properties: &properties,
                carry: &Carry::New,
            };
            let (span, added) = start(&self.settings, message);
            let properties = match added {
                Ok(added) => added.to(properties),
                Err(error) => return Ok(span.ended(Err(error), PublishError::error_type)?),
            };
            let written = if self.inner.status().confirm() {
                let guard =
                    self.returns
                        .publish(exchange, routing_key, options, payload, properties);
                let written = self.recovery.over(pin!(guard.written())).await;
                written.map(|written| written.map(|()| Some(guard)))
            } else {
                // pinned here: lapin's future is large, and each move copies it
                let publish = pin!(self.inner.basic_publish(
                    exchange,
                    routing_key,
                    options,
                    payload,
                    properties
                ));
                let written = self.recovery.over(publish).await;
                written.map(|written| written.map(|_| None))
            };
            let state = match written.and_then(|written| Ok(written?)) {
                Err(error) => return Ok(span.ended(Err(error), PublishError::error_type)?),
                Ok(None) => {
                    span.done();
                    State::NotRequested
                }
                Ok(Some(guard)) => State::Waiting(Waiting {
                    guard,
                    waiter: self.recovery.waiter(),
                    span,
                    without_headers,
                }),
            };
            Ok(PublisherConfirm(Some(state)))
        }
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
        let answer = match waiting.guard.poll_answer(cx) {
            Poll::Ready(answer) => answer,
            Poll::Pending => Err(ready!(waiting.waiter.poll_overdue(cx)).into()),
        };
        let Some(State::Waiting(Waiting {
            span,
            without_headers,
            ..
        })) = self.0.take()
        else {
            return Poll::Ready(answer);
        };
        span.done_with(match &answer {
            Ok(Confirmation::Ack(message)) => failure(&Answer::Ack, message.is_some()),
            Ok(Confirmation::Nack(message)) => failure(&Answer::Nack, message.is_some()),
            Ok(Confirmation::NotRequested) => None,
            Err(error) => Some(error_type(error)),
        });
        Poll::Ready(answer.map(|answer| {
            if without_headers {
                without_context(answer)
            } else {
                answer
            }
        }))
    }
}

/// Gives up the answer: the span ends with the outcome known so far. Does not block.
impl Drop for PublisherConfirm {
    fn drop(&mut self) {
        if let Some(State::Waiting(Waiting { guard, span, .. })) = self.0.take() {
            span.done_with(guard.peek(failure));
        }
    }
}

/// Returns the `error.type` of a message that no queue took.
fn failure(answer: &Answer, returned: bool) -> Option<String> {
    match answer {
        Answer::Ack | Answer::Nack if returned => Some("unroutable".to_owned()),
        Answer::Nack => Some("nacked".to_owned()),
        Answer::Ack | Answer::NotRequested => None,
        Answer::Failed(error) => Some(error_type(error)),
    }
}

/// Removes the headers that this crate added to a returned message.
fn without_context(mut answer: Confirmation) -> Confirmation {
    if let Confirmation::Ack(Some(message)) | Confirmation::Nack(Some(message)) = &mut answer {
        message.delivery.properties = republish::without_context(&message.delivery.properties);
    }
    answer
}
