//! Runs the parts of `deploy/` that can run on one machine, with the services of `examples/checkout`:
//!
//! - `promtool` reads both configurations of Prometheus and the rules.
//! - Two instances of rotel are the second tier of collectors, behind a router by trace id.
//! - Prometheus runs with the configuration and the rules of `deploy/prometheus`.
//! - With `--chdb PYTHON`, ClickHouse's engine loads the spans and answers the queries of `deploy/clickhouse`.
//!
//! `cargo xtask deploy` installs what this needs and calls it.

#![expect(clippy::print_stdout, reason = "a program that answers on stdout")]

mod clickhouse;
mod expected;
mod process;
mod prometheus;
mod router;
mod sampled;
mod shop;
mod tier;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use checkout::report::read;
use hopline_test_support::folder::TempFolder;

use crate::prometheus::Prometheus;
use crate::shop::Shop;
use crate::tier::Tier;

/// An error that ends the program; `main` prints it in one line.
type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

/// Longer than any single event that is awaited here takes.
const LONG: Duration = Duration::from_secs(30);

/// The number of times that one of each request is sent while Prometheus scrapes.
const ROUNDS: usize = 3;

/// The command line.
struct Args {
    checkout: PathBuf,
    rotel: PathBuf,
    chdb: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("deploy: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let args = args(std::env::args().skip(1))?;
    let folder = TempFolder::new();
    std::fs::create_dir_all(&folder.0)?;
    let begun = Instant::now();
    let done = |what: &str| println!("{:6.1} s  {what}", begun.elapsed().as_secs_f64());

    prometheus::check_files(&folder.0)?;
    done("promtool accepts both configurations and the rules");

    let tier = Tier::start(&args.rotel, &folder.0).await?;
    let shop = Shop::start(&args.checkout, tier.url(), &folder.0.join("spans")).await?;
    // before the first scrape: `rate` does not see the first value of a series
    shop.drive().await?;
    let prometheus = Prometheus::start(&shop, &folder.0)?;
    prometheus.await_requests(1).await?;
    for _ in 0..ROUNDS {
        shop.drive().await?;
    }
    prometheus.await_requests(1 + ROUNDS).await?;
    done("Prometheus counts every request that was sent");
    let ratio = prometheus.await_errors().await?;
    done(&format!(
        "its rule gives an error ratio of {ratio:.3}; of 4 checkouts one fails"
    ));
    let exemplars = prometheus.exemplars().await?;
    drop(prometheus);

    shop.stop().await?;
    let spans = read(&folder.0.join("spans"))?;
    expected::exemplars_are_of(&spans, &exemplars)?;
    done(&format!(
        "{} exemplars, each of an exported trace",
        exemplars.len()
    ));
    let parts = tier.await_all(&spans)?;
    done(&format!(
        "{} spans of {} traces at two instances of rotel ({} and {} traces): each once, each trace at one, tracestate kept",
        spans.len(),
        parts.0 + parts.1,
        parts.0,
        parts.1
    ));
    drop(tier);

    if let Some(python) = args.chdb {
        sampled::record(&folder.0.join("spans"))?;
        let spans = read(&folder.0.join("spans"))?;
        let answers = clickhouse::ask(&python, &folder.0.join("spans"))?;
        for line in clickhouse::compare(&answers, &spans)? {
            done(&line);
        }
    }
    Ok(())
}

fn args(mut words: impl Iterator<Item = String>) -> Result<Args> {
    let (mut checkout, mut rotel, mut chdb) = (None, None, None);
    while let Some(word) = words.next() {
        let place = match word.as_str() {
            "--checkout" => &mut checkout,
            "--rotel" => &mut rotel,
            "--chdb" => &mut chdb,
            _ => {
                return Err(
                    format!("`{word}` is not an option; `cargo xtask deploy` calls this").into(),
                );
            }
        };
        let value = words.next().ok_or_else(|| format!("{word} takes a path"))?;
        *place = Some(PathBuf::from(value));
    }
    let missing = "--checkout and --rotel are needed; `cargo xtask deploy` passes them";
    Ok(Args {
        checkout: checkout.ok_or(missing)?,
        rotel: rotel.ok_or(missing)?,
        chdb,
    })
}

/// The folder `deploy` of the repository.
fn deploy() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy"))
}
