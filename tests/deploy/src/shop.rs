//! The services of `examples/checkout`, in a process that exports to the collectors.

use std::path::Path;
use std::process::{Command, Stdio};

use checkout::{Urls, drive};
use hopline_test_support::ports::free_ports;

use crate::Result;
use crate::process::Process;

/// The five services on a port each.
#[derive(Debug)]
pub(crate) struct Shop {
    process: Process,
    base: u16,
    urls: Urls,
}

impl Shop {
    /// Starts them; their spans are sent to `collector`, and written to files in `spans`.
    pub(crate) async fn start(program: &Path, collector: &str, spans: &Path) -> Result<Self> {
        let base = free_ports(5);
        let mut command = Command::new(program);
        command
            .args(["--base-port", &base.to_string(), "--spans"])
            .arg(spans)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
            .env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
            .env("OTEL_METRICS_EXPORTER", "none")
            .env("OTEL_BSP_SCHEDULE_DELAY", "200")
            .env_remove("HOPLINE_SAMPLING")
            .env_remove("OTEL_TRACES_SAMPLER")
            .env_remove("DATABASE_URL")
            .env_remove("AMQP_URL")
            .stdout(Stdio::null());
        let ports: Vec<u16> = (base..base + 5).collect();
        Ok(Self {
            process: Process::start(&mut command, &ports).await?,
            base,
            urls: Urls::on_ports(base, base + 1, base + 2, base + 3),
        })
    }

    /// Sends one of each request, and waits until their orders are done.
    pub(crate) async fn drive(&self) -> Result<()> {
        drive::once(&self.urls).await
    }

    /// Name and port of each service.
    pub(crate) fn ports(&self) -> impl Iterator<Item = (&'static str, u16)> {
        checkout::service::NAMES.into_iter().zip(self.base..)
    }

    /// Stops them in good order, so that all spans are exported.
    pub(crate) async fn stop(self) -> Result<()> {
        let status = self.process.end().await?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("checkout: {status}").into()),
        }
    }
}
