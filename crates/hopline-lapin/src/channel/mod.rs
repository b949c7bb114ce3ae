//! The traced channel: its settings, and the methods of lapin's channel that it forwards.
//!
//! Publishing, consuming and requests add their own methods to [`Channel`]: each in its folder, since they import the
//! channel and it imports none of them.

mod forward;

use std::sync::Arc;
use std::time::Duration;

use hopline_core::{
    Tracer, Trust,
    semconv::{OlderNames, SpanNames},
};

use crate::recovery::Recovery;
use crate::returns::Returns;
use crate::span::Settings;

/// Adds [`traced`](ChannelExt::traced), which has an example, to [`lapin::Channel`].
pub trait ChannelExt {
    /// Returns a traced handle to this channel: each publish and each delivery has a span.
    ///
    /// Call it once for a channel, and clone the result: clones share the matching of returned messages, two traced
    /// handles of one channel do not.
    ///
    /// # Examples
    ///
    /// ```
    /// # let broker = hopline_testing::amqp::Broker::start()?;
    /// # let url = broker.url();
    /// use hopline_lapin::ChannelExt;
    /// use lapin::{Connection, ConnectionProperties};
    ///
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    /// let channel = connection.create_channel().await?.traced();
    /// assert!(channel.status().connected());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn traced(&self) -> Channel;
}

impl ChannelExt for lapin::Channel {
    fn traced(&self) -> Channel {
        Channel {
            inner: self.clone(),
            settings: Arc::new(Settings::from_env()),
            returns: Returns::new(self.clone()),
            recovery: Recovery::new(self),
        }
    }
}

/// A channel with a span for each publish and each delivery. Made by [`ChannelExt::traced`].
///
/// It has the methods of [`lapin::Channel`], with the same arguments. Methods that return `Self` configure this handle
/// and its later clones.
///
/// Cloning it gives another handle to the same channel.
///
/// # Examples
///
/// ```
/// # let broker = hopline_testing::amqp::Broker::start()?;
/// # let url = broker.url();
/// use hopline_lapin::ChannelExt;
/// use lapin::options::{ConfirmSelectOptions, QueueDeclareOptions};
/// use lapin::types::FieldTable;
/// use lapin::{Connection, ConnectionProperties};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
/// let channel = connection.create_channel().await?.traced().body_sizes();
/// channel.confirm_select(ConfirmSelectOptions::default()).await?;
/// let queue = channel.queue_declare("orders".into(), QueueDeclareOptions::default(), FieldTable::default());
/// assert_eq!(queue.await?.message_count(), 0);
/// assert!(channel.publish("", "orders", b"7").mandatory().await?.is_ack());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Channel {
    pub(crate) inner: lapin::Channel,
    pub(crate) settings: Arc<Settings>,
    pub(crate) returns: Returns,
    pub(crate) recovery: Recovery,
}

impl Channel {
    /// Records spans with this tracer.
    ///
    /// Publish spans default to the tracer of the current context, process spans to the installed one.
    #[must_use]
    pub fn tracer(self, tracer: Tracer) -> Self {
        self.with(|settings| settings.tracer = Some(tracer))
    }

    /// Sets the names of spans. Defaults to [`SpanNames::from_env`].
    #[must_use]
    pub fn span_names(self, names: SpanNames) -> Self {
        self.with(|settings| settings.names = names)
    }

    /// Records attributes under older names too. Defaults to [`OlderNames::from_env`].
    #[must_use]
    pub fn older_names(self, names: OlderNames) -> Self {
        self.with(|settings| settings.older_names = names)
    }

    /// Sets the use of the trace context of delivered messages. Defaults to [`Trust::Continue`]: a message is processed
    /// in the trace that published it, with its baggage.
    ///
    /// Set another one for a channel that delivers messages of strangers, such as other tenants: otherwise their
    /// contexts decide what is recorded, join traces of others, and their baggage is sent on. Publishes of the channel
    /// are not affected. A [`Consumer`](crate::Consumer::trust) can differ from its channel.
    #[must_use]
    pub fn trust(self, trust: Trust) -> Self {
        self.with(|settings| settings.trust = trust)
    }

    /// Processes each delivered message in a trace of its own, which links to its publish span: [`trust`](Self::trust)
    /// with [`Trust::Link`]. Does not read baggage.
    #[must_use]
    pub fn link_only(self) -> Self {
        self.trust(Trust::Link)
    }

    /// Processes dead letters in traces of their own, which link to their publish spans: they may come long after the
    /// rest of their trace. Trusted baggage is still read.
    #[must_use]
    pub fn link_dead_letters(self) -> Self {
        self.with(|settings| settings.link_dead_letters = true)
    }

    /// Records the size of each message's body in bytes, as `messaging.message.body.size`.
    #[must_use]
    pub fn body_sizes(self) -> Self {
        self.with(|settings| settings.body_sizes = true)
    }

    /// Sets the property `timestamp` of published messages that have none, so that consumers can record
    /// `hopline.messaging.queue_time_ms`.
    #[must_use]
    pub fn timestamps(self) -> Self {
        self.with(|settings| settings.timestamps = true)
    }

    /// Records the broker's address, as `server.address` and `server.port`: a channel does not know it.
    #[must_use]
    pub fn server(self, address: &str, port: u16) -> Self {
        self.with(|settings| settings.server = Some((address.to_owned(), port)))
    }

    /// Limits the wait for the recovery of a lost connection. Defaults to 120 seconds.
    ///
    /// After it a publish fails with [`PublishError::NotRecovered`](crate::PublishError::NotRecovered), a
    /// [runner](crate::Consumer::run) with lapin's error, and [`Requests`](crate::Requests) are closed. A
    /// [`Consumer`](crate::Consumer) as a stream has no limit. Without a tokio runtime there is no limit for publishes
    /// either.
    ///
    /// Open a new connection then: lapin may be stuck. If lapin recovers the old one later, its consumers are back too,
    /// until it is closed. Keep the channel until then: lapin deadlocks if an abandoned call holds the last handle.
    #[must_use]
    pub fn recovery_limit(mut self, limit: Duration) -> Self {
        self.recovery.set_limit(limit);
        self
    }

    /// Returns lapin's own channel, which is not traced.
    pub fn raw(&self) -> &lapin::Channel {
        &self.inner
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

/// Equal if they are the same channel of the same connection, as in lapin.
impl PartialEq for Channel {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}
