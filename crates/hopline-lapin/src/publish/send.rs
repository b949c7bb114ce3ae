//! The publish that awaits the broker's answer, through recoveries if wanted.

use std::pin::pin;

use lapin::{BasicProperties, Confirmation};

use super::message::{Message, start};
use crate::channel::Channel;
use crate::error::PublishError;

/// Most publishes of one message after a lost connection: the message may be the reason why the broker closes it.
const MAX_RESENDS: u32 = 16;

/// Publishes a message and awaits the broker's answer; the span lasts for all of it.
///
/// With `resend`, a message whose connection is lost is published again after the recovery, so it may arrive twice.
///
/// # Errors
///
/// Returns an error if the broker refuses or returns the message, or if the connection is lost and not recovered
/// within the limit.
///
/// # Cancellation
///
/// The span is marked cancelled. The broker may have the message nevertheless.
pub(crate) async fn publish(
    channel: &Channel,
    mut message: Message<'_>,
    resend: bool,
) -> Result<Confirmation, PublishError> {
    let (in_flight, added) = start(&channel.settings, message.outgoing());
    match added {
        Ok(added) => message.properties = added.to(message.properties),
        Err(error) => return in_flight.ended(Err(error), PublishError::error_type),
    }
    let mut resent = 0_u32;
    let result = loop {
        // a message that is published once needs no copy
        let copy = (resend && resent < MAX_RESENDS).then(|| message.copy());
        let answer = pin!(answer(channel, message));
        let answered = channel.recovery.over(answer).await;
        let error = match answered.and_then(|answer| answer) {
            Err(PublishError::Lapin(error)) => error,
            other => break other,
        };
        let Some(copy) = copy else {
            break Err(error.into());
        };
        message = copy;
        if let Err(error) = channel.recovery.wait(&channel.inner, error).await {
            break Err(error);
        }
        resent += 1;
        let span = in_flight.context();
        span.set("hopline.messaging.resend_count", resent);
    };
    in_flight.ended(result, PublishError::error_type)
}

/// Publishes once. A returned message is an error, with its body.
///
/// Without publisher confirms, it returns as soon as lapin has sent the message, and a return by the broker is not
/// noticed.
async fn answer(channel: &Channel, message: Message<'_>) -> Result<Confirmation, PublishError> {
    let Message {
        exchange,
        key,
        body,
        options,
        properties,
        ..
    } = message;
    let confirmation = if channel.inner.status().confirm() {
        let guard = channel
            .returns
            .publish(exchange, key, options, body, properties);
        guard.written().await?;
        guard.answer().await?
    } else {
        let publish = channel
            .inner
            .basic_publish(exchange, key, options, body, properties);
        publish.await?;
        Confirmation::NotRequested
    };
    match confirmation {
        Confirmation::Ack(Some(message)) | Confirmation::Nack(Some(message)) => {
            Err(PublishError::Unroutable {
                code: message.reply_code,
                text: message.reply_text.to_string(),
                body: message.delivery.data,
            })
        }
        Confirmation::Nack(None) => Err(PublishError::Nacked),
        other => Ok(other),
    }
}

impl Message<'_> {
    /// Copies the properties and names; the body is borrowed.
    fn copy(&self) -> Self {
        Self {
            exchange: self.exchange.clone(),
            key: self.key.clone(),
            body: self.body,
            options: self.options,
            properties: BasicProperties::clone(&self.properties),
            carry: self.carry.clone(),
        }
    }
}
