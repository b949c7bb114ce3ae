//! A private server that a test stops and restarts.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Result;

/// The kind of a server, by its name for `cargo xtask server`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(&'static str);

impl Kind {
    /// MariaDB.
    pub const MARIADB: Self = Self("mariadb");
    /// PostgreSQL.
    pub const POSTGRES: Self = Self("postgres");
    /// RabbitMQ.
    pub const RABBITMQ: Self = Self("rabbitmq");
}

/// A private server, started by `cargo xtask server`. It ends on drop, or with this process.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Commands. Closing it ends the server.
    commands: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Server {
    /// Starts a server. Blocks until it accepts connections.
    ///
    /// # Errors
    ///
    /// Returns an error if it does not start. xtask prints the reason on stderr.
    pub fn start(kind: Kind) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut child = Command::new(cargo)
            .args([
                "run",
                "--quiet",
                "--package",
                "xtask",
                "--",
                "server",
                kind.0,
            ])
            .current_dir(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(commands), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("no pipes to the server".into());
        };
        let mut server = Self {
            child,
            commands: Some(commands),
            answers: BufReader::new(answers).lines(),
            url: String::new(),
        };
        server.url = server.answer("ready ")?;
        Ok(server)
    }

    /// The URL, which stays the same across restarts.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Kills all processes of the server with SIGKILL. Blocks until they have ended.
    ///
    /// # Errors
    ///
    /// Returns an error if `cargo xtask server` has ended.
    pub fn kill(&mut self) -> Result<()> {
        self.send("kill")?;
        self.answer("down")?;
        Ok(())
    }

    /// Shuts the server down, as for an update. Blocks until it has ended.
    ///
    /// # Errors
    ///
    /// Returns an error if `cargo xtask server` has ended.
    pub fn stop(&mut self) -> Result<()> {
        self.send("stop")?;
        self.answer("down")?;
        Ok(())
    }

    /// Restarts the server with its data. Blocks until it accepts connections.
    ///
    /// # Errors
    ///
    /// Returns an error if it does not start.
    pub fn start_again(&mut self) -> Result<()> {
        self.send("start")?;
        self.answer("ready ")?;
        Ok(())
    }

    fn send(&mut self, command: &str) -> Result<()> {
        let commands = self.commands.as_mut().ok_or("the server has ended")?;
        writeln!(commands, "{command}")?;
        Ok(())
    }

    fn answer(&mut self, expected: &str) -> Result<String> {
        let line = self.answers.next().ok_or("the server has ended")??;
        let rest = line.strip_prefix(expected);
        rest.map(str::to_owned)
            .ok_or_else(|| format!("unexpected answer of the server: `{line}`").into())
    }
}

/// Closes its standard input, which ends it, and waits until it has cleaned up. Blocks; for tests only.
impl Drop for Server {
    fn drop(&mut self) {
        self.commands = None;
        let _ = self.child.wait();
    }
}
