//! A RabbitMQ of one's own, to be killed.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Result;

/// A RabbitMQ of one's own, started by `cargo xtask broker`. It ends when this is dropped, or with this process.
#[derive(Debug)]
pub struct Rabbit {
    child: Child,
    /// Closed to end it.
    words: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Rabbit {
    /// Starts it; blocks until it takes connections.
    ///
    /// # Errors
    ///
    /// It cannot be started; xtask says why on stderr.
    pub fn start() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut child = Command::new(cargo)
            .args(["run", "--quiet", "--package", "xtask", "--", "broker"])
            .current_dir(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(words), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("no pipes to the broker".into());
        };
        let mut rabbit = Self {
            child,
            words: Some(words),
            answers: BufReader::new(answers).lines(),
            url: String::new(),
        };
        rabbit.url = rabbit.answer("ready ")?;
        Ok(rabbit)
    }

    /// Where it is, before and after it was killed.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends it by SIGKILL; blocks until it is gone.
    ///
    /// # Errors
    ///
    /// It had ended by itself.
    pub fn kill(&mut self) -> Result<()> {
        self.say("kill")?;
        self.answer("killed")?;
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
        let words = self.words.as_mut().ok_or("the broker has ended")?;
        writeln!(words, "{word}")?;
        Ok(())
    }

    fn answer(&mut self, expected: &str) -> Result<String> {
        let line = self.answers.next().ok_or("the broker has ended")??;
        let rest = line.strip_prefix(expected);
        rest.map(str::to_owned)
            .ok_or_else(|| format!("the broker said `{line}`").into())
    }
}

/// The end of its stdin ends it; waits until it has cleaned up.
impl Drop for Rabbit {
    fn drop(&mut self) {
        self.words = None;
        let _ = self.child.wait();
    }
}
