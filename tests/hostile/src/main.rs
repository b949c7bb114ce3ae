//! A traced service under every attack and fault at once, beside the same service without tracing.
//!
//! `cargo xtask hostile` calls it. Three processes: this one, which attacks and is the collector, and the service
//! twice, traced and plain, both with a full pipe as stderr. Every request is sent to both at the same time. At the end:
//!
//! * no request fails, waits or answers otherwise because of telemetry;
//! * the traced process holds no more memory than its limits allow;
//! * each span that was kept has arrived or is counted as lost;
//! * nothing secret, forged or unbounded has arrived.
//!
//! It uses loopback only.

#![expect(clippy::print_stdout, reason = "a program that answers on stdout")]

mod app;
mod attack;
mod child;
mod collector;
mod guests;
mod queue;
mod service;
mod verdict;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::attack::Attackers;
use crate::child::Child;
use crate::collector::{Collector, Mode};
use crate::verdict::Verdict;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

/// The duration of the short form.
const SHORT: Duration = Duration::from_secs(24);

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    match words[..] {
        ["service", kind, collector] => runtime.block_on(service::run(kind == "traced", collector)),
        ["--short"] => runtime.block_on(attack_for(SHORT)),
        ["--minutes", minutes] => {
            let minutes: u64 = minutes.parse()?;
            runtime.block_on(attack_for(Duration::from_secs(60 * minutes)))
        }
        _ => Err("hostile --short, or --minutes N".into()),
    }
}

async fn attack_for(length: Duration) -> Result<()> {
    let collector = Arc::new(Collector::start().await?);
    let traced = Child::start("traced", &collector.url()).await?;
    let plain = Child::start("plain", &collector.url()).await?;
    let attackers = Attackers::start(&traced.url, &plain.url);
    let (mut most_traced, mut most_plain) = (0, 0);
    let begin = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    while begin.elapsed() < length {
        tick.tick().await;
        collector.obey(Mode::at(begin.elapsed(), length));
        most_traced = most_traced.max(traced.resident()?);
        most_plain = most_plain.max(plain.resident()?);
    }
    let attacks = attackers.stop().await;
    collector.obey(Mode::Up);
    let traced = traced.stop().await?;
    let plain = plain.stop().await?;
    let verdict = Verdict {
        attacks,
        arrived: collector.arrived(),
        traced,
        plain,
        most_traced,
        most_plain,
    };
    println!("{verdict}");
    let complaints = verdict.complaints();
    if complaints.is_empty() {
        return Ok(());
    }
    Err(complaints.join("\n").into())
}
