//! Services of other makes, each a process of its own.

use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::Result;
use crate::collector::Collector;

/// A running service. It is killed when this is dropped: there is nothing in it to be saved.
#[derive(Debug)]
pub(crate) struct Neighbour {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    _process: Child,
}

impl Neighbour {
    pub(crate) async fn python(collector: &Collector) -> Result<Self> {
        Self::start("python", &mut python("service.py")?, collector).await
    }

    pub(crate) async fn node(collector: &Collector) -> Result<Self> {
        Self::start("node", &mut node("service.cjs")?, collector).await
    }

    async fn start(
        name: &'static str,
        command: &mut Command,
        collector: &Collector,
    ) -> Result<Self> {
        // another process is unlikely to take the port meanwhile
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let command = command
            .env("PORT", port.to_string())
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)
            .env("NO_PROXY", "127.0.0.1")
            .env("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
            .kill_on_drop(true);
        let mut process = command
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        let listens = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            () = listens => {}
            status = process.wait() => return Err(format!("{name} ended: {}", status?).into()),
            () = tokio::time::sleep(Duration::from_secs(60)) => {
                return Err(format!("{name} does not listen after a minute").into());
            }
        }
        Ok(Self {
            name,
            url: format!("http://127.0.0.1:{port}"),
            _process: process,
        })
    }
}

/// The Python interpreter with a program of this folder.
///
/// # Errors
///
/// The variable `NEIGHBOUR_PYTHON` is not set.
pub(crate) fn python(file: &str) -> Result<Command> {
    let python = std::env::var("NEIGHBOUR_PYTHON");
    let python = python.map_err(|_| "NEIGHBOUR_PYTHON is not set: run `cargo xtask neighbours`")?;
    Ok(program(&python, file))
}

/// Node with a program of this folder.
///
/// # Errors
///
/// The variable `NODE_PATH` is not set.
pub(crate) fn node(file: &str) -> Result<Command> {
    if std::env::var_os("NODE_PATH").is_none() {
        return Err("NODE_PATH is not set: run `cargo xtask neighbours`".into());
    }
    Ok(program("node", file))
}

fn program(interpreter: &str, file: &str) -> Command {
    let mut command = Command::new(interpreter);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
    command
}
