//! The steps of a run: what runs, for how long, and the table at the end.

use std::iter;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Result;
use crate::interrupt::Interrupt;
use crate::process::{Process, TICK, signal_group};

/// Runs one step after the other; the first that fails is the last.
#[derive(Debug)]
pub(crate) struct Steps {
    done: Vec<(String, Duration, bool)>,
    interrupt: Interrupt,
    /// The longest time of a command; none for those whose time the person chooses.
    limit: Option<Duration>,
}

impl Steps {
    pub(crate) fn new(interrupt: Interrupt) -> Self {
        Self {
            done: Vec::new(),
            interrupt,
            limit: None,
        }
    }

    /// Stops a command that takes longer, and reports it with the processes that still run: the output of one that hangs
    /// names none of them.
    pub(crate) fn with_limit(self, limit: Duration) -> Self {
        Self {
            limit: Some(limit),
            ..self
        }
    }

    /// Times `work` as a step.
    pub(crate) fn time<T>(
        &mut self,
        name: &str,
        work: impl FnOnce(&Interrupt) -> Result<T>,
    ) -> Result<T> {
        self.interrupt.check()?;
        println!("\n== {name}");
        let begun = Instant::now();
        let answer = work(&self.interrupt);
        self.done
            .push((name.to_owned(), begun.elapsed(), answer.is_ok()));
        answer.map_err(|error| format!("{name}: {error}").into())
    }

    /// Runs a command as a step; it must succeed.
    pub(crate) fn run(&mut self, name: &str, command: &mut Command) -> Result<()> {
        let limit = self.limit;
        self.time(name, |interrupt| {
            println!("   {}", line(command));
            run(command, limit, interrupt)
        })
    }

    /// The table of all steps so far.
    pub(crate) fn table(&self) -> String {
        let width = self
            .done
            .iter()
            .map(|(name, ..)| name.len())
            .max()
            .unwrap_or(0)
            .max("total".len());
        let row = |name: &str, time: Duration, note: &str| {
            format!("{name:width$}  {:>7.1} s{note}\n", time.as_secs_f64())
        };
        let mut table = String::new();
        for (name, time, passed) in &self.done {
            table += &row(name, *time, if *passed { "" } else { "  FAILED" });
        }
        table + &row("total", self.total(), "")
    }

    pub(crate) fn total(&self) -> Duration {
        self.done.iter().map(|(_, time, _)| time).sum()
    }
}

/// Waits for `command`, or stops it and everything below it when this command is interrupted or `limit` has passed.
fn run(command: &mut Command, limit: Option<Duration>, interrupt: &Interrupt) -> Result<()> {
    // A group of its own: cargo forwards no signal to the compilers and tests it starts, a signal to the group does.
    let mut child = command.stdin(Stdio::null()).process_group(0).spawn()?;
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return if status.success() {
                Ok(())
            } else {
                Err(status.to_string().into())
            };
        }
        let passed = limit.filter(|limit| begun.elapsed() > *limit);
        if passed.is_some() || interrupt.arrived() {
            let process = Process::of(child.id());
            let running = process.map(Process::command_lines).unwrap_or_default();
            signal_group(child.id(), "TERM");
            if let Some(process) = process {
                process.ends_within(Duration::from_secs(10));
            }
            // The group's id stays ours until `wait` below, also when its leader has ended before the rest of it.
            signal_group(child.id(), "KILL");
            child.wait()?;
            return Err(match passed {
                Some(limit) => {
                    let running = running.join("\n  ");
                    format!("stopped after {limit:?}; still running were\n  {running}").into()
                }
                None => "interrupted".into(),
            });
        }
        sleep(TICK);
    }
}

/// The command as one would type it, but for URLs: one that the person set may hold a password.
fn line(command: &Command) -> String {
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.display().to_string(), value?)));
    let variables = variables.map(|(name, value)| match name.ends_with("_URL") {
        true => format!("{name}=…"),
        false => format!("{name}='{}'", value.display()),
    });
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let words = iter::once(program)
        .chain(command.get_args())
        .map(|word| word.display().to_string());
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    fn steps() -> Steps {
        Steps::new(Interrupt::default())
    }

    #[test]
    fn a_failed_step_is_named_and_marked() {
        let mut steps = steps();
        steps.run("good", &mut Command::new("true")).unwrap();
        let error = steps
            .run("bad", Command::new("sh").args(["-c", "exit 3"]))
            .unwrap_err();
        assert_eq!(error.to_string(), "bad: exit status: 3");
        let table = steps.table();
        let rows: Vec<&str> = table.lines().collect();
        assert!(
            rows[0].starts_with("good ") && rows[0].ends_with(" s"),
            "{table}"
        );
        assert!(
            rows[1].starts_with("bad ") && rows[1].ends_with(" s  FAILED"),
            "{table}"
        );
        assert!(rows[2].starts_with("total "), "{table}");
    }

    #[test]
    fn an_interrupt_ends_the_step_with_all_that_it_started() {
        let (reader, writer) = std::io::pipe().unwrap();
        let interrupt = Interrupt::default();
        let mut steps = Steps::new(interrupt.clone());
        // Neither would end by itself, and the inner one ignores the polite signal.
        let script = "(trap '' TERM; echo ready; sleep 600; sleep 600) & wait";
        let person = std::thread::spawn(move || {
            let mut reader = BufReader::new(reader);
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            interrupt.raise();
            // The pipe ends once every process that holds it is gone.
            reader.read_line(&mut line).unwrap()
        });
        // The command holds the pipe too, so it is dropped at once.
        let error = steps
            .run(
                "long",
                Command::new("sh").args(["-c", script]).stdout(writer),
            )
            .unwrap_err();
        assert_eq!(error.to_string(), "long: interrupted");
        assert_eq!(person.join().unwrap(), 0);
        assert!(
            steps.run("next", &mut Command::new("true")).is_err(),
            "nothing more is started"
        );
    }

    #[test]
    fn a_step_beyond_the_limit_is_stopped_and_its_processes_are_named() {
        let limit = Duration::from_millis(300);
        let hang = ["-c", "sleep 601 & wait"];
        let mut limited = steps().with_limit(limit);
        let error = limited.run("tests", Command::new("sh").args(hang));
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with("tests: stopped after 300ms; still running were\n"),
            "{error}"
        );
        let (_, running) = error.lines().last().unwrap().split_once("  ").unwrap();
        let (pid, line) = running.split_once(' ').unwrap();
        assert_eq!(line, "sleep 601");
        assert!(Process::of(pid.parse().unwrap()).is_none_or(|process| !process.is_alive()));

        // without a limit, a step takes its time
        steps()
            .run("soak", Command::new("sleep").arg("0.6"))
            .unwrap();
    }

    #[test]
    fn a_command_is_shown_as_typed() {
        let mut command = Command::new("/usr/bin/cargo");
        command
            .args(["doc", "--no-deps"])
            .env("RUSTDOCFLAGS", "-D warnings")
            .env_remove("AMQP_URL");
        assert_eq!(
            line(&command),
            "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps"
        );
    }
}
