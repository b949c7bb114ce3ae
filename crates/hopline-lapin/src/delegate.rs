//! Messages that lapin hands to a function.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use hopline_core::{Context, FutureExt};
use lapin::ConsumerDelegate;
use lapin::message::DeliveryResult;

use crate::delivery::Delivery;
use crate::span::settings::Settings;

/// A delegate in the process span of each message.
pub(crate) struct Delegate<D> {
    pub(crate) inner: D,
    pub(crate) queue: Arc<str>,
    pub(crate) no_ack: bool,
    pub(crate) settings: Arc<Settings>,
}

impl<D: ConsumerDelegate> ConsumerDelegate for Delegate<D> {
    fn on_new_delivery(
        &self,
        delivery: DeliveryResult,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let delivery = match delivery {
            Ok(Some(delivery)) => Delivery::new(delivery, &self.queue, self.no_ack, &self.settings),
            other => return self.inner.on_new_delivery(other),
        };
        let span = delivery.process_span();
        let context = span.context();
        // also what the delegate does before its future is polled
        let work = context.scope(|| self.inner.on_new_delivery(Ok(Some(delivery.into()))));
        let panicked = Panicked(span.context_ref().clone());
        let work = async move {
            let _panicked = panicked;
            work.await;
        };
        Box::pin(work.in_span(span))
    }

    fn drop_prefetched_messages(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.inner.drop_prefetched_messages()
    }
}

/// Marks the span where the delegate panics: lapin's task ends by it, and the message stays unsettled.
struct Panicked(Context);

impl Drop for Panicked {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("panic");
        }
    }
}
