//! A listener of its own for the metrics page.
//!
//! `OTEL_METRICS_EXPORTER=prometheus` starts it, for services that do not merge `telemetry.metrics().router()`.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

use hopline_core::notify;
use hopline_metrics::Metrics;
use tokio::sync::oneshot;

/// The address of the listener, as the variables have it.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// A server of the page, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    /// Dropped to end the thread.
    _stop: oneshot::Sender<()>,
}

impl Listener {
    /// Listens and starts the thread. If that fails, for example because the port is in use, there is a notice.
    pub(crate) fn start(metrics: &Metrics, address: &Address) -> Option<Self> {
        let Address { host, port } = address;
        match Self::try_start(metrics, address) {
            Ok(listener) => Some(listener),
            Err(error) => {
                notify("metrics-prometheus", || {
                    format!(
                        "cannot serve metrics on {host}:{port}: {error}; Prometheus cannot scrape this process there; free \
                         the port, or set OTEL_EXPORTER_PROMETHEUS_HOST and OTEL_EXPORTER_PROMETHEUS_PORT"
                    )
                });
                None
            }
        }
    }

    fn try_start(metrics: &Metrics, Address { host, port }: &Address) -> io::Result<Self> {
        let listener = TcpListener::bind((host.as_str(), *port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        // a runtime of its own: a blocked application can be scraped
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let app: ::axum::Router = metrics.router();
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                    return;
                };
                tokio::select! {
                    _ = async { ::axum::serve(listener, app).await } => {}
                    _ = stopped => {}
                }
            });
        };
        // Ends when `stop` is dropped; scrapes on their way are cut then.
        let thread = std::thread::Builder::new().name("hopline-prometheus".to_owned());
        thread.spawn(serve)?;
        Ok(Self {
            address,
            _stop: stop,
        })
    }
}

/// The URL of the page.
impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}/metrics", self.address)
    }
}
