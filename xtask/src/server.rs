//! A private server: its processes, its folder, its URL.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Result;
use crate::interrupt::Interrupt;
use crate::process::{Process, TICK};

/// The time that a process has for an orderly end.
const GRACE: Duration = Duration::from_secs(30);

/// A running server of ours. Dropping it stops it and deletes its folder, unless it was left running.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) dir: PathBuf,
    /// With the signal that asks each for an orderly end, in the order of starting.
    pub(crate) processes: Vec<(Process, String)>,
    /// Kept to collect their exit status, so that a stopped one leaves no zombie.
    children: Vec<Child>,
    /// The command that restarts the last of them.
    main: Option<(Command, PathBuf)>,
    left_running: bool,
}

impl Server {
    /// A server without processes: if its start fails later, the parts that were started are still cleaned up.
    pub(crate) fn new(name: &'static str, dir: PathBuf) -> Self {
        Self {
            name,
            dir,
            processes: Vec::new(),
            children: Vec::new(),
            main: None,
            left_running: false,
        }
    }

    /// Starts one of its processes in the background, writing to `log`.
    pub(crate) fn spawn(
        &mut self,
        mut command: Command,
        signal: &str,
        log: &Path,
    ) -> Result<Process> {
        let process = self.start(&mut command, signal, log)?;
        self.main = Some((command, log.to_owned()));
        Ok(process)
    }

    /// Ends its main process as a crash does, with all that it started.
    pub(crate) fn crash(&self) {
        if let Some((process, _)) = self.processes.last() {
            process.crash();
        }
    }

    /// Ends its main process in order.
    pub(crate) fn shut_down(&self) {
        if let Some((process, signal)) = self.processes.last() {
            process.stop(signal, GRACE);
        }
    }

    /// Starts its main process anew, on the same port and the same data; one that still runs is ended in order first.
    pub(crate) fn restart(
        &mut self,
        limit: Duration,
        interrupt: &Interrupt,
        ready: impl Fn() -> bool,
    ) -> Result<()> {
        let (Some((mut command, log)), Some((process, signal))) =
            (self.main.take(), self.processes.pop())
        else {
            return Err(format!("{} was not started", self.name).into());
        };
        process.stop(&signal, GRACE);
        if let Some(mut child) = self.children.pop() {
            child.try_wait()?;
        }
        let process = self.start(&mut command, &signal, &log)?;
        self.wait(process, limit, &log, interrupt, ready)?;
        self.main = Some((command, log));
        Ok(())
    }

    fn start(&mut self, command: &mut Command, signal: &str, log: &Path) -> Result<Process> {
        let file = File::create(log)?;
        command.stdout(file.try_clone()?).stderr(file);
        let child = command
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", self.name))?;
        let process = Process::of(child.id());
        let process = process.ok_or_else(|| format!("{} cannot be seen in /proc", self.name))?;
        self.processes.push((process, signal.to_owned()));
        self.children.push(child);
        Ok(process)
    }

    /// Waits until `ready` succeeds, while `process` lives.
    pub(crate) fn wait(
        &self,
        process: Process,
        limit: Duration,
        log: &Path,
        interrupt: &Interrupt,
        ready: impl Fn() -> bool,
    ) -> Result<()> {
        let start = Instant::now();
        while !ready() {
            interrupt.check()?;
            if !process.is_alive() {
                return Err(format!("{} did not start{}", self.name, tail(log)).into());
            }
            if start.elapsed() > limit {
                return Err(format!(
                    "{} is not ready after {} s{}",
                    self.name,
                    limit.as_secs(),
                    tail(log)
                )
                .into());
            }
            sleep(TICK);
        }
        Ok(())
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.processes.iter().all(|(process, _)| process.is_alive())
    }

    /// Gives up ownership: the processes outlive this command.
    pub(crate) fn leave_running(&mut self) {
        self.left_running = true;
    }
}

/// Stops the processes, the last first, and deletes the folder.
///
/// It runs on every way out, errors and panics included; the grace that each process gets bounds it.
impl Drop for Server {
    fn drop(&mut self) {
        if self.left_running {
            return;
        }
        for (process, signal) in self.processes.iter().rev() {
            process.stop(signal, GRACE);
        }
        for child in &mut self.children {
            // Not `wait`: one that even SIGKILL did not end must not hold this command.
            let _ = child.try_wait();
        }
        // A folder that cannot go is no reason to fail; it lies in a temporary place.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Runs a preparing command to its end; its output is shown only where it fails.
pub(crate) fn prepare(command: &mut Command, what: &str) -> Result<()> {
    let output = command
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| format!("cannot run {what}: {error}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    // Postgres in single-user mode reports a failed statement, yet ends with success.
    if output.status.success() && !errors.contains("ERROR:") {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Err(format!("{what} failed ({}):\n{text}{errors}", output.status).into())
}

/// A free loopback port, another one at each call.
///
/// Below the range from which systems take ports for outgoing connections, so that only another test run could take
/// it before the server does; the server then fails to start, with an error.
pub(crate) fn free_port() -> Result<u16> {
    // Runs begin at different places; within a run nothing is offered twice.
    static OFFERED: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(7919);
    for _ in 0..12_000 {
        let step = OFFERED.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(20_000 + first.wrapping_add(step) % 12_000)?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no free loopback port".into())
}

/// The port in a URL made here.
pub(crate) fn port_of(url: &str) -> Result<u16> {
    let port = url.rsplit_once(':').map_or("", |(_, rest)| rest);
    let port = port.split_once('/').map_or(port, |(port, _)| port);
    Ok(port.parse().map_err(|_| "the server's URL names no port")?)
}

fn tail(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..]
        .iter()
        .fold(String::from(":"), |all, line| all + "\n  " + line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("hopline-xtask-{name}-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        dir
    }

    #[test]
    fn dropping_a_server_stops_it_and_deletes_its_folder() {
        let dir = temporary("drop");
        let mut server = Server::new("sleeper", dir.clone());
        let process = server.spawn(sleep(), "TERM", &dir.join("log")).unwrap();
        assert!(server.is_alive());
        drop(server);
        assert!(!process.is_alive());
        assert!(!dir.exists());
    }

    #[test]
    fn a_restarted_server_is_another_process_of_the_same_kind() {
        let dir = temporary("restart");
        let mut server = Server::new("sleeper", dir.clone());
        let first = server.spawn(sleep(), "TERM", &dir.join("log")).unwrap();
        let interrupt = Interrupt::default();
        server
            .restart(Duration::from_secs(10), &interrupt, || true)
            .unwrap();
        assert!(!first.is_alive());
        assert!(server.is_alive());
        assert_eq!(server.processes.len(), 1);
        drop(server);
        assert!(!dir.exists());
    }

    fn sleep() -> Command {
        let mut command = Command::new("sleep");
        command.arg("60");
        command
    }

    #[test]
    fn a_server_that_ends_while_awaited_shows_its_log() {
        let dir = temporary("wait");
        let log = dir.join("log");
        let mut server = Server::new("brief", dir);
        let mut command = Command::new("sh");
        command.args(["-c", "echo no room >&2; exit 1"]);
        let process = server.spawn(command, "TERM", &log).unwrap();
        let interrupt = Interrupt::default();
        let error = server
            .wait(process, Duration::from_secs(60), &log, &interrupt, || false)
            .unwrap_err();
        assert_eq!(error.to_string(), "brief did not start:\n  no room");
    }

    #[test]
    fn the_port_follows_the_host() {
        assert_eq!(
            port_of("postgres://test:test@127.0.0.1:5432/test").unwrap(),
            5432
        );
        assert_eq!(
            port_of("amqp://guest:guest@127.0.0.1:5672/%2f").unwrap(),
            5672
        );
        assert!(port_of("postgres://test:test@localhost/test").is_err());
    }

    #[test]
    fn free_ports_differ_and_can_be_bound() {
        let (one, other) = (free_port().unwrap(), free_port().unwrap());
        assert_ne!(one, other);
        TcpListener::bind((Ipv4Addr::LOCALHOST, one)).unwrap();
    }
}
