//! A running shop with a database and a queue of its own.

use std::net::SocketAddr;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::Mutex;

use crate::payments;

pub(crate) struct Shop {
    pub(crate) address: SocketAddr,
    child: Child,
    output: Mutex<Output>,
}

struct Output {
    lines: Lines<BufReader<ChildStdout>>,
    log: Vec<String>,
}

/// The end of a shop process.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    /// Its log lines without times, in alphabetical order: worker and handlers log at the same time.
    pub(crate) log: Vec<String>,
}

impl Shop {
    /// Starts a form of the shop and waits until it listens.
    pub(crate) async fn start(form: &str, program: &str, collector: &str) -> Self {
        let name = format!("shop_{form}_{}", std::process::id());
        let mut child = Command::new(program)
            .env("SHOP_LISTEN", "127.0.0.1:0")
            .env("SHOP_DATABASE_URL", database(&name).await)
            .env("SHOP_AMQP_URL", server("HOPLINE_TEST_AMQP_URL"))
            .env("SHOP_PAYMENTS_URL", payments::serve().await)
            .env("SHOP_QUEUE", name)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
            .env("RUST_BACKTRACE", "0")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut output = Output {
            lines,
            log: Vec::new(),
        };
        let line = output.until("listening on ").await;
        let (_, address) = line.rsplit_once(' ').unwrap();
        Self {
            address: address.parse().unwrap(),
            child,
            output: Mutex::new(output),
        }
    }

    /// Waits for the next log line with this text.
    pub(crate) async fn logs(&self, text: &str) {
        self.output.lock().await.until(text).await;
    }

    /// Ends it by Ctrl-C and waits for its end.
    pub(crate) async fn interrupt(self) -> Ended {
        let Self {
            mut child, output, ..
        } = self;
        let kill = std::process::Command::new("kill")
            .args(["-INT", &child.id().unwrap().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let mut output = output.into_inner();
        while let Some(line) = output.lines.next_line().await.unwrap() {
            output.log.push(line);
        }
        let status = child.wait().await.unwrap();
        let mut log = normal(&output.log.join("\n"));
        log.sort_unstable();
        Ended {
            status: status.code(),
            log,
        }
    }
}

impl Output {
    async fn until(&mut self, text: &str) -> String {
        loop {
            let line = self.lines.next_line().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("ended without `{text}`: {:#?}", self.log));
            self.log.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }
}

/// Log lines without what differs between two runs: times, ports, the form's name.
pub(crate) fn normal(log: &str) -> Vec<String> {
    // lapin reports the end of its connection or does not, as it happens
    let own = |line: &&str| !line.contains(" lapin::");
    log.lines()
        .filter(own)
        .map(|line| {
            let words = line.split_whitespace().skip(1).map(word);
            words.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

fn word(word: &str) -> String {
    if word.starts_with("latency=") {
        return "latency=…".to_owned();
    }
    let word = word
        .replace("shop_plain", "shop")
        .replace("shop_traced", "shop");
    match word.split_once("127.0.0.1:") {
        Some((before, after)) => {
            let path = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
            format!("{before}127.0.0.1{path}")
        }
        None => word,
    }
}

fn server(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run `cargo xtask services`"))
}

/// A new database of this name.
async fn database(name: &str) -> String {
    use sqlx::{ConnectOptions, Connection};
    let url = server("HOPLINE_TEST_POSTGRES_URL");
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let mut connection = sqlx::PgConnection::connect_with(&options).await.unwrap();
    for statement in [
        format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        format!("CREATE DATABASE {name}"),
    ] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    options.database(name).to_url_lossy().to_string()
}
