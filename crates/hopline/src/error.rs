//! The reasons for which telemetry cannot start.

use hopline_core::AlreadyInstalled;
use hopline_core::sampling::ParsePlanError;

/// Telemetry could not start.
///
/// It prints what happened and the remedy, by `Display` and by `Debug`.
#[derive(thiserror::Error)]
#[error(transparent)]
pub struct InitError(#[from] Problem);

// no sources: each sentence has that of its cause within, and would have it twice in a chain of causes
#[derive(thiserror::Error)]
pub(crate) enum Problem {
    #[error(
        "telemetry was started twice: keep what the first hopline::init returned, or use builder(…).build() and \
         give layers their tracer by .tracer(…)"
    )]
    Installed,
    #[error(
        "HOPLINE_SAMPLING is `{text}`, which is not a sampling plan: {cause}; correct it or unset it"
    )]
    Plan { text: String, cause: ParsePlanError },
    #[cfg(feature = "otlp")]
    #[error("spans cannot be exported: {0}")]
    Otlp(hopline_otlp::ConfigError),
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
    /// The kind of its notice.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Installed => "init",
            Self::Plan { .. } => "sampling",
            #[cfg(feature = "otlp")]
            Self::Otlp(_) => "otlp",
            #[cfg(feature = "console")]
            Self::Console(_) => "console",
            #[cfg(all(feature = "otlp", not(feature = "console")))]
            Self::Console => "console",
        }
    }
}

hopline_core::debug_as_display!(InitError, Problem);

impl InitError {
    /// True if a tracer is installed already.
    pub fn is_already_installed(&self) -> bool {
        matches!(self.0, Problem::Installed)
    }
}

impl From<AlreadyInstalled> for InitError {
    fn from(_: AlreadyInstalled) -> Self {
        Self(Problem::Installed)
    }
}
