//! The channel.

use std::sync::Arc;
use std::time::Duration;

use hopline_core::{Kind, OlderNames, SpanNames, Tracer, Trust};
use lapin::options::{BasicConsumeOptions, BasicGetOptions};
use lapin::types::{FieldTable, ShortString};

use crate::confirms::Confirms;
use crate::consumer::Consumer;
use crate::delivery::Delivery;
use crate::error::error_type;
use crate::get::BasicGetMessage;
use crate::publish::Publish;
use crate::span::destination::Operation;
use crate::span::settings::Settings;
use crate::span::subject::{InFlight, Subject};
use crate::watch::Watch;

/// Adds `.traced()` to channels.
pub trait ChannelExt {
    /// The same channel, with a span for every message.
    ///
    /// Trace a channel once and clone the traced one: which mandatory messages came back is known to it and its
    /// clones together.
    fn traced(&self) -> Channel;
}

impl ChannelExt for lapin::Channel {
    fn traced(&self) -> Channel {
        Channel {
            inner: self.clone(),
            settings: Arc::new(Settings::from_env()),
            confirms: Confirms::new(self.clone()),
            watch: Watch::default(),
        }
    }
}

/// A channel whose publishes and deliveries are spans. See the [crate](crate).
///
/// Cloning it gives another handle to the same channel.
#[derive(Clone, Debug)]
pub struct Channel {
    pub(crate) inner: lapin::Channel,
    pub(crate) settings: Arc<Settings>,
    pub(crate) confirms: Confirms,
    pub(crate) watch: Watch,
}

impl Channel {
    /// Records with this tracer: publishes instead of the current context's, deliveries instead of the installed one.
    #[must_use]
    pub fn tracer(self, tracer: Tracer) -> Self {
        self.with(|settings| settings.tracer = Some(tracer))
    }

    /// How spans are named; what the environment says, if not said.
    #[must_use]
    pub fn span_names(self, names: SpanNames) -> Self {
        self.with(|settings| settings.names = names)
    }

    /// Whether older attribute names stand beside the current ones; what the environment says, if not said.
    #[must_use]
    pub fn older_names(self, names: OlderNames) -> Self {
        self.with(|settings| settings.older_names = names)
    }

    /// Sets the use of the trace context of messages. Defaults to [`Trust::Continue`]: a message is processed in
    /// the trace that published it, with its baggage.
    ///
    /// A channel that takes messages of strangers, such as other tenants, should not: their contexts decide what is
    /// recorded, join traces that are not theirs, and their baggage travels on. What is published on the channel is
    /// not concerned. A [`Consumer`](Consumer::trust) can differ from its channel.
    #[must_use]
    pub fn trust(self, trust: Trust) -> Self {
        self.with(|settings| settings.trust = trust)
    }

    /// Short for [`trust`](Channel::trust) with [`Trust::Link`]: each message is processed in a trace of its own, which
    /// links to its publish span. Its baggage is not read.
    #[must_use]
    pub fn link_only(self) -> Self {
        self.trust(Trust::Link)
    }

    /// Processes dead letters, which may come long after the rest of their trace, in traces of their own, which link to
    /// their publish spans. Baggage that is trusted still travels.
    #[must_use]
    pub fn link_dead_letters(self) -> Self {
        self.with(|settings| settings.link_dead_letters = true)
    }

    /// Records the bytes of each message's body, as `messaging.message.body.size`.
    #[must_use]
    pub fn body_sizes(self) -> Self {
        self.with(|settings| settings.body_sizes = true)
    }

    /// Writes the time of publishing into messages that have none, so that consumers know how long each waited.
    #[must_use]
    pub fn timestamps(self) -> Self {
        self.with(|settings| settings.timestamps = true)
    }

    /// Records where the broker is, as `server.address` and `server.port`; a channel cannot tell.
    #[must_use]
    pub fn server(self, address: &str, port: u16) -> Self {
        self.with(|settings| settings.server = Some((address.to_owned(), port)))
    }

    /// How long a lost connection may take to be recovered; two minutes if not said.
    ///
    /// Who waits for it longer fails: a publish by [`PublishError::NotRecovered`](crate::PublishError::NotRecovered), a [runner](Consumer::run) by lapin's
    /// error, [`Requests`](crate::Requests) by being closed; a [`Consumer`] as a stream waits on. Without a tokio runtime
    /// publishes wait as long as lapin's own.
    ///
    /// What follows is to open a new connection: lapin may still be trying, or be stuck. Should it bring the old one
    /// back, its consumers are back too, until it is closed. Keep the channel until then: lapin locks itself out where a
    /// call that nobody waits for any more holds the last handle.
    #[must_use]
    pub fn recovery_limit(self, limit: Duration) -> Self {
        self.with(|settings| settings.recovery_limit = limit)
    }

    /// lapin's own channel, by which nothing is traced.
    pub fn raw(&self) -> &lapin::Channel {
        &self.inner
    }

    /// Publishes a message, until the broker has it: `channel.publish("", "orders", b"7").mandatory().await?`.
    pub fn publish<'a>(&'a self, exchange: &'a str, key: &'a str, body: &'a [u8]) -> Publish<'a> {
        Publish::new(self, exchange, key, body)
    }

    /// Starts to consume a queue. Set [`basic_qos`](Channel::basic_qos) first, or all of it comes at once.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    pub async fn basic_consume(
        &self,
        queue: ShortString,
        tag: ShortString,
        options: BasicConsumeOptions,
        arguments: FieldTable,
    ) -> lapin::Result<Consumer> {
        let inner = self
            .inner
            .basic_consume(queue.clone(), tag, options, arguments)
            .await?;
        Ok(Consumer::new(inner, self.clone(), &queue, options.no_ack))
    }

    /// Fetches one message, if there is one, and how many are left.
    ///
    /// # Errors
    ///
    /// As lapin's own.
    ///
    /// # Cancellation
    ///
    /// If it is dropped, a message may have been fetched: it comes back when the channel closes.
    pub async fn basic_get(
        &self,
        queue: ShortString,
        options: BasicGetOptions,
    ) -> lapin::Result<Option<BasicGetMessage>> {
        let subject = Subject {
            operation: Operation::Receive,
            exchange: "",
            key: "",
            queue: Some(queue.as_str()),
            links: &[],
        };
        let receive = InFlight::new(subject.start(Kind::Client, &self.settings));
        let got = self.inner.basic_get(queue.clone(), options).await;
        let got = got.map(|message| {
            let lapin::message::BasicGetMessage {
                delivery,
                message_count,
            } = message?;
            let queue = queue.as_str().into();
            let delivery = Delivery::new(delivery, &queue, options.no_ack, &self.settings);
            delivery.describe_receive(&receive.context());
            Some(BasicGetMessage {
                delivery,
                message_count,
            })
        });
        receive.ended(got, error_type)
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

/// The same channel of the same connection, as lapin compares them.
impl PartialEq for Channel {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}
