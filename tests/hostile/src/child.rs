//! The service in a separate process, whose stderr is not read.

use std::io::{PipeReader, Write as _};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child as Process, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::Result;

/// The capacity of a pipe on Linux, in bytes.
const PIPE_BYTES: usize = 64 << 10;
/// A process that is stopped ends within its shutdown's time, and a little.
const ENDS_WITHIN: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    pub(crate) url: String,
    /// Never read: it keeps the pipe full.
    _stderr: PipeReader,
}

/// The counts of a process, in the order in which it prints them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) handled: u64,
    /// Spans that the tracer gave to its sinks.
    pub(crate) kept: u64,
    /// Spans that the exporter got, sent and counted as lost.
    pub(crate) given: u64,
    pub(crate) sent: u64,
    pub(crate) lost: u64,
    /// Spans lost to limits before.
    pub(crate) limits: u64,
}

impl Child {
    /// Starts it; it ends with this process.
    pub(crate) async fn start(kind: &str, collector: &str) -> Result<Self> {
        let (reader, mut writer) = std::io::pipe()?;
        writer.write_all(&vec![b'\n'; PIPE_BYTES])?;
        let mut command = Command::new(std::env::current_exe()?);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OTEL_")) {
            command.env_remove(name);
        }
        let mut process = command
            .args(["service", kind, collector])
            .env_remove("HOPLINE_SAMPLING")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(writer)
            .kill_on_drop(true)
            .spawn()?;
        let input = process.stdin.take().ok_or("the child has no input")?;
        let output = process.stdout.take().ok_or("the child has no output")?;
        let mut output = BufReader::new(output).lines();
        let port = timeout(ENDS_WITHIN, output.next_line()).await??;
        let port = port.ok_or_else(|| format!("the {kind} service did not start"))?;
        Ok(Self {
            process,
            input,
            output,
            url: format!("http://127.0.0.1:{port}"),
            _stderr: reader,
        })
    }

    /// Bytes that it holds in memory now.
    pub(crate) fn resident(&self) -> Result<u64> {
        let id = self.process.id().ok_or("the service has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next());
        Ok(kilobytes.ok_or("no VmRSS")?.parse::<u64>()? << 10)
    }

    /// Stops it in good order, and gives what it counted.
    pub(crate) async fn stop(mut self) -> Result<Counts> {
        self.input.write_all(b"stop\n").await?;
        let line = timeout(ENDS_WITHIN, self.output.next_line()).await;
        let line = line.map_err(|_| "a service does not stop")??;
        let line = line.ok_or("a service ended without its counts")?;
        let numbers: Result<Vec<u64>, _> = line.split(' ').map(str::parse).collect();
        let [handled, kept, given, sent, lost, limits] = numbers?[..] else {
            return Err(format!("not counts: {line}").into());
        };
        let status = timeout(ENDS_WITHIN, self.process.wait()).await;
        let status = status.map_err(|_| "a service that has stopped does not end")??;
        if !status.success() {
            return Err(format!("a service ended with {status}").into());
        }
        Ok(Counts {
            handled,
            kept,
            given,
            sent,
            lost,
            limits,
        })
    }
}
