//! The service: one process, traced or plain.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::Router;
use hopline::Tracer;
use hopline::core::Limits;
use hopline_otlp::Exporter;
use hopline_testing::amqp::Broker;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Result;
use crate::app::{self, App};
use crate::guests::{Feedback, Panics, Unsteady};
use crate::queue::Queue;

/// The limits of the traced process for its traces and its queue.
pub(crate) const TRACES_BYTES: usize = 16 << 20;
pub(crate) const QUEUE_BYTES: usize = 8 << 20;

const ATTEMPT: Duration = Duration::from_millis(800);
const SHUTDOWN: Duration = Duration::from_secs(10);

/// Prints its port, serves until a line arrives on stdin, and prints its counts.
pub(crate) async fn run(traced: bool, collector: &str) -> Result<()> {
    // a panic's text would wait for the full pipe, with tracing and without
    std::panic::set_hook(Box::new(|_| {}));
    let telemetry = if traced {
        Some(start(collector)?)
    } else {
        Tracer::waive();
        None
    };
    let broker = Broker::start()?;
    let queue = Queue::start(&broker.url(), traced).await?;
    let (stop, stopped) = watch::channel(false);
    let inner = TcpListener::bind(("127.0.0.1", 0)).await?;
    let edge = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = edge.local_addr()?.port();
    let app = App::new(traced, inner.local_addr()?, queue.clone()).await?;
    let servers = [
        serve(edge, app::edge(app.clone(), traced), stopped.clone()),
        serve(inner, app::inner(app, traced), stopped),
    ];
    println!("{port}");
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    orders.next_line().await?;

    queue.stop().await?;
    stop.send(true)?;
    for server in servers {
        server.await??;
    }
    let handled = queue.handled.load(Relaxed);
    let Some((tracer, exporter)) = telemetry else {
        println!("{handled} 0 0 0 0 0");
        return Ok(());
    };
    let closing = tracer.clone();
    // what could not be sent in time is counted
    let _ = tokio::task::spawn_blocking(move || closing.shutdown(SHUTDOWN)).await?;
    let (tracer, exporter) = (tracer.stats(), exporter.stats());
    let lost = exporter.lost() + exporter.waiting + exporter.spooled;
    println!(
        "{handled} {} {} {} {lost} {}",
        tracer.handed_over, exporter.given, exporter.sent, tracer.lost_spans
    );
    Ok(())
}

fn serve(
    listener: TcpListener,
    app: Router,
    mut stopped: watch::Receiver<bool>,
) -> JoinHandle<std::io::Result<()>> {
    let stopped = async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    tokio::spawn(async move {
        axum::serve(listener, app)
            .with_graceful_shutdown(stopped)
            .await
    })
}

/// A tracer with small limits, among guests that misbehave.
fn start(collector: &str) -> Result<(Tracer, Exporter)> {
    let exporter = Exporter::builder()
        .endpoint(collector)
        .timeout(ATTEMPT)
        .schedule_delay(Duration::from_millis(100))
        .queue(20_000)
        .queue_bytes(QUEUE_BYTES)
        .build()?;
    let limits = Limits {
        total_bytes: TRACES_BYTES,
        ..Limits::default()
    };
    let tracer = Tracer::builder()
        .service("hostile")
        .limits(limits)
        .sampler(Unsteady::default())
        .baggage_attributes(["tenant_id"])
        .error_messages()
        .sink(Panics)
        .sink(Feedback)
        .sink(exporter.clone())
        .build();
    tracer.install()?;
    Ok((tracer, exporter))
}
