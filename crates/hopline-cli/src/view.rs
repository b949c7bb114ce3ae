//! `hopline view`: receivers and page on ports of their own.
//! `main` calls it. Limits, receivers and page are `hopline_view`'s; this file maps the options of the command to them.

use std::io;

use hopline_view::{ServerOptions, View, ViewLimits};

use crate::args::ViewOptions;
use crate::draw::{self, Mark};
use crate::{Result, input};

/// Loads the files, then serves until Ctrl-C.
///
/// `--memory` is in MiB. The files are loaded before the ports are open, so that the first page shows them all; traces beyond
/// the limits evict the oldest.
///
/// # Errors
///
/// Returns an error if a file cannot be read or a port cannot be bound.
pub(crate) fn run(options: ViewOptions) -> Result<bool> {
    let limits = ViewLimits::default()
        .bytes(options.memory << 20)
        .traces(options.traces);
    let view = View::with_limits(limits);
    for file in &options.files {
        let decoded = input::decoded(file)?;
        draw::line(
            Mark::Plain,
            &format!("{}: {} spans", file.display(), decoded.spans.len()),
        )?;
        view.add(&decoded.spans, &decoded.logs);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(&view, options))
}

/// Starts the server, prints its addresses, and waits for Ctrl-C.
///
/// The token is that of `--token`, else of `HOPLINE_VIEW_TOKEN`: an argument is visible in the list of processes, a variable
/// is not.
///
/// # Errors
///
/// Returns an error if a port is in use, or an address beyond loopback has no token.
///
/// Dropping the server at the end closes the ports.
async fn serve(view: &View, options: ViewOptions) -> Result<bool> {
    let at = |port| (options.bind, port).into();
    let mut server = ServerOptions::default()
        .page(at(options.port))
        .otlp_http(at(options.http_port))
        .otlp_grpc(at(options.grpc_port));
    if options.no_grpc {
        server = server.without_grpc();
    }
    for host in options.hosts {
        server = server.allow_host(host);
    }
    // an empty variable is one that a script has cleared, not an empty token
    let variable = std::env::var("HOPLINE_VIEW_TOKEN")
        .ok()
        .filter(|token| !token.is_empty());
    let token = options.token.or(variable);
    let has_token = token.is_some();
    if !has_token && !options.bind.is_loopback() {
        let text = format!(
            "{} is beyond loopback, and the page shows what requests contain: give a token with --token or HOPLINE_VIEW_TOKEN",
            options.bind
        );
        return Err(text.into());
    }
    if let Some(token) = token {
        server = server.token(token);
    }
    let server = server
        .start(view)
        .await
        .map_err(|error| with_remedy(&error))?;
    draw::line(Mark::Plain, &format!("page       {}", server.page_url()))?;
    draw::line(
        Mark::Plain,
        &format!("OTLP/HTTP  http://{}", server.otlp_http()),
    )?;
    if let Some(address) = server.otlp_grpc() {
        draw::line(Mark::Plain, &format!("OTLP/gRPC  http://{address}"))?;
    }
    if has_token {
        let text = "open the page once with `?token=` and the token; send spans with OTEL_EXPORTER_OTLP_HEADERS='authorization=Bearer …'";
        draw::note_line(text)?;
    } else if options.files.is_empty() {
        let text = format!(
            "for each service: OTEL_EXPORTER_OTLP_ENDPOINT=http://{}",
            server.otlp_http()
        );
        draw::note_line(&text)?;
    }
    tokio::signal::ctrl_c().await?;
    Ok(true)
}

/// Error text of the start, with the option that helps.
fn with_remedy(error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another viewer or a collector has this port: end it, or choose others with --port, --http-port and --grpc-port"
        }
        _ => "",
    };
    format!("{error}{remedy}")
}
