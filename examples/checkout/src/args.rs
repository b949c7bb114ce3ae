//! The command line.

use std::path::PathBuf;

use hopline::SamplingPlan;

use crate::Result;

/// The usage text.
pub const USAGE: &str = "\
Five services, a database and a queue in one trace.

  checkout [--base-port N]              all five services, until Ctrl-C; each finished trace is printed
  checkout --once                       all five, one of each request, then what the spans show
  checkout --service NAME --base-port N --spans DIR
                                        one of gateway, orders, inventory, payments, worker, broker
  checkout drive --base-port N          one of each request to services that run
  checkout report DIR                   what the spans in DIR show

  --plan TEXT    a sampling plan such as '* 10%; keep errors' (default: every trace is kept)
  --spans DIR    writes each service's spans to DIR/NAME.jsonl, as OTLP JSON lines
  --by-name      listens on all addresses and calls the others by their names (gateway, orders, …), as containers do

DATABASE_URL (postgres:// or sqlite:) and AMQP_URL name real servers; without them a SQLite file and a
broker in the process do. OTEL_EXPORTER_OTLP_ENDPOINT sends the spans to a collector as well.";

/// The command to run.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// All five services until Ctrl-C.
    Serve,
    /// All five services and one of each request.
    Once,
    /// One service, or the broker.
    Service(String),
    /// One of each request to services that run.
    Drive,
    /// Prints a report on the spans in a folder.
    Report(PathBuf),
    /// The usage text.
    Help,
}

/// The command line, understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Args {
    /// The command to run.
    pub command: Command,
    /// The gateway's port; orders, inventory, payments, worker and broker are behind it.
    pub base_port: Option<u16>,
    /// The folder for spans.
    pub spans: Option<PathBuf>,
    /// The sampling plan.
    pub plan: Option<SamplingPlan>,
    /// True if each service has a host of its own, which has its name.
    pub by_name: bool,
}

impl Args {
    /// Reads the words behind the program's name.
    ///
    /// # Errors
    ///
    /// A word is unknown, or its value is missing or wrong.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut args = Self {
            command: Command::Serve,
            base_port: None,
            spans: None,
            plan: None,
            by_name: false,
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "--once" => args.command = Command::Once,
                "drive" => args.command = Command::Drive,
                "report" => args.command = Command::Report(value()?.into()),
                "--service" => args.command = Command::Service(value()?),
                "--base-port" => {
                    let port = value()?
                        .parse()
                        .ok()
                        .filter(|port| (1..65_530).contains(port));
                    args.base_port = Some(port.ok_or("--base-port wants a port such as 4000")?);
                }
                "--spans" => args.spans = Some(value()?.into()),
                "--plan" => {
                    args.plan = Some(
                        value()?
                            .parse()
                            .map_err(|error| format!("--plan: {error}"))?,
                    )
                }
                "--by-name" => args.by_name = true,
                "--help" | "-h" => args.command = Command::Help,
                other => return Err(format!("`{other}` is not understood; see --help").into()),
            }
        }
        if args.by_name && !matches!(args.command, Command::Service(_) | Command::Drive) {
            return Err("--by-name is for --service and drive".into());
        }
        Ok(args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Args, String> {
        Args::parse(line.split_whitespace().map(str::to_owned)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_service_alone() {
        let args = parsed("--service orders --base-port 4000 --spans out").unwrap();
        assert_eq!(
            (args.command, args.base_port, args.spans),
            (
                Command::Service("orders".into()),
                Some(4000),
                Some("out".into())
            )
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(parsed("--service").unwrap_err(), "--service wants a value");
        assert_eq!(
            parsed("--onec").unwrap_err(),
            "`--onec` is not understood; see --help"
        );
        assert_eq!(
            parsed("--plan budget").unwrap_err(),
            "--plan: `budget` at 0: expected a rate such as 200/s behind it"
        );
        assert_eq!(
            parsed("--once --by-name").unwrap_err(),
            "--by-name is for --service and drive"
        );
        assert_eq!(
            parsed("--base-port 99999").unwrap_err(),
            "--base-port wants a port such as 4000"
        );
    }
}
