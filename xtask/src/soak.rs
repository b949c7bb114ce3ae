//! `cargo xtask soak`: the example under load while its collector, database and broker fail.
//!
//! The case of `docs/CASES.md` that is too long for a test: mixed load under the whole fault plan, with memory,
//! threads and sockets flat and every span exported once or counted as lost.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::interrupt::Interrupt;
use crate::process::{Process, signal_group};
use crate::services::Services;
use crate::step::Steps;
use crate::{Result, cargo, postgres, rabbitmq, target};

/// Runs for `minutes`; the servers are started here, since the soak restarts them.
pub(crate) fn run(minutes: &str) -> Result<()> {
    let minutes: u32 = minutes
        .parse()
        .map_err(|_| format!("`{minutes}` is not a number of minutes"))?;
    let mut steps = Steps::new(Interrupt::listen()?);
    let outcome = soak(&mut steps, minutes);
    print!("\n{}", steps.table());
    outcome
}

fn soak(steps: &mut Steps, minutes: u32) -> Result<()> {
    let both = [postgres::VARIABLE, rabbitmq::VARIABLE];
    steps.time("install", |_| Services::install(&both))?;
    let example = ["--package", "hopline-stories", "--example", "soak"];
    steps.run("build", cargo().arg("build").args(example))?;
    let mut services = steps.time("servers", |interrupt| Services::start(&both, interrupt))?;
    steps.time("soak", |interrupt| {
        let mut command = Command::new(target().join("debug/examples/soak"));
        command
            .args(["--minutes", &minutes.to_string(), "--report"])
            .arg(target().join("soak.md"));
        for (variable, url) in services.urls() {
            let name = match variable {
                postgres::VARIABLE => "DATABASE_URL",
                _ => "AMQP_URL",
            };
            command.env(name, url);
        }
        let child = command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        obey(child, &mut services, interrupt)
    })
}

/// Restarts the servers that the child names, prints its other output, and waits for its end.
fn obey(mut child: Child, services: &mut Services, interrupt: &Interrupt) -> Result<()> {
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("the child has no pipes".into());
    };
    let mut outcome = Ok(());
    for line in BufReader::new(output).lines() {
        let line = line?;
        let Some(server) = line.strip_prefix("@restart ") else {
            println!("{line}");
            if interrupt.arrived() {
                outcome = Err("interrupted".into());
                break;
            }
            continue;
        };
        let variable = match server {
            "database" => postgres::VARIABLE,
            _ => rabbitmq::VARIABLE,
        };
        outcome = services.restart(variable, interrupt);
        if outcome.is_err() || writeln!(input, "done").is_err() {
            break;
        }
    }
    if outcome.is_err() {
        signal_group(child.id(), "TERM");
        if let Some(process) = Process::of(child.id()) {
            process.ends_within(Duration::from_secs(10));
        }
        signal_group(child.id(), "KILL");
    }
    let status = child.wait()?;
    outcome?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the soak failed ({status}); see target/soak.md").into())
    }
}
