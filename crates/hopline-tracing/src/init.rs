//! A subscriber for programs that have none.

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

/// Installs a subscriber: the bridge, and log lines with ids on standard output, filtered by `RUST_LOG`.
///
/// Exactly this, for programs that need nothing else:
///
/// ```no_run
/// use tracing_subscriber::layer::SubscriberExt as _;
/// use tracing_subscriber::util::SubscriberInitExt as _;
/// use tracing_subscriber::{EnvFilter, Layer as _, fmt};
///
/// tracing_subscriber::registry()
///     .with(hopline_tracing::layer())
///     .with(
///         fmt::layer()
///             .event_format(hopline_tracing::with_ids(fmt::format()))
///             .with_filter(EnvFilter::from_default_env()),
///     )
///     .init();
/// ```
///
/// Records of the `log` crate arrive, too.
///
/// # Errors
///
/// Returns an error if a subscriber or a logger is installed already; that one stays.
///
/// # Examples
///
/// ```
/// hopline_tracing::init()?;
/// tracing::info!("started");
/// assert!(hopline_tracing::init().is_err());
/// # Ok::<(), tracing_subscriber::util::TryInitError>(())
/// ```
pub fn init() -> Result<(), TryInitError> {
    let lines = fmt::layer().event_format(crate::with_ids(fmt::format()));
    tracing_subscriber::registry()
        .with(crate::layer())
        .with(lines.with_filter(EnvFilter::from_default_env()))
        .try_init()
}
