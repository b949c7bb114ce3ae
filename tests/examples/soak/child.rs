//! A process of this program that takes a line and answers with one.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child as Process, ChildStdin, ChildStdout, Command};

use crate::Result;

#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Child {
    /// Starts it; it ends with this process.
    pub(crate) fn start(words: &[&str], variables: &[(&str, &str)]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(words)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn()?;
        let input = process.stdin.take().ok_or("the child has no input")?;
        let output = process.stdout.take().ok_or("the child has no output")?;
        Ok(Self {
            process,
            input,
            output: BufReader::new(output).lines(),
        })
    }

    pub(crate) fn id(&self) -> Result<u32> {
        Ok(self.process.id().ok_or("the child has ended")?)
    }

    pub(crate) async fn line(&mut self) -> Result<String> {
        let line = self.output.next_line().await?;
        Ok(line.ok_or("the child has ended")?)
    }

    /// Prints a line, and waits for the answer.
    pub(crate) async fn ask(&mut self, line: &str) -> Result<String> {
        self.input.write_all(format!("{line}\n").as_bytes()).await?;
        self.line().await
    }
}

/// The lines that the parent sends.
pub(crate) fn orders() -> Lines<BufReader<tokio::io::Stdin>> {
    BufReader::new(tokio::io::stdin()).lines()
}
