//! The five services, as one process whose memory is watched.

use std::time::Duration;

use checkout::system::{Settings, System};

use crate::Result;
use crate::child::orders;

/// The counts of spans of all systems of this process.
#[derive(Debug, Default)]
struct Total {
    recorded: u64,
    sum: u64,
    given: u64,
    sent: u64,
    lost: u64,
    limits: u64,
}

impl Total {
    /// Spans that have ended since the last look.
    fn look(&mut self, system: &System) {
        for span in system.collected().take() {
            self.recorded += 1;
            self.sum = self
                .sum
                .wrapping_add(u64::from_be_bytes(span.span_id.to_bytes()));
        }
    }
}

/// Serves, and obeys: `cycle` stops the services and starts them again, `stop` ends with the counts.
pub(crate) async fn run(base_port: u16) -> Result<()> {
    let mut total = Total::default();
    let mut system = start(base_port).await?;
    println!("up");
    let mut orders = orders();
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    loop {
        let order = tokio::select! {
            order = orders.next_line() => order?,
            _ = tick.tick() => {
                total.look(&system);
                continue;
            }
        };
        stop(system, &mut total).await;
        if order.as_deref() != Some("cycle") {
            break;
        }
        system = start(base_port).await?;
        println!("up");
    }
    let Total {
        recorded,
        sum,
        given,
        sent,
        lost,
        limits,
    } = total;
    println!("{recorded} {sum} {given} {sent} {lost} {limits}");
    Ok(())
}

async fn start(base_port: u16) -> Result<System> {
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let mut last = None;
    // a server that was just restarted may refuse at first
    for _ in 0..60 {
        let settings = Settings {
            database: Some(variable("DATABASE_URL")?),
            broker: Some(variable("AMQP_URL")?),
            base_port: Some(base_port),
            ..Settings::default()
        };
        match System::start(settings).await {
            Ok(system) => return Ok(system),
            Err(error) => last = Some(error.to_string()),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err(last.unwrap_or_default().into())
}

/// Services that lost their broker print it here; such lines are expected.
async fn stop(system: System, total: &mut Total) {
    let telemetry: Vec<_> = system
        .telemetry()
        .filter_map(|telemetry| Some((telemetry.tracer()?.clone(), telemetry.exporter()?.clone())))
        .collect();
    let collected = system.collected().clone();
    if let Err(error) = system.stop().await {
        eprintln!("soak: {error}");
    }
    for span in collected.take() {
        total.recorded += 1;
        total.sum = total
            .sum
            .wrapping_add(u64::from_be_bytes(span.span_id.to_bytes()));
    }
    for (tracer, exporter) in telemetry {
        let stats = exporter.stats();
        total.given += stats.given;
        total.sent += stats.sent;
        total.lost += stats.lost() + stats.waiting;
        let stats = tracer.stats();
        total.limits += stats.lost_spans + stats.lost_traces;
    }
}
