//! A web shop: products, orders, payments, mails.

mod auth;
mod config;
mod error;
mod jobs;
mod payments;
mod queue;
mod repo;
mod routes;
mod state;
mod worker;

use std::process::ExitCode;
use std::time::Duration;

use hopline::prelude::*;
use sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::time::timeout;
use tracing::{error, info};

use crate::config::Config;
use crate::state::AppState;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Runs the shop until it is asked to stop.
pub async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_ansi(false).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("the shop ends: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let config = Config::from_env()?;
    let telemetry = hopline::init("shop")?;

    let db = PgPoolOptions::new()
        .max_connections(8)
        .min_connections(2)
        .connect(&config.database_url)
        .await?;
    sqlx::migrate!().run(&db).await?;

    let broker = queue::connect(&config.amqp_url).await?;
    let channel = queue::channel(&broker, &config.queue).await?;

    let (events, _) = broadcast::channel(64);
    let state = AppState {
        db: db.traced(),
        payments: payments::Client::new(&config.payments_url),
        queue: queue::Queue::new(channel.clone(), &config.queue),
        events,
    };

    let (stop, stopped) = watch::channel(());
    let worker = tokio::spawn(worker::run(state.clone(), stopped.clone()));
    let cleaner = tokio::spawn(jobs::cancel_unpaid(state.clone(), stopped));

    let listener = TcpListener::bind(config.listen).await?;
    info!("listening on {}", listener.local_addr()?);
    axum::serve(listener, routes::router(state))
        .with_graceful_shutdown(interrupted())
        .await?;

    drop(stop);
    worker.await??;
    cleaner.await?;
    // a connection that is lost already is no failure of the shop; a broker that does not answer does not keep it
    let closed = broker.close(200, "bye".into());
    let _ = timeout(Duration::from_secs(5), closed).await;
    // until now: lapin's `close` may never return if the last handle of a channel is dropped meanwhile
    drop(channel);
    telemetry.shutdown().await;
    info!("stopped");
    Ok(())
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
