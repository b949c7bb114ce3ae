//! The checkout system; see the library of this package.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use checkout::args::{Args, Command, USAGE};
use checkout::collected::Collected;
use checkout::database::Database;
use checkout::red::Red;
use checkout::report::{Report, read};
use checkout::service::{NAMES, Service};
use checkout::system::{Settings, System, listen};
use checkout::{Environment, Result, Urls, drive};
use hopline::core::export::SpanData;
use hopline::view::View;
use hopline_testing::amqp::Broker;
use tokio::sync::watch;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "checkout: {error}");
            ExitCode::FAILURE
        }
    }
}

/// False if the self-check found something.
async fn run() -> Result<bool> {
    let args = Args::parse(std::env::args().skip(1))?;
    match args.command.clone() {
        Command::Serve => serve(settings(args, Some(4000))).await,
        Command::Once => once(settings(args, None)).await,
        Command::Service(name) => service(&name, args).await,
        Command::Drive => {
            let urls = urls(&args);
            drive::until_up(&urls).await?;
            drive::once(&urls).await?;
            Ok(true)
        }
        Command::Report(folder) => show(&Report::new(&read(&folder)?, None)),
        Command::Help => print(USAGE),
    }
}

fn settings(args: Args, base_port: Option<u16>) -> Settings {
    let Args { plan, spans, .. } = args;
    let base_port = args.base_port.or(base_port);
    Settings {
        database: variable("DATABASE_URL"),
        broker: variable("AMQP_URL"),
        base_port,
        plan,
        spans,
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn urls(args: &Args) -> Urls {
    let base = args.base_port.unwrap_or(4000);
    match args.by_name {
        true => Urls::by_name(base),
        false => Urls::on_ports(base, base + 1, base + 2, base + 3),
    }
}

async fn once(settings: Settings) -> Result<bool> {
    let all = settings.plan.is_none().then_some(drive::REQUESTS);
    let system = System::start(settings).await?;
    let driven = drive::once(system.urls()).await;
    let collected = system.collected().clone();
    let red = Red::new(system.telemetry().map(hopline::Telemetry::metrics));
    system.stop().await?;
    driven?;
    let ok = show(&Report::new(&collected.take(), all))?;
    print(&red.to_string())?;
    Ok(ok)
}

async fn serve(settings: Settings) -> Result<bool> {
    let system = System::start(settings).await?;
    let gateway = &system.urls().gateway;
    print(&format!(
        "The gateway is at {gateway}. Try:\n\n  curl -s {gateway}/products -H 'x-tenant-id: acme'\n  \
         curl -s {gateway}/checkout -H 'x-tenant-id: acme' -H 'authorization: Bearer t' -H 'content-type: application/json' \\\n    \
         -d '{{\"card\":\"4242424242424242\",\"lines\":[{{\"product\":\"teapot\",\"quantity\":1}}]}}'\n\n\
         With \"payment\":\"fail\" the payment fails, with \"payment\":\"slow\" it takes its time, with \"worker\":\"fail_once\" the worker\n\
         needs two attempts. The page {gateway}/_trace shows each trace, running ones too. Ctrl-C ends it, with a report."
    ))?;
    let gateway = gateway.clone();
    let collected = system.collected().clone();
    let mut seen = Vec::new();
    tokio::select! {
        () = hopline::shutdown_signal() => {}
        () = print_finished(&collected, &gateway, &mut seen) => {}
    }
    system.stop().await?;
    print_idle(&collected, &gateway, Duration::ZERO, &mut seen)?;
    let report = Report::new(&seen, None);
    print(report.summary())?;
    Ok(report.is_ok())
}

/// Prints traces to which nothing was added for a while, until its future is dropped.
async fn print_finished(collected: &Collected, gateway: &str, seen: &mut Vec<SpanData>) {
    const IDLE: Duration = Duration::from_millis(500);
    loop {
        tokio::time::sleep(IDLE / 5).await;
        if print_idle(collected, gateway, IDLE, seen).is_err() {
            return;
        }
    }
}

/// Prints such traces, and keeps the last ones for the report at the end.
fn print_idle(
    collected: &Collected,
    gateway: &str,
    idle: Duration,
    seen: &mut Vec<SpanData>,
) -> Result<()> {
    const KEPT: usize = 20_000;
    for trace in collected.take_idle(idle) {
        print(&Report::trees(&trace))?;
        if let Some(span) = trace.first() {
            print(&format!("{gateway}/_trace/t/{}\n", span.trace_id))?;
        }
        seen.extend(trace);
    }
    seen.drain(..seen.len().saturating_sub(KEPT));
    Ok(())
}

async fn service(name: &str, args: Args) -> Result<bool> {
    let base = args.base_port.unwrap_or(4000);
    if name == "broker" {
        let _broker = Broker::start_on((Ipv4Addr::LOCALHOST, base + 5).into())?;
        hopline::shutdown_signal().await;
        return Ok(true);
    }
    let offset = NAMES
        .iter()
        .position(|known| *known == name)
        .unwrap_or_default() as u16;
    let folder = args.spans.clone().unwrap_or_else(std::env::temp_dir);
    std::fs::create_dir_all(&folder)?;
    let own_broker = format!("amqp://guest:guest@127.0.0.1:{}/%2f", base + 5);
    let environment = Environment {
        database: variable("DATABASE_URL").unwrap_or_else(|| sqlite_in(&folder)),
        broker: variable("AMQP_URL").unwrap_or(own_broker),
        urls: urls(&args),
        plan: args.plan,
        spans: args.spans,
        collected: Collected::default(),
        view: View::new(),
    };
    if matches!(name, "orders" | "inventory" | "worker") {
        Database::connect(&environment.database)
            .await?
            .create_tables()
            .await?;
    }
    let address = match args.by_name {
        true => Ipv4Addr::UNSPECIFIED,
        false => Ipv4Addr::LOCALHOST,
    };
    let (stop, stopped) = watch::channel(false);
    let service = Service::start(
        name,
        &environment,
        listen(address, Some(base + offset)).await?,
        stopped,
    )
    .await?;
    hopline::shutdown_signal().await;
    let _ = stop.send(true); // the service waits for it as long as it lives
    service.finish().await?;
    Ok(true)
}

fn sqlite_in(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("checkout.sqlite").display())
}

fn show(report: &Report) -> Result<bool> {
    print(&report.to_string())?;
    Ok(report.is_ok())
}

fn print(text: &str) -> Result<bool> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(true)
}
