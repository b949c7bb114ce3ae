//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use hopline_view::Search;

/// Looks at traces: in a page, in the terminal, in scripts.
#[derive(Debug, Parser)]
#[command(
    name = "hopline",
    version,
    about,
    after_help = "Files are OTLP JSON or JSON lines; `-` is standard input.\n\
                  `hopline COMMAND --help` has examples.\n\
                  Exit status: 0 nothing found, 1 something found (a failed assertion, a finding, a difference), \
                  2 wrong usage or unreadable input."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Receives OTLP and serves the page; opens files
    View(ViewOptions),
    /// Prints the traces of files as trees
    Print(PrintOptions),
    /// Follows a running `hopline view` and prints each trace once nothing was added for a while
    Tail(TailOptions),
    /// Checks that traces are whole and true
    Check(CheckOptions),
    /// Checks assertions such as 'POST /checkout has db.query'
    Assert(AssertOptions),
    /// Compares two traces: added, missing, slower, faster
    Diff(DiffOptions),
    /// Shows which operations make slow traces slower than typical ones
    Why(WhyOptions),
    /// Checks and explains service level objectives; prints Prometheus rules or a Grafana dashboard
    Slo(SloOptions),
    /// Checks and explains the text of a sampling plan
    #[command(after_help = "Example:\n\
        \x20 hopline plan 'GET /products 10%; * 5%; keep errors'\n\
        \n\
        The text is that of the variable HOPLINE_SAMPLING.\n\
        Exit status: 0 valid, 1 not valid.")]
    Plan {
        /// Clauses separated by semicolons, such as '* 5%; keep errors'
        plan: String,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n\
        \x20 hopline view                      receives OTLP on 4318 (HTTP) and 4317 (gRPC), page on http://localhost:4319\n\
        \x20 hopline view traces.jsonl         opens a file\n\
        \x20 OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 my-service\n\
        \x20                                   sends the traces of a service to it")]
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

#[derive(Debug, clap::Args)]
pub(crate) struct Drawing {
    /// Columns; defaults to the terminal's
    #[arg(long)]
    pub(crate) width: Option<usize>,
    /// Lines of one tree
    #[arg(long, default_value_t = 60)]
    pub(crate) lines: usize,
    /// Attribute to show where a span has it
    #[arg(long = "attribute")]
    pub(crate) attributes: Vec<String>,
    /// One JSON object per trace and line instead of trees
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n\
        \x20 hopline print traces.jsonl\n\
        \x20 hopline print traces.jsonl -q 'status:error >200ms'\n\
        \x20 hopline print traces.jsonl --json | jq -r .traceId")]
pub(crate) struct PrintOptions {
    /// Files
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Search words, as in the page: 'service:orders status:error >200ms -health'
    #[arg(short, long, default_value = "", allow_hyphen_values = true)]
    pub(crate) query: Search,
    #[command(flatten)]
    pub(crate) drawing: Drawing,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n\
        \x20 hopline tail                                     follows `hopline view` on this machine\n\
        \x20 hopline tail -q 'service:orders status:error'\n\
        \x20 hopline tail --url http://localhost:3000/_trace  follows the page of an application\n\
        \x20 hopline tail -n 1 --json                         waits for one trace")]
pub(crate) struct TailOptions {
    /// URL of the page
    #[arg(long, default_value = "http://localhost:4319")]
    pub(crate) url: String,
    /// Token of the viewer; defaults to the variable HOPLINE_VIEW_TOKEN
    #[arg(long)]
    pub(crate) token: Option<String>,
    /// Search words, as in the page: 'service:orders status:error >200ms -health'
    #[arg(short, long, default_value = "", allow_hyphen_values = true)]
    pub(crate) query: Search,
    /// Ends after this number of traces
    #[arg(short = 'n', long)]
    pub(crate) count: Option<usize>,
    #[command(flatten)]
    pub(crate) drawing: Drawing,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n\
        \x20 hopline check traces.jsonl\n\
        \x20 hopline check gateway.jsonl orders.jsonl --traces 3 --attribute tenant_id\n\
        \n\
        Exit status: 0 no finding, 1 a finding or no trace at all, 2 an unreadable file.")]
pub(crate) struct CheckOptions {
    /// Files
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Number of traces that there must be
    #[arg(long)]
    pub(crate) traces: Option<usize>,
    /// Spans that a trace may have
    #[arg(long, default_value_t = 50)]
    pub(crate) max_spans: usize,
    /// Times that a span may send one statement
    #[arg(long, default_value_t = 20)]
    pub(crate) max_repeats: usize,
    /// Attribute that each span must have
    #[arg(long = "attribute")]
    pub(crate) attributes: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n\
        \x20 hopline assert traces.jsonl 'POST /checkout has db.query' 'POST /checkout duration < 200ms'\n\
        \x20 hopline assert traces.jsonl 'GET /orders/*@orders count db.query <= 3'\n\
        \x20 hopline assert traces.jsonl 'POST /charge status 402' '* attribute tenant_id'\n\
        \n\
        Each span that matches must satisfy the claim, and at least one must match.\n\
        Exit status: 0 all hold, 1 one does not, 2 wrong usage or an unreadable file.")]
pub(crate) struct AssertOptions {
    /// File
    pub(crate) file: PathBuf,
    /// Assertions, each one argument: SPAN has [not] SPAN; SPAN count SPAN OP NUMBER; SPAN duration OP TIME;
    /// SPAN status ok|error|CODE; SPAN attribute KEY[=VALUE]. SPAN is a name or label, `*` matches any text, and
    /// `@service` may follow. OP is one of = != < <= > >=
    #[arg(required = true)]
    pub(crate) assertions: Vec<crate::assertion::Assertion>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n\
        \x20 hopline diff before.jsonl after.jsonl\n\
        \x20 hopline diff traces.jsonl traces.jsonl --trace-a 4bf9 --trace-b 5bf9\n\
        \n\
        Each line has a sign: + in the second trace only, - in the first only, > slower and < faster in the second.\n\
        Exit status: 0 no difference, 1 a difference, 2 an unreadable file or no such trace.")]
pub(crate) struct DiffOptions {
    /// File of the first trace
    pub(crate) a: PathBuf,
    /// File of the second trace
    pub(crate) b: PathBuf,
    /// Trace of the first file, by the start of its id; defaults to the first trace
    #[arg(long)]
    pub(crate) trace_a: Option<String>,
    /// Trace of the second file, by the start of its id; defaults to the first one with the same root
    #[arg(long)]
    pub(crate) trace_b: Option<String>,
    /// Shows spans without a difference, too
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n\
        \x20 hopline why traces.jsonl\n\
        \x20 hopline why traces.jsonl -q 'service:gateway' -n 5")]
pub(crate) struct WhyOptions {
    /// Files
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Search words, as in the page: 'service:orders status:error >200ms -health'
    #[arg(short, long, default_value = "", allow_hyphen_values = true)]
    pub(crate) query: Search,
    /// Operations to list
    #[arg(short = 'n', long, default_value_t = 10)]
    pub(crate) count: usize,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n\
        \x20 hopline slo 'SLO POST /checkout 99.9% < 500ms over 30d'\n\
        \x20 hopline slo 'SLO POST /checkout 99.9% < 500ms over 30d' --rules > rules.yml\n\
        \n\
        Exit status: 0 valid, 1 not valid, 2 no objective in the text.")]
pub(crate) struct SloOptions {
    /// Objectives separated by semicolons, such as 'SLO POST /checkout 99.9% < 500ms over 30d'
    pub(crate) objectives: String,
    /// Prints recording and alerting rules for Prometheus
    #[arg(long, conflicts_with = "dashboard")]
    pub(crate) rules: bool,
    /// Prints a dashboard for Grafana
    #[arg(long)]
    pub(crate) dashboard: bool,
}
