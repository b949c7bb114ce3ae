//! A server of one's own, to be ended and started again.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Result;

/// What kind of server it is, by the word for it.
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

/// A server of one's own, started by `cargo xtask server`. It ends when this is dropped, or with this process.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Closed to end it.
    words: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Server {
    /// Starts it; blocks until it takes connections.
    ///
    /// # Errors
    ///
    /// It cannot be started; xtask says why on stderr.
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
        let (Some(words), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("no pipes to the server".into());
        };
        let mut server = Self {
            child,
            words: Some(words),
            answers: BufReader::new(answers).lines(),
            url: String::new(),
        };
        server.url = server.answer("ready ")?;
        Ok(server)
    }

    /// Where it is, before and after it was ended.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends all of it by SIGKILL; blocks until it is gone.
    ///
    /// # Errors
    ///
    /// What started it has ended.
    pub fn kill(&mut self) -> Result<()> {
        self.say("kill")?;
        self.answer("down")?;
        Ok(())
    }

    /// Ends it in order, as for an update; blocks until it is gone.
    ///
    /// # Errors
    ///
    /// What started it has ended.
    pub fn stop(&mut self) -> Result<()> {
        self.say("stop")?;
        self.answer("down")?;
        Ok(())
    }

    /// Starts it again, with the data it had; blocks until it takes connections.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn start_again(&mut self) -> Result<()> {
        self.say("start")?;
        self.answer("ready ")?;
        Ok(())
    }

    fn say(&mut self, word: &str) -> Result<()> {
        let words = self.words.as_mut().ok_or("the server has ended")?;
        writeln!(words, "{word}")?;
        Ok(())
    }

    fn answer(&mut self, expected: &str) -> Result<String> {
        let line = self.answers.next().ok_or("the server has ended")??;
        let rest = line.strip_prefix(expected);
        rest.map(str::to_owned)
            .ok_or_else(|| format!("the server said `{line}`").into())
    }
}

/// The end of its stdin ends it; waits until it has cleaned up.
impl Drop for Server {
    fn drop(&mut self) {
        self.words = None;
        let _ = self.child.wait();
    }
}
