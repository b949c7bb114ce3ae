//! lapin's consumer delegates, with a process span around each call.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use hopline_core::FutureExt;
use lapin::ConsumerDelegate;
use lapin::message::DeliveryResult;

use super::delivery::Delivery;
use crate::span::{Measured, Settings};

/// The application's delegate, called in the process span of each message.
pub(super) struct Delegate<D> {
    /// The application's delegate.
    pub(super) inner: D,
    /// Name of the consumer's queue, for the span's destination.
    pub(super) queue: Arc<str>,
    /// The consumer has no acknowledgements.
    pub(super) no_ack: bool,
    /// Settings of the channel.
    pub(super) settings: Arc<Settings>,
}

/// Runs the delegate's future in the context of the process span. The end of the stream and errors are passed on
/// without a span.
impl<D: ConsumerDelegate> ConsumerDelegate for Delegate<D> {
    fn on_new_delivery(
        &self,
        delivery: DeliveryResult,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let delivery = match delivery {
            Ok(Some(delivery)) => Delivery::new(delivery, &self.queue, self.no_ack, &self.settings),
            other => return self.inner.on_new_delivery(other),
        };
        delivery.count_consumed();
        let measured = delivery.measured_span();
        let context = measured.span.context();
        // the call itself too, before its future is polled
        let work = context.scope(|| self.inner.on_new_delivery(Ok(Some(delivery.into()))));
        let open = OpenSpan(Some(measured));
        let work = async move {
            let _open = open;
            work.await;
        };
        Box::pin(work.in_context(context))
    }

    fn drop_prefetched_messages(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.inner.drop_prefetched_messages()
    }
}

/// Ends the span with the delegate. It is failed if the delegate panics: lapin's task ends, and the message stays
/// unsettled. Does not block.
struct OpenSpan(Option<Measured>);

impl Drop for OpenSpan {
    fn drop(&mut self) {
        if let Some(mut measured) = self.0.take() {
            if std::thread::panicking() {
                measured.fail("panic");
            }
            measured.end();
        }
    }
}
