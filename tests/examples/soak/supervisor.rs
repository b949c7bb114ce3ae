//! The plan of faults, and who carries it out.

use std::path::Path;
use std::time::{Duration, Instant};

use checkout::Urls;
use hopline_test_support::ports::free_ports;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::Result;
use crate::child::Child;
use crate::load::Load;
use crate::report::Report;
use crate::watch::Sample;

/// Name, order for the collector or server to restart, seconds.
pub(crate) const PHASES: [(&str, Fault, u64); 8] = [
    ("all is well", Fault::Collector("up"), 20),
    ("collector down", Fault::Collector("down"), 15),
    ("collector slow", Fault::Collector("slow"), 10),
    ("collector answers garbage", Fault::Collector("garbage"), 10),
    ("collector busy (429)", Fault::Collector("busy"), 10),
    ("collector hung", Fault::Collector("hung"), 15),
    ("database restarts", Fault::Restart("database"), 15),
    ("broker restarts", Fault::Restart("broker"), 15),
];

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Collector(&'static str),
    Restart(&'static str),
}

pub(crate) async fn run(minutes: u64, report: &Path) -> Result<()> {
    let mut collector = Child::start(&["collector"], &[])?;
    let endpoint = format!("http://127.0.0.1:{}", collector.line().await?);
    let base = free_ports(5);
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2000"),
        ("OTEL_BSP_SCHEDULE_DELAY", "500"),
    ];
    let mut system = Child::start(&["system", &base.to_string()], &variables)?;
    system.line().await?;
    let process = system.id()?;
    let urls = Urls::on_ports(base, base + 1, base + 2, base + 3);
    let load = Load::new(PHASES.len());
    load.start(&urls);

    let begun = Instant::now();
    let length = Duration::from_secs(minutes * 60);
    let mut samples = Vec::new();
    let mut rounds = 0;
    while begun.elapsed() < length {
        for (at, (name, fault, seconds)) in PHASES.into_iter().enumerate() {
            println!("{:>5.0} s  {name}", begun.elapsed().as_secs_f64());
            load.enter(at);
            match fault {
                Fault::Collector(order) => drop(collector.ask(order).await?),
                Fault::Restart(server) => {
                    collector.ask("up").await?;
                    load.outage(true);
                    restart(server).await?;
                    if server == "broker" {
                        // its services end with it, and their supervisor starts them again
                        system.ask("cycle").await?;
                    }
                    // a pool notices its dead connections by using them
                    tokio::time::sleep(Duration::from_secs(3)).await;
                    load.outage(false);
                }
            }
            let end = Instant::now() + Duration::from_secs(seconds);
            while Instant::now() < end && begun.elapsed() < length + Duration::from_secs(120) {
                samples.push((at, Sample::of(process)?));
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        rounds += 1;
    }
    collector.ask("up").await?;
    // queued spans are exported before the end
    tokio::time::sleep(Duration::from_secs(5)).await;
    let outcome = load.outcome();
    load.outage(true);
    let recorded = system.ask("stop").await?;
    let received = collector.ask("stats").await?;
    let report_of = Report::new(
        begun.elapsed(),
        rounds,
        outcome,
        samples,
        &recorded,
        &received,
    )?;
    let text = report_of.to_string();
    std::fs::write(report, &text)?;
    println!("\n{text}");
    match report_of.complaints() {
        [] => Ok(()),
        complaints => Err(complaints.join("; ").into()),
    }
}

/// Sends a command to the parent process, and waits until it is done.
async fn restart(server: &str) -> Result<()> {
    println!("@restart {server}");
    let mut answers = BufReader::new(tokio::io::stdin()).lines();
    match answers.next_line().await? {
        Some(answer) if answer == "done" => Ok(()),
        other => Err(format!("{server} was not restarted: {other:?}").into()),
    }
}
