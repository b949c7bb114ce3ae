//! The project's own commands; `cargo xtask help` lists them.

#![expect(clippy::print_stdout, reason = "a command line tool answers on stdout")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use xtask::arrows::Crate;

mod account;
mod api;
mod apt;
mod audit;
mod bench;
mod book;
mod chaos;
mod deploy;
mod fuzz;
mod hostile;
mod interrupt;
mod lent;
mod mariadb;
mod msrv;
mod neighbours;
mod npm;
mod outside;
mod page;
mod parity;
mod postgres;
mod process;
mod publish;
mod python;
mod rabbitmq;
mod receivers;
mod semver;
mod server;
mod services;
mod size;
mod soak;
mod step;
mod test;
mod tool;
mod w3c;

/// The result of a command; the error is one line for the terminal.
type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const HELP: &str = "\
cargo xtask COMMAND

  test [--keep]         format, clippy, all tests, docs, features alone, the gate, the example, and in short chaos, hostile,
                        deploy and the page, against a private Postgres, MariaDB and RabbitMQ; --keep leaves those running
  services              start them, print their URLs as `export` lines, stop them on Ctrl-C
  services --detach     start them and leave them running (noted in target/services.env)
  services stop         stop what --detach or --keep left running
  bench                 measure beside other tracing crates; benches/README.md says more, `bench --help` its options
  bench --gate          count instructions and allocations and compare them with the committed numbers;
                        --write after it writes those
  bench --soak SECONDS  full load: memory must stay flat, and the counts must add up
  bench --view [SECONDS]
                        spans a second that a viewer receives with its memory at its bound: at least 100,000
  soak [--minutes N]    a mixed load over the example on private servers under a rotating plan of faults, for an
                        hour by default; the report is target/soak.md
  chaos [--short]       publishers and consumers whose RabbitMQ is killed in five places: 50,000 messages, no loss;
                        or in one, with 4,000, as `test` does
  hostile [--minutes N | --short]
                        a traced service and its untraced twin under every attack and fault at once, for 10 minutes
                        by default, or for half a minute as `test` does: the same answers, bounded
                        memory, counts that balance, nothing secret exported
  server KIND           a postgres, mariadb or rabbitmq that the calling program may kill, stop and start again, by
                        words on stdin
  neighbours            exporters of Python and Node into the viewer, and one trace through their services and hopline's;
                        installs both in target/
  receivers             spans and metrics sent over every wire to receivers of others (Python's
                        opentelemetry-proto, rotel), each compared with what was recorded; installs both into a
                        virtual environment
  deploy [--short]      what of deploy/ can run here: Prometheus with its configuration and rules, two collectors (rotel)
                        behind a router by trace id, the queries of deploy/clickhouse in ClickHouse's engine; --short
                        without the last, as `test` does
  docs                  the guide as a book in target/book, by mdBook, which is built in target/tools where it is missing
  size --rps N --spans N --plan TEXT
                        spans kept, bytes on the wire, memory of queues, instances of collectors; `size --help` its
                        options; `size --table` prints the table of deploy/SIZING.md, `size --simulate` the counts of
                        1,000 services under one plan with a budget
  outside               README's program with README's dependencies in an empty folder, and the programs of
                        tests/refused, which the compiler must refuse with a message that names the remedy
  page [--short]        the page of `hopline view` in headless Chromium, under the load of the example and over files;
                        pictures of each view are in target/page; --short without those and without 10,000 traces, as
                        `test` does; installs Chromium and Node
  publish --dry-run [--short]
                        each crate as its package has it: unpacked into an empty folder, built and tested with all
                        features, the default ones and none; --short only packages, unpacks and reads, as `test` does
  parity                the tables in docs/parity against the wrapped types of the versions in Cargo.lock: one row for
                        each public method
  api [--write]         the number of public names of each crate, within their limits, and their items and the types
                        of other crates in them against the text in docs/api; --write writes it
  w3c --suite DIR       examples/w3c-service under the test suite in a checkout of w3c/trace-context
  fuzz [--seconds N] [TARGET]
                        one fuzz target or all of them, each for N seconds (60), by libFuzzer; no nightly needed
  arrows                for each crate: what its folders and files import, and the circles among them
  audit [--advisories]  licences, bans and sources of every dependency, by cargo-deny; with --advisories known
                        vulnerabilities, too, whose list is fetched
  msrv                  each crate with the Rust version that it declares, and all with the oldest dependencies
  semver --baseline REVISION
                        changes since a release (`v0.1.0`) that break users, by cargo-semver-checks
  help                  this text

What is missing is installed with apt-get (as root or through sudo). Where HOPLINE_TEST_POSTGRES_URL,
HOPLINE_TEST_MYSQL_URL or HOPLINE_TEST_AMQP_URL is set, `test` uses that server and neither installs nor starts one.
";

/// The default time for which `fuzz` runs each target.
const FUZZ: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = match arguments[..] {
        ["test"] => test::run(false),
        ["test", "--keep"] => test::run(true),
        ["services"] => services::serve(),
        ["services", "--detach"] => services::detach(),
        ["services", "stop"] => services::stop(),
        ["neighbours"] => neighbours::run(),
        ["docs"] => book::run(),
        ["outside"] => outside::run(),
        ["page"] => page::run(false),
        ["page", "--short"] => page::run(true),
        ["publish", "--dry-run"] => publish::run(false),
        ["publish", "--dry-run", "--short"] => publish::run(true),
        ["parity"] => parity::run(),
        ["api"] => api::run(false),
        ["api", "--write"] => api::run(true),
        ["server", kind] => lent::serve(kind),
        ["deploy"] => deploy::run(false),
        ["deploy", "--short"] => deploy::run(true),
        ["size", ref arguments @ ..] => size::run(arguments),
        ["chaos"] => chaos::run(false),
        ["chaos", "--short"] => chaos::run(true),
        ["arrows"] => print_arrows(),
        ["audit"] => audit::run(false),
        ["audit", "--advisories"] => audit::run(true),
        ["msrv"] => msrv::run(),
        ["semver", "--baseline", revision] => semver::run(revision),
        ["fuzz"] => fuzz::run(FUZZ, None),
        ["fuzz", "--seconds", time] => fuzz::seconds(time).and_then(|time| fuzz::run(time, None)),
        ["fuzz", "--seconds", time, target] => {
            fuzz::seconds(time).and_then(|time| fuzz::run(time, Some(target)))
        }
        ["fuzz", target] if !target.starts_with('-') => fuzz::run(FUZZ, Some(target)),
        ["w3c", "--suite", folder] => w3c::run(Path::new(folder)),
        ["hostile"] => hostile::run("10"),
        ["hostile", "--minutes", minutes] => hostile::run(minutes),
        ["hostile", "--short"] => hostile::run_short(),
        ["bench", ref arguments @ ..] => bench::run(arguments),
        ["receivers"] => receivers::run(),
        ["soak"] => soak::run("60"),
        ["soak", "--minutes", minutes] => soak::run(minutes),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(format!(
            "unknown command `{}`; see `cargo xtask help`",
            arguments.join(" ")
        )
        .into()),
    };
    match answer {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints what the folders and files of each crate import, and the circles.
fn print_arrows() -> Result<()> {
    let mut crates: Vec<PathBuf> = std::fs::read_dir(root().join("crates"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    crates.sort();
    let (mut folder_circles, mut files) = (0, 0);
    for path in crates {
        let read = Crate::read(&path.join("src"))?;
        println!("{}", path.file_name().unwrap_or_default().display());
        for (unit, to) in read.units() {
            let to: Vec<String> = to.into_iter().collect();
            println!("  {unit} ─► {}", to.join(", "));
        }
        for circle in read.folder_circles() {
            println!("  circle of folders: {}", circle.join(", "));
            folder_circles += 1;
        }
        for circle in read.file_circles() {
            println!("  circle of files: {}", circle.join(", "));
            files += circle.len();
        }
    }
    println!("circles between folders: {folder_circles}; files in circles: {files}");
    Ok(())
}

/// The workspace's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// Cargo's target folder.
fn target() -> PathBuf {
    // A relative CARGO_TARGET_DIR is relative to where cargo was called; `join` keeps an absolute one.
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => std::env::current_dir().unwrap_or_default().join(folder),
        None => root().join("target"),
    }
}

/// Cargo, as if it were called at the root by hand.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // Cargo sets these for xtask; what it builds from here gets its own.
    let inherited = std::env::vars_os().map(|(name, _)| name);
    for name in inherited.filter(|name| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    }) {
        command.env_remove(name);
    }
    // sqlx reads the first while it compiles, the example reads both: neither may come from the caller by chance.
    command.env_remove("DATABASE_URL").env_remove("AMQP_URL");
    command
}
