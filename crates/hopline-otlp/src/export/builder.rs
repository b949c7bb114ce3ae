//! How an exporter is made.

use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderMap;

use super::Exporter;
use super::endpoint::{DEFAULT_BASE, base_endpoint, traces_endpoint};
#[cfg(feature = "grpc")]
use super::endpoint::{DEFAULT_GRPC, grpc_endpoint};
use super::problem::{ConfigError, Problem};
use super::settings::{Protocol, Settings, Trust, header};

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
/// assert_eq!(exporter.stats().given, 0);
///
/// let error = Exporter::builder().endpoint("127.0.0.1:4318").build().unwrap_err();
/// assert!(error.to_string().contains("not an absolute http or https URL"));
/// # Ok::<(), hopline_otlp::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct ExporterBuilder {
    base: Option<String>,
    traces: Option<String>,
    headers: Vec<(String, String)>,
    protocol: Protocol,
    gzip: bool,
    trust: Trust,
    timeout: Option<Duration>,
    queue: Option<usize>,
    queue_bytes: Option<usize>,
    slow: Option<Duration>,
    spans_at_once: Option<usize>,
    schedule_delay: Option<Duration>,
    give_up_after: Option<Duration>,
    #[cfg(feature = "spool")]
    spool: Option<super::spool::SpoolSettings>,
}

impl ExporterBuilder {
    pub(super) fn new() -> Self {
        Self {
            base: None,
            traces: None,
            headers: Vec::new(),
            protocol: Protocol::default(),
            gzip: false,
            trust: Trust::default(),
            timeout: None,
            queue: None,
            queue_bytes: None,
            slow: None,
            spans_at_once: None,
            schedule_delay: None,
            give_up_after: None,
            #[cfg(feature = "spool")]
            spool: None,
        }
    }

    /// The collector's base URL, to which `/v1/traces` is appended; `http://localhost:4318` by default.
    /// Over gRPC nothing is appended, and the default is `http://localhost:4317`.
    pub fn endpoint(mut self, base: impl Into<String>) -> Self {
        self.base = Some(base.into());
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
        self.protocol = protocol;
        self
    }

    /// Packs requests by gzip; they go unpacked by default.
    pub fn gzip(mut self) -> Self {
        self.gzip = true;
        self
    }

    /// The certificates to trust, in PEM, instead of the platform's.
    #[cfg(feature = "tls")]
    pub fn certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.trust.authorities = Some(pem.into());
        self
    }

    /// The client's certificate and its key, in PEM, for collectors that ask who comes.
    #[cfg(feature = "tls")]
    pub fn client_certificate(
        mut self,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.trust.client = Some((certificate.into(), key.into()));
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

    /// How many bytes may wait, those on their way included; 32 MiB by default. Counted is the memory of
    /// whole batches, of up to 512 spans or a large trace each.
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = Some(bytes);
        self
    }

    /// From which duration of its local root on a trace is slow: where the queue is full, it is dropped last,
    /// as traces that failed are, whether the plan sampled it or kept it for that. If not said, the limit of the
    /// plan's `keep slower`, also of one that was exchanged at run time, and 1 second, the limit of
    /// [`SamplingPlan::recommended`](hopline_core::SamplingPlan::recommended), where the plan has none. It has no
    /// effect on what is recorded.
    pub fn drop_slower_last(mut self, limit: Duration) -> Self {
        self.slow = Some(limit);
        self
    }

    /// How many spans go out in one request at the most; 512 by default.
    pub fn spans_at_once(mut self, spans: usize) -> Self {
        self.spans_at_once = Some(spans.max(1));
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

    /// Keeps spans in this folder while the collector takes none, `max_bytes` at the most.
    ///
    /// A request that does not arrive at once is written there, packed, and is sent when the collector
    /// answers again, by this process or by the next one that is given the folder. So the spans of an outage
    /// survive a restart, and those for which a shutdown has no time do; for a flush, what is on disk is out.
    /// Each is sent once, but for a
    /// process killed between the collector's answer and the removal of the file. When the folder is full,
    /// spans wait in memory as they would without it. It holds 65,536 requests at the most. A file that cannot be read is
    /// renamed to `….corrupt`; the last 8 of these stay. One process at a time can use a folder.
    ///
    /// The folder must be this account's own, and no other may be able to write to it: a missing one is made so. Where a
    /// platform shares its folder for data (`emptyDir`), name a new one below it. Links are not followed, and what is no
    /// request of this crate is left alone.
    #[cfg(feature = "spool")]
    pub fn spool(mut self, folder: impl Into<std::path::PathBuf>, max_bytes: u64) -> Self {
        self.spool = Some(super::spool::SpoolSettings::new(folder, max_bytes));
        self
    }

    /// Starts the export thread.
    ///
    /// # Errors
    ///
    /// Returns an error if the endpoint, a header, a certificate or the spool is unusable, or if no thread can be
    /// started; inside an async runtime as well as outside. Whether a collector listens at the endpoint does not
    /// matter here; see [`Exporter::check`].
    pub fn build(self) -> Result<Exporter, ConfigError> {
        let mut settings = Settings::for_endpoint(self.url()?);
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            let Some((name, value)) = header(&name, &value) else {
                return Err(Problem::Header { name }.into());
            };
            headers.append(name, value);
        }
        settings.add_headers(headers);
        settings.protocol = self.protocol;
        settings.gzip = self.gzip;
        settings.trust = self.trust;
        settings.timeout = self.timeout.unwrap_or(settings.timeout);
        settings.bounds.spans = self.queue.unwrap_or(settings.bounds.spans);
        settings.bounds.bytes = self.queue_bytes.unwrap_or(settings.bounds.bytes);
        settings.bounds.slow = self.slow;
        settings.spans_at_once = self.spans_at_once.unwrap_or(settings.spans_at_once);
        settings.schedule_delay = self.schedule_delay.unwrap_or(settings.schedule_delay);
        settings.give_up_after = self.give_up_after.unwrap_or(settings.give_up_after);
        #[cfg(feature = "spool")]
        {
            settings.spool = self.spool;
        }
        Exporter::spawn(settings)
    }

    fn url(&self) -> Result<reqwest::Url, ConfigError> {
        let said = self.traces.as_deref().or(self.base.as_deref());
        match self.protocol {
            #[cfg(feature = "grpc")]
            Protocol::Grpc => grpc_endpoint(said.unwrap_or(DEFAULT_GRPC), false),
            Protocol::HttpProtobuf | Protocol::HttpJson => match &self.traces {
                Some(url) => traces_endpoint(url),
                None => base_endpoint(said.unwrap_or(DEFAULT_BASE)),
            },
        }
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
            .field("gzip", &self.gzip)
            .field("timeout", &self.timeout)
            .field("queue", &self.queue)
            .field("schedule_delay", &self.schedule_delay)
            .field("give_up_after", &self.give_up_after)
            .finish_non_exhaustive()
    }
}
