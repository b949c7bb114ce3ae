//! The consumer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::StreamExt;
use lapin::types::ShortString;

use crate::delivery::Delivery;
use crate::settings::Settings;

/// The messages of a queue, as a stream or for a [handler](Consumer::run).
///
/// As a stream it cannot know when a message was handled: start [`Delivery::process_span`] and settle it there.
/// It ends when the queue or the consumer is gone; an error of the channel comes before its end.
#[derive(Debug)]
pub struct Consumer {
    inner: lapin::Consumer,
    pub(crate) channel: lapin::Channel,
    queue: ShortString,
    pub(crate) no_ack: bool,
    settings: Arc<Settings>,
}

impl Consumer {
    pub(crate) fn new(
        inner: lapin::Consumer,
        channel: lapin::Channel,
        queue: ShortString,
        no_ack: bool,
        settings: Arc<Settings>,
    ) -> Self {
        Self {
            inner,
            channel,
            queue,
            no_ack,
            settings,
        }
    }

    /// The tag by which the broker knows it.
    pub fn tag(&self) -> ShortString {
        self.inner.tag()
    }
}

impl Stream for Consumer {
    type Item = lapin::Result<Delivery>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = self.inner.poll_next_unpin(cx);
        item.map(|item| {
            item.map(|result| {
                result.map(|delivery| Delivery::new(delivery, &self.queue, &self.settings))
            })
        })
    }
}
