//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Looks at traces: in a page, in the terminal, in scripts.
#[derive(Debug, Parser)]
#[command(
    name = "hopline",
    version,
    about,
    after_help = "\
Exit status: 0 done, 1 something was found (a failed assertion, a finding of the check, a difference), 2 wrong usage or unreadable input."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Receives OTLP and serves the page; opens files
    View(ViewOptions),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ViewOptions {
    /// OTLP JSON or JSON-lines files to open
    pub(crate) files: Vec<PathBuf>,
    /// Address to listen on; one beyond loopback needs a token
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) bind: IpAddr,
    /// Port of the page
    #[arg(long, default_value_t = 4319)]
    pub(crate) port: u16,
    /// Port of OTLP over HTTP
    #[arg(long, default_value_t = 4318)]
    pub(crate) http_port: u16,
    /// Port of OTLP over gRPC
    #[arg(long, default_value_t = 4317)]
    pub(crate) grpc_port: u16,
    /// Does not listen for gRPC
    #[arg(long)]
    pub(crate) no_grpc: bool,
    /// Token that requests must have; defaults to the variable HOPLINE_VIEW_TOKEN
    #[arg(long)]
    pub(crate) token: Option<String>,
    /// Further host name to answer to
    #[arg(long = "allow-host")]
    pub(crate) hosts: Vec<String>,
    /// Mebibytes of traces to hold
    #[arg(long, default_value_t = 64)]
    pub(crate) memory: usize,
    /// Number of traces to hold
    #[arg(long, default_value_t = 2000)]
    pub(crate) traces: usize,
}
