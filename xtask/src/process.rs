//! Processes by identity, so that only what was started here is ever stopped.

use std::fmt;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The interval of polling; a process that is not a child offers no event to wait for.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// A process, distinguished from a later one with the same id by its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pid: u32,
    started: u64,
}

impl Process {
    /// The process that has this id now.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let Stat { started, .. } = stat(pid)?;
        Some(Self { pid, started })
    }

    /// True if it still runs; a zombie does not.
    pub(crate) fn is_alive(self) -> bool {
        stat(self.pid)
            .is_some_and(|stat| stat.started == self.started && !matches!(stat.state, 'Z' | 'X'))
    }

    pub(crate) fn signal(self, name: &str) {
        if self.is_alive() {
            kill(name, &self.pid.to_string());
        }
    }

    /// Sends `signal`, waits at most `grace`, then kills it with all that it started.
    ///
    /// It must lead a process group, as everything started here does.
    pub(crate) fn stop(self, signal: &str, grace: Duration) {
        self.signal(signal);
        if !self.ends_within(grace) {
            signal_group(self.pid, "KILL");
            self.ends_within(Duration::from_secs(5));
        }
    }

    /// Kills it with all processes that it started: a crash, for tests of recovery.
    ///
    /// Also what left its group, as each of Postgres' processes does.
    pub(crate) fn crash(self) {
        // who is stopped starts no more, and has no last word where another is gone already
        self.signal("STOP");
        let below = self.below();
        for process in &below {
            process.signal("STOP");
        }
        if self.is_alive() {
            signal_group(self.pid, "KILL");
        }
        for process in &below {
            process.signal("KILL");
        }
        for process in below.into_iter().chain([self]) {
            process.ends_within(Duration::from_secs(10));
        }
    }

    /// It and all that it started, each as its id and command line.
    pub(crate) fn command_lines(self) -> Vec<String> {
        let all = [self].into_iter().chain(self.below());
        all.map(|Self { pid, .. }| {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            format!("{pid} {}", words.trim_end())
        })
        .collect()
    }

    /// All that it started, and what those did.
    fn below(self) -> Vec<Self> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let all: Vec<(u32, Stat)> = entries
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(|pid| Some((pid, stat(pid)?)))
            .collect();
        let mut found = vec![self];
        let mut at = 0;
        while let Some(Self { pid, .. }) = found.get(at).copied() {
            let children = all.iter().filter(|(_, stat)| stat.parent == pid);
            found.extend(children.map(|(pid, stat)| Self {
                pid: *pid,
                started: stat.started,
            }));
            at += 1;
        }
        found.split_off(1)
    }

    pub(crate) fn ends_within(self, time: Duration) -> bool {
        let start = Instant::now();
        while self.is_alive() {
            if start.elapsed() > time {
                return false;
            }
            sleep(TICK);
        }
        true
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.pid, self.started)
    }
}

impl FromStr for Process {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text
            .split_once('@')
            .and_then(|(pid, started)| Some((pid.parse().ok()?, started.parse().ok()?)));
        let (pid, started) = parsed.ok_or_else(|| format!("`{text}` is not a process"))?;
        Ok(Self { pid, started })
    }
}

/// Signals a whole process group that was made for a child of ours.
pub(crate) fn signal_group(leader: u32, name: &str) {
    kill(name, &format!("-{leader}"));
}

/// Through the shell, whose `kill` is built in: std has no signals, and the program is missing on small systems.
fn kill(signal: &str, whom: &str) {
    let script = ["-c", r#"kill -s "$1" -- "$2""#, "sh", signal, whom];
    // It fails where the process ended in the meantime, which is what was wanted.
    let _ = Command::new("sh")
        .args(script)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// Fields 3, 4 and 22 of proc(5)'s `stat`.
struct Stat {
    state: char,
    parent: u32,
    /// In clock ticks since boot.
    started: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in field 2 may hold anything, spaces and parentheses too; it ends at the last parenthesis.
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
    Some(Stat {
        state: fields.next()?.chars().next()?,
        parent: fields.next()?.parse().ok()?,
        started: fields.nth(17)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;

    use super::*;

    #[test]
    fn a_process_is_known_by_id_and_start_time() {
        let mut child = Command::new("sleep")
            .arg("60")
            .process_group(0)
            .spawn()
            .unwrap();
        let process = Process::of(child.id()).unwrap();
        assert!(process.is_alive());
        assert_eq!(process.to_string().parse(), Ok(process));

        let earlier = Process {
            started: process.started - 1,
            ..process
        };
        assert!(!earlier.is_alive(), "the id was used again");
        earlier.stop("KILL", Duration::ZERO);
        assert!(
            process.is_alive(),
            "another process with the same id is left alone"
        );

        process.stop("TERM", Duration::from_secs(10));
        assert!(!process.is_alive(), "a zombie counts as ended");
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn what_ignores_its_signal_is_killed_with_its_children() {
        // The reader sees the end of the pipe once every process that holds it is gone.
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' TERM; echo ready; sleep 60; sleep 60"])
            .process_group(0);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();

        let process = Process::of(child.id()).unwrap();
        process.stop("TERM", Duration::from_millis(100));
        assert!(!process.is_alive());
        assert_eq!(output.read_line(&mut line).unwrap(), 0);
        child.wait().unwrap();
    }

    #[test]
    fn a_crash_ends_also_what_left_the_group() {
        let script = "setsid sh -c 'sleep 20 & echo $!; wait' & wait";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let sleeper = Process::of(line.trim().parse().unwrap()).unwrap();

        Process::of(child.id()).unwrap().crash();
        assert!(!sleeper.is_alive());
        child.wait().unwrap();
    }
}
