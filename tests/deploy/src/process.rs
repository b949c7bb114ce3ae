//! Child processes that end with the program.

use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{LONG, Result};

/// A child. Dropping it kills it: nothing in it is to be saved.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts it.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let child = command.spawn();
        let name = command.get_program().display();
        Ok(Self(child.map_err(|error| format!("{name}: {error}"))?))
    }

    /// Starts it, and waits until it listens on these ports.
    pub(crate) async fn start(command: &mut Command, ports: &[u16]) -> Result<Self> {
        let mut process = Self::spawn(command)?;
        let name = command.get_program().display().to_string();
        let begun = Instant::now();
        for port in ports {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_err() {
                if let Some(status) = process.0.try_wait()? {
                    return Err(format!("{name} ended: {status}").into());
                }
                if begun.elapsed() > LONG {
                    return Err(
                        format!("{name} does not listen on port {port} after {LONG:?}").into(),
                    );
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(process)
    }

    /// Asks it for an orderly end, and waits for it.
    pub(crate) async fn end(mut self) -> Result<ExitStatus> {
        let pid = Pid::from_raw(self.0.id().cast_signed()).ok_or("a process has no id")?;
        kill_process(pid, Signal::TERM)?;
        let begun = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            if begun.elapsed() > LONG {
                return Err(format!("process {pid:?} does not end after {LONG:?}").into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Process {
    /// Ends it by its own id, and collects its status. Both fail if it has ended, which is as well.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
