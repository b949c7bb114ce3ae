//! The service on a port; see the library of this package.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::ExitCode;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = run().await else {
        return ExitCode::SUCCESS;
    };
    let _ = writeln!(std::io::stderr(), "w3c-service: {error}");
    ExitCode::FAILURE
}

async fn run() -> Result<()> {
    let port = port(std::env::args().skip(1))?;
    // the suite checks only headers, so the spans are not exported
    let telemetry = hopline::builder("w3c-service").without_exporter().init()?;
    let tracer = telemetry
        .tracer()
        .ok_or("tracing is turned off by OTEL_SDK_DISABLED")?;
    let app = w3c_service::router(tracer)?;
    // on loopback only: requests make it call any URL
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), "http://{address}/test")?;
    axum::serve(listener, app)
        .with_graceful_shutdown(hopline::shutdown_signal())
        .await?;
    telemetry.shutdown().await;
    Ok(())
}

/// Reads `--port N`. Defaults to any free port.
fn port(arguments: impl Iterator<Item = String>) -> Result<u16> {
    let arguments: Vec<String> = arguments.collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(0),
        ["--port", port] => port
            .parse()
            .map_err(|_| format!("`{port}` is not a port").into()),
        _ => Err("usage: w3c-service [--port N]".into()),
    }
}
