//! How an exporter is made.

use std::fmt;
use std::time::Duration;

use super::Exporter;
use super::settings::{
    ConfigError, DEFAULT_BASE, Problem, Protocol, Settings, base_endpoint, header, traces_endpoint,
};

/// Makes an [`Exporter`]; each setting stands for itself, the environment is not read.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use hopline_otlp::Exporter;
///
/// let exporter = Exporter::builder()
///     .endpoint("http://127.0.0.1:4318")
///     .headers([("api-key", "secret")])
///     .timeout(Duration::from_secs(3))
///     .build()?;
/// assert_eq!(exporter.stats().accepted, 0);
///
/// let error = Exporter::builder().endpoint("127.0.0.1:4318").build().unwrap_err();
/// assert!(error.to_string().contains("not an absolute http or https URL"));
/// # Ok::<(), hopline_otlp::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct ExporterBuilder {
    base: String,
    traces: Option<String>,
    headers: Vec<(String, String)>,
    protocol: Option<Protocol>,
    timeout: Option<Duration>,
    queue: Option<usize>,
    schedule_delay: Option<Duration>,
    give_up_after: Option<Duration>,
}

impl ExporterBuilder {
    pub(super) fn new() -> Self {
        Self {
            base: DEFAULT_BASE.to_owned(),
            traces: None,
            headers: Vec::new(),
            protocol: None,
            timeout: None,
            queue: None,
            schedule_delay: None,
            give_up_after: None,
        }
    }

    /// The collector's base URL, to which `/v1/traces` is appended; `http://localhost:4318` by default.
    pub fn endpoint(mut self, base: impl Into<String>) -> Self {
        self.base = base.into();
        self
    }

    /// The URL for traces as it stands, instead of one under [`endpoint`](Self::endpoint).
    pub fn traces_endpoint(mut self, url: impl Into<String>) -> Self {
        self.traces = Some(url.into());
        self
    }

    /// Headers for each request, beside those given before. Their values are never printed.
    pub fn headers<N: Into<String>, V: Into<String>>(
        mut self,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.headers.extend(
            headers
                .into_iter()
                .map(|(name, value)| (name.into(), value.into())),
        );
        self
    }

    /// How spans are written on the wire; [`Protocol::HttpProtobuf`] by default.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// How long one attempt may take, from the connection to the end of the answer; 10 seconds by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many spans may wait, those on their way included; 2048 by default. A single batch is taken
    /// even if it is larger.
    pub fn queue(mut self, spans: usize) -> Self {
        self.queue = Some(spans);
        self
    }

    /// How long spans gather before they are sent, where fewer than 512 wait; 5 seconds by default.
    pub fn schedule_delay(mut self, delay: Duration) -> Self {
        self.schedule_delay = Some(delay);
        self
    }

    /// How long a request is retried before its spans are given up; 5 minutes by default.
    pub fn give_up_after(mut self, limit: Duration) -> Self {
        self.give_up_after = Some(limit);
        self
    }

    /// Starts the export thread.
    ///
    /// # Errors
    ///
    /// If the endpoint or a header is unusable, or no thread can be started. Whether somebody listens
    /// at the endpoint does not matter here.
    pub fn build(self) -> Result<Exporter, ConfigError> {
        let endpoint = match &self.traces {
            Some(url) => traces_endpoint(url)?,
            None => base_endpoint(&self.base)?,
        };
        let mut settings = Settings::for_endpoint(endpoint);
        for (name, value) in self.headers {
            let Some((name, value)) = header(&name, &value) else {
                return Err(Problem::Header(name).into());
            };
            settings.headers.append(name, value);
        }
        settings.protocol = self.protocol.unwrap_or(settings.protocol);
        settings.timeout = self.timeout.unwrap_or(settings.timeout);
        settings.max_queue_spans = self.queue.unwrap_or(settings.max_queue_spans);
        settings.schedule_delay = self.schedule_delay.unwrap_or(settings.schedule_delay);
        settings.give_up_after = self.give_up_after.unwrap_or(settings.give_up_after);
        Exporter::spawn(settings)
    }
}

/// Prints neither header values nor URLs, which may hold credentials.
impl fmt::Debug for ExporterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExporterBuilder")
            .field(
                "headers",
                &self
                    .headers
                    .iter()
                    .map(|(name, _)| name)
                    .collect::<Vec<_>>(),
            )
            .field("protocol", &self.protocol)
            .field("timeout", &self.timeout)
            .field("queue", &self.queue)
            .field("schedule_delay", &self.schedule_delay)
            .field("give_up_after", &self.give_up_after)
            .finish_non_exhaustive()
    }
}
