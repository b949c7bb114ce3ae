//! The builder of an exporter, for settings in code.
//!
//! The application calls it; `variables.rs` is its counterpart for the environment. Both end in `Exporter::spawn`.

use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderMap;

use super::endpoint::{DEFAULT_BASE, base_endpoint, complete_endpoint};
#[cfg(feature = "grpc")]
use super::endpoint::{DEFAULT_GRPC, grpc_endpoint};
use super::exporter::Exporter;
use super::metrics::{MetricsExporter, Times};
use super::problem::{ConfigError, Problem};
use super::settings::{Protocol, Settings, header};
use super::signal::Signal;
use super::tls::TlsMaterial;

/// A builder of an [`Exporter`]. It reads no variables.
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
    tls: TlsMaterial,
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

impl Exporter {
    /// Starts a builder of an exporter. It reads no variables.
    pub fn builder() -> ExporterBuilder {
        ExporterBuilder::new()
    }
}

impl ExporterBuilder {
    fn new() -> Self {
        Self {
            base: None,
            traces: None,
            headers: Vec::new(),
            protocol: Protocol::default(),
            gzip: false,
            tls: TlsMaterial::default(),
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

    /// Sets the collector's base URL, to which `/v1/traces` is appended. Defaults to `http://localhost:4318`.
    /// Over gRPC nothing is appended, and the default is `http://localhost:4317`.
    pub fn endpoint(mut self, base: impl Into<String>) -> Self {
        self.base = Some(base.into());
        self
    }

    /// Sets the complete URL for traces, to which nothing is appended. Wins over [`endpoint`](Self::endpoint).
    pub fn traces_endpoint(mut self, url: impl Into<String>) -> Self {
        self.traces = Some(url.into());
        self
    }

    /// Adds headers to each request. Their values are never printed.
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

    /// Sets the encoding and transport. Defaults to [`Protocol::HttpProtobuf`].
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Compresses requests with gzip. Defaults to no compression.
    pub fn gzip(mut self) -> Self {
        self.gzip = true;
        self
    }

    /// Trusts these certificates, in PEM, in place of the platform's.
    #[cfg(feature = "tls")]
    pub fn certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.authorities = Some(pem.into());
        self
    }

    /// Sets the client's certificate and its key, in PEM, for collectors that require mutual TLS.
    #[cfg(feature = "tls")]
    pub fn client_certificate(
        mut self,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.tls.client = Some((certificate.into(), key.into()));
        self
    }

    /// Sets the time limit of one attempt, from the connection to the end of the response. Defaults to 10 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the number of spans that may wait, including those in the current request. Defaults to 2048. An empty queue
    /// accepts one batch of any size.
    pub fn queue(mut self, spans: usize) -> Self {
        self.queue = Some(spans);
        self
    }

    /// Sets the bytes that may wait, including those of the current request. Defaults to 32 MiB. The memory of whole
    /// batches counts; a batch has up to 512 spans, or one large trace.
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = Some(bytes);
        self
    }

    /// Sets the duration of a local root from which its trace counts as slow. If the queue is full, slow traces are dropped
    /// last, like failed ones, whether they were sampled or kept by a keep rule.
    ///
    /// Defaults to the limit of the plan's `keep slower`, also of a plan that was replaced at run time; to 1 second, the
    /// limit of [`SamplingPlan::recommended`](hopline_core::SamplingPlan::recommended), if the plan has none. It does not
    /// change what is recorded.
    pub fn drop_slower_last(mut self, limit: Duration) -> Self {
        self.slow = Some(limit);
        self
    }

    /// Sets the largest number of spans in one request. Defaults to 512.
    pub fn spans_at_once(mut self, spans: usize) -> Self {
        self.spans_at_once = Some(spans.max(1));
        self
    }

    /// Sets the time for which spans are collected before they are sent, if they do not fill a request. Defaults to
    /// 5 seconds.
    pub fn schedule_delay(mut self, delay: Duration) -> Self {
        self.schedule_delay = Some(delay);
        self
    }

    /// Sets the time for which a request is retried before its spans are abandoned. Defaults to 5 minutes.
    pub fn give_up_after(mut self, limit: Duration) -> Self {
        self.give_up_after = Some(limit);
        self
    }

    /// Keeps spans in this folder while the collector is away, up to `max_bytes`.
    ///
    /// A request that does not arrive at the first attempt is written there, compressed, and sent once the collector
    /// responds again, by this process or by the next one with the same folder. So the spans of an outage survive a
    /// restart, and so do those that a shutdown has no time for. A flush counts spans on disk as written. Each request is
    /// sent once, except if the process is killed between the collector's response and the removal of the file.
    ///
    /// If the folder is full, spans wait in memory as they would without it. It holds up to 65,536 requests. A file that
    /// cannot be read is renamed to `….corrupt`; the last 8 of these are kept. One process at a time can use a folder.
    ///
    /// The folder must belong to this account, and no other may be able to write to it; a missing one is created so. If
    /// a platform shares its data folder (`emptyDir`), name a new one below it. Links are not followed, and files that are
    /// not requests of this crate are not touched.
    #[cfg(feature = "spool")]
    pub fn spool(mut self, folder: impl Into<std::path::PathBuf>, max_bytes: u64) -> Self {
        self.spool = Some(super::spool::SpoolSettings::new(folder, max_bytes));
        self
    }

    /// Starts the export thread. Works inside and outside of an async runtime.
    ///
    /// # Errors
    ///
    /// Returns an error if the endpoint, a header, a certificate or the spool is unusable, or if no thread can be
    /// started. It makes no connection: a collector that is away is no error; see [`Exporter::check`].
    pub fn build(self) -> Result<Exporter, ConfigError> {
        Exporter::spawn(self.settings(Signal::Traces)?)
    }

    /// Starts an exporter of metrics to the same collector, at `/v1/metrics` below its base URL: the body that `request`
    /// returns, each `interval` and at the end.
    ///
    /// Headers, protocol, compression, certificates and time limit apply; settings of spans and their complete URL do not.
    /// See [`MetricsExporter`] for `request`.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn metrics(
        self,
        interval: Duration,
        request: impl FnMut(Option<Vec<u8>>) -> Vec<u8> + Send + 'static,
    ) -> Result<MetricsExporter, ConfigError> {
        MetricsExporter::spawn(
            self.settings(Signal::Metrics)?,
            Times::every(interval),
            Box::new(request),
        )
    }

    fn settings(self, signal: Signal) -> Result<Settings, ConfigError> {
        let mut settings = Settings::for_endpoint(self.url(signal)?);
        settings.signal = signal;
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
        settings.tls = self.tls;
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
        Ok(settings)
    }

    /// The endpoint, from the complete URL, else from the base, else the protocol's default.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not a usable URL.
    fn url(&self, signal: Signal) -> Result<reqwest::Url, ConfigError> {
        let traces = self.traces.as_ref().filter(|_| signal == Signal::Traces);
        let given = traces.map(String::as_str).or(self.base.as_deref());
        match self.protocol {
            #[cfg(feature = "grpc")]
            Protocol::Grpc => grpc_endpoint(given.unwrap_or(DEFAULT_GRPC), false),
            Protocol::HttpProtobuf | Protocol::HttpJson => match traces {
                Some(url) => complete_endpoint(url),
                None => base_endpoint(given.unwrap_or(DEFAULT_BASE), signal),
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
