//! The error of telemetry that cannot start.
//!
//! The builder makes it from a [`Problem`]; without [`Builder::strict`](crate::Builder::strict) most problems become
//! notices with the same text.

use hopline_core::InstallError;
use hopline_core::sampling::ParsePlanError;

/// The error of telemetry that cannot start.
///
/// `Display` and `Debug` print the problem, its cause and the remedy. It has no [`source`](std::error::Error::source), since
/// the text includes that of the cause: a chain of causes would print it twice.
///
/// # Examples
///
/// ```
/// let first = hopline::builder("orders").without_exporter().init()?;
/// let error = hopline::init("orders").unwrap_err();
/// assert!(error.is_already_installed());
/// assert!(error.to_string().starts_with("telemetry was started twice: "));
/// # drop(first);
/// # Ok::<(), hopline::InitError>(())
/// ```
#[derive(thiserror::Error)]
#[error(transparent)]
pub struct InitError(#[from] Problem);

// no source: each text includes that of its cause, and a chain of causes would print it twice
#[derive(thiserror::Error)]
pub(crate) enum Problem {
    /// A process has one installed tracer, for its whole life.
    #[error(
        "telemetry was started twice: keep what the first hopline::init returned, or use builder(…).build() and \
         give layers their tracer by .tracer(…)"
    )]
    Installed,
    /// A variable holds text that is no plan. Text in code has the parser's own error.
    #[error(
        "HOPLINE_SAMPLING is `{text}`, which is not a sampling plan: {cause}; correct it or unset it"
    )]
    Plan { text: String, cause: ParsePlanError },
    #[cfg(feature = "otlp")]
    #[error("spans cannot be exported: {0}")]
    Otlp(hopline_otlp::ConfigError),
    #[cfg(all(feature = "metrics", feature = "otlp"))]
    #[error("metrics cannot be exported: {0}")]
    OtlpMetrics(hopline_otlp::ConfigError),
    #[cfg(feature = "console")]
    #[error(
        "spans cannot be printed on the console: {0}; remove `console` from OTEL_TRACES_EXPORTER"
    )]
    Console(std::io::Error),
    #[cfg(all(feature = "otlp", not(feature = "console")))]
    #[error(
        "OTEL_TRACES_EXPORTER names the console, which this build cannot print spans on: enable the feature \
         `console` of hopline, or remove `console` from it"
    )]
    Console,
}

impl Problem {
    /// The kind of its notice, by which the hook and the rate limit distinguish notices.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Installed => "init",
            Self::Plan { .. } => "sampling",
            #[cfg(feature = "otlp")]
            Self::Otlp(_) => "otlp",
            #[cfg(all(feature = "metrics", feature = "otlp"))]
            Self::OtlpMetrics(_) => "otlp-metrics",
            #[cfg(feature = "console")]
            Self::Console(_) => "console",
            #[cfg(all(feature = "otlp", not(feature = "console")))]
            Self::Console => "console",
        }
    }
}

hopline_core::debug_as_display!(InitError, Problem);

impl InitError {
    /// True if a tracer is installed already: `init` was called twice.
    pub fn is_already_installed(&self) -> bool {
        matches!(self.0, Problem::Installed)
    }
}

impl From<InstallError> for InitError {
    fn from(_: InstallError) -> Self {
        Self(Problem::Installed)
    }
}
