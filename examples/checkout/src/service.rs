//! One running service: its port, its telemetry, its end.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use hopline::Telemetry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::database::Database;
use crate::queue::Queue;
use crate::services::{gateway, inventory, orders, payments, worker};
use crate::{Environment, Error, Result};

/// The names of the services.
pub const NAMES: [&str; 5] = ["gateway", "orders", "inventory", "payments", "worker"];

/// A running service.
#[derive(Debug)]
pub struct Service {
    name: &'static str,
    telemetry: Telemetry,
    work: JoinHandle<Result<()>>,
    queue: Option<Queue>,
}

impl Service {
    /// Starts a service by its name; it stops in good order when `stop` turns true.
    ///
    /// # Errors
    ///
    /// There is no such service, or its database or broker cannot be reached.
    pub async fn start(
        name: &str,
        environment: &Environment,
        listener: TcpListener,
        stop: watch::Receiver<bool>,
    ) -> Result<Self> {
        let known = NAMES.into_iter().find(|known| *known == name);
        let name = known.ok_or_else(|| {
            format!(
                "there is no service `{name}`; there are {}",
                NAMES.join(", ")
            )
        })?;
        bridge();
        let telemetry = telemetry(name, environment)?;
        let tracer = telemetry
            .tracer()
            .ok_or("OTEL_SDK_DISABLED is set: there would be nothing to see")?
            .clone();
        // outside the trace layers: scrapes of /metrics are neither traced nor measured. The service is merged into it, and not
        // the other way round, as axum keeps the fallback of the merged router: that of the service is traced
        let metrics: Router = telemetry.metrics().router();
        let urls = environment.urls.clone();
        let mut queue = None;
        let work = match name {
            // the page is outside the gateway's layers: looking at traces makes no traces
            "gateway" => serve(
                metrics
                    .merge(environment.view.router())
                    .merge(gateway::router(&tracer, urls)?),
                listener,
                stop,
            ),
            "orders" => {
                let database = Database::connect(&environment.database).await?;
                let channel = queue
                    .insert(Queue::connect(&environment.broker, &tracer).await?)
                    .channel();
                serve(
                    metrics.merge(orders::router(&tracer, database, channel, urls)?),
                    listener,
                    stop,
                )
            }
            "inventory" => {
                let database = Database::connect(&environment.database).await?;
                serve(
                    metrics.merge(inventory::router(&tracer, database)),
                    listener,
                    stop,
                )
            }
            "payments" => serve(metrics.merge(payments::router(&tracer)), listener, stop),
            _ => {
                let database = Database::connect(&environment.database).await?;
                let channel = queue
                    .insert(Queue::connect(&environment.broker, &tracer).await?)
                    .channel();
                let health = serve(
                    Router::new()
                        .route("/health", get(|| async { "ok" }))
                        .merge(metrics),
                    listener,
                    stop.clone(),
                );
                tokio::spawn(async move {
                    worker::run(channel, database, stopped(stop)).await?;
                    health.await?
                })
            }
        };
        Ok(Self {
            name,
            telemetry,
            work,
            queue,
        })
    }

    /// The telemetry that records and exports its spans.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// Waits until its work is done, which `stop` has ended, then writes its last spans.
    ///
    /// # Errors
    ///
    /// Its work had failed.
    pub async fn finish(self) -> Result<()> {
        let done = self.work.await.map_err(Error::from).flatten();
        if let Some(queue) = self.queue {
            // a connection that was lost needs no farewell
            let _ = queue.close().await;
        }
        self.telemetry.shutdown().await;
        done.map_err(|error| format!("{}: {error}", self.name).into())
    }
}

/// Lets spans of `tracing` join the traces, once in a process; a subscriber that is there already stays.
fn bridge() {
    let subscriber = tracing_subscriber::registry().with(hopline::tracing::layer());
    let _ = subscriber.try_init();
}

fn telemetry(name: &str, environment: &Environment) -> Result<Telemetry> {
    let mut builder = hopline::builder(name)
        .baggage_attributes(["tenant_id"])
        .sink(environment.collected.clone())
        .sink(environment.view.sink());
    if name == "gateway" {
        let slo = "SLO POST /checkout 99.9% < 500ms over 30d".parse()?;
        builder = builder.metrics(|metrics| metrics.slo(slo));
    }
    if let Some(plan) = &environment.plan {
        builder = builder.override_plan(plan.clone());
    }
    if let Some(folder) = &environment.spans {
        std::fs::create_dir_all(folder)?;
        builder = builder.sink(hopline::otlp::FileSink::create(
            folder.join(format!("{name}.jsonl")),
        )?);
    }
    // a newcomer has no collector: spans are sent only where one is named
    let named = |variable| std::env::var(variable).is_ok_and(|value| !value.is_empty());
    if !named("OTEL_EXPORTER_OTLP_ENDPOINT") && !named("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
        builder = builder.without_exporter();
    }
    Ok(builder.shutdown_timeout(Duration::from_secs(5)).build()?)
}

fn serve(
    router: Router,
    listener: TcpListener,
    stop: watch::Receiver<bool>,
) -> JoinHandle<Result<()>> {
    tokio::spawn(async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(stopped(stop))
            .await?;
        Ok(())
    })
}

/// Ready when the service is asked to stop, or when the sender is dropped.
async fn stopped(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
