//! All five services in one process.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use hopline::view::View;
use hopline::{SamplingPlan, Telemetry};
use hopline_testing::amqp::Broker;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::collected::Collected;
use crate::database::Database;
use crate::service::{NAMES, Service};
use crate::{Environment, Result, Urls};

/// The settings of a system.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// A `postgres:` or `sqlite:` URL. Defaults to a SQLite file of its own.
    pub database: Option<String>,
    /// An `amqp:` URL. Defaults to a broker in this process.
    pub broker: Option<String>,
    /// The gateway's port; the others follow it. Defaults to free ports.
    pub base_port: Option<u16>,
    /// The sampling plan. Defaults to keeping every trace.
    pub plan: Option<SamplingPlan>,
    /// Writes each service's spans there, as OTLP JSON lines.
    pub spans: Option<PathBuf>,
}

/// The five services, running in this process.
#[derive(Debug)]
pub struct System {
    environment: Environment,
    services: Vec<Service>,
    /// The port of each, in the order of [`NAMES`].
    ports: Vec<u16>,
    stop: watch::Sender<bool>,
    // dropped last, in this order: nothing needs them when the services have stopped
    _broker: Option<Broker>,
    _file: Option<DatabaseFile>,
}

impl System {
    /// Starts all five.
    ///
    /// # Errors
    ///
    /// A port is taken, or database or broker cannot be reached.
    pub async fn start(settings: Settings) -> Result<Self> {
        let mut listeners = Vec::new();
        for offset in 0..NAMES.len() as u16 {
            let port = settings.base_port.map(|base| base + offset);
            listeners.push(listen(Ipv4Addr::LOCALHOST, port).await?);
        }
        let mut ports = Vec::new();
        for listener in &listeners {
            ports.push(listener.local_addr()?.port());
        }
        let urls = Urls::on_ports(ports[0], ports[1], ports[2], ports[3]);

        let file = settings.database.is_none().then(DatabaseFile::new);
        let broker = if settings.broker.is_none() {
            Some(Broker::start()?)
        } else {
            None
        };
        let own_database = file
            .as_ref()
            .map(|file| format!("sqlite:{}", file.0.display()));
        let environment = Environment {
            database: settings.database.or(own_database).unwrap_or_default(),
            broker: settings
                .broker
                .or(broker.as_ref().map(|broker| broker.url()))
                .unwrap_or_default(),
            urls,
            plan: settings.plan,
            spans: settings.spans,
            collected: Collected::default(),
            view: View::new(),
        };
        Database::connect(&environment.database)
            .await?
            .create_tables()
            .await?;

        let (stop, stopped) = watch::channel(false);
        let mut services = Vec::new();
        for (name, listener) in NAMES.into_iter().zip(listeners) {
            services.push(Service::start(name, &environment, listener, stopped.clone()).await?);
        }
        Ok(Self {
            environment,
            services,
            ports,
            stop,
            _broker: broker,
            _file: file,
        })
    }

    /// The addresses of the services.
    pub fn urls(&self) -> &Urls {
        &self.environment.urls
    }

    /// The name and port of each service, which serves its metrics there at `/metrics`.
    pub fn ports(&self) -> impl Iterator<Item = (&'static str, u16)> {
        NAMES.into_iter().zip(self.ports.iter().copied())
    }

    /// The spans of all of them.
    pub fn collected(&self) -> &Collected {
        &self.environment.collected
    }

    /// The telemetry of each service.
    pub fn telemetry(&self) -> impl Iterator<Item = &Telemetry> {
        self.services.iter().map(Service::telemetry)
    }

    /// Stops all in good order: requests and messages under way are finished, all spans written.
    ///
    /// # Errors
    ///
    /// A service had failed, or its spans could not all be written.
    pub async fn stop(self) -> Result<()> {
        // this fails if all services have ended; their own errors are more specific then
        let _ = self.stop.send(true);
        let mut result = Ok(());
        for service in self.services {
            result = result.and(service.finish().await);
        }
        result
    }
}

/// Listens on this address; on any free port, if none is named.
///
/// # Errors
///
/// The port is taken.
pub async fn listen(address: Ipv4Addr, port: Option<u16>) -> Result<TcpListener> {
    let listener = TcpListener::bind((address, port.unwrap_or(0))).await;
    Ok(listener.map_err(|error| format!("port {} cannot be used: {error}", port.unwrap_or(0)))?)
}

/// A SQLite file that is removed with the system.
#[derive(Debug)]
struct DatabaseFile(PathBuf);

impl DatabaseFile {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "checkout-{}-{}.sqlite",
            std::process::id(),
            NEXT.fetch_add(1, Relaxed)
        );
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for DatabaseFile {
    /// Files that cannot be removed stay in the folder for temporary files.
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(Path::new(&format!("{}{suffix}", self.0.display())));
        }
    }
}
