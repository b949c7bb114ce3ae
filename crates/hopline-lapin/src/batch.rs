//! Messages that are handled together.

use std::sync::Arc;

use futures_util::future::join_all;
use hopline_core::{Incoming, Kind, Span, SpanContext, Trust};

use crate::delivery::Delivery;
use crate::outcome::Outcome;
use crate::span::destination::Operation;
use crate::span::settings::Settings;
use crate::span::subject::Subject;

/// Messages that are handled together, never none. See [`Consumer::batches`](crate::Consumer::batches).
#[derive(Clone, Debug)]
pub struct Batch {
    deliveries: Arc<[Delivery]>,
    settings: Arc<Settings>,
}

impl Batch {
    pub(crate) fn new(deliveries: Vec<Delivery>, settings: Arc<Settings>) -> Self {
        Self {
            deliveries: deliveries.into(),
            settings,
        }
    }

    /// The messages, in the order of their arrival.
    pub fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// Starts the span in which they are handled; the [runner](crate::Consumer::run_batches) does so by itself.
    ///
    /// It begins a trace of its own and links to the span in which each was published, for the first 128 of them
    /// as [`Limits`](hopline_core::Limits) has it. Baggage is each message's own, so none of it is current.
    pub fn process_span(&self) -> Span {
        let publishers = self.deliveries.iter().filter_map(Delivery::publisher);
        let links: Vec<SpanContext> = publishers.cloned().collect();
        let first = self.deliveries.first();
        if self.settings.trust == Trust::Ignore {
            return Span::unrecorded(Incoming::default());
        }
        let same = |name: fn(&Delivery) -> &str| {
            let value = first.map_or("", name);
            let all = self.deliveries.iter().all(|one| name(one) == value);
            if all { value } else { "" }
        };
        let subject = Subject {
            operation: Operation::ProcessBatch,
            exchange: same(|one| one.exchange.as_str()),
            key: same(|one| one.routing_key.as_str()),
            queue: first.map(Delivery::queue),
            links: &links,
        };
        let span = subject.start_root(Kind::Consumer, &self.settings, Incoming::default());
        span.set("messaging.batch.message_count", self.deliveries.len());
        let again = self.deliveries.iter().any(Delivery::came_before);
        span.set("hopline.messaging.redelivered", again.then_some(true));
        span
    }

    /// Settles all that is not settled yet. False if the channel is gone, so that they come again.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn settle(&self, outcome: Outcome) -> lapin::Result<bool> {
        let open = self.deliveries.iter().filter(|one| !one.inner.is_settled());
        let mut all = true;
        // one by one: `multiple` would settle what others handle on the same channel
        for settled in join_all(open.map(|one| one.settle(outcome))).await {
            all &= settled?;
        }
        Ok(all)
    }
}
