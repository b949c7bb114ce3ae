//! The servers that tests need, private to one run.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::interrupt::Interrupt;
use crate::process::Process;
use crate::server::Server;
use crate::{Result, account, apt, mariadb, postgres, rabbitmq};

/// The variables of all servers.
pub(crate) const VARIABLES: [&str; 3] = [postgres::VARIABLE, mariadb::VARIABLE, rabbitmq::VARIABLE];

/// The variable of a Postgres whose instructions are counted, for the benchmarks.
const COUNTED: &str = "HOPLINE_BENCH_COUNTED_POSTGRES_URL";

/// Running servers by the variable that names each. Dropping stops them, see [`Server`].
#[derive(Debug)]
pub(crate) struct Services {
    running: Vec<(&'static str, String, Server)>,
    base: PathBuf,
}

impl Services {
    /// Installs what `variables` need and is missing, and the programs that tests start by themselves.
    pub(crate) fn install_for_tests(variables: &[&str]) -> Result<()> {
        let programs = ["prometheus", "promtool"].into_iter().all(apt::on_path);
        let more = if programs { &[][..] } else { &["prometheus"] };
        Self::install_with(variables, more)
    }

    /// Installs what `variables` need and is missing.
    pub(crate) fn install(variables: &[&str]) -> Result<()> {
        Self::install_with(variables, &[])
    }

    fn install_with(variables: &[&str], more: &[&'static str]) -> Result<()> {
        let mut packages = more.to_vec();
        if variables.contains(&postgres::VARIABLE) && postgres::programs().is_none() {
            packages.push("postgresql");
        }
        if variables.contains(&mariadb::VARIABLE) && mariadb::programs().is_none() {
            packages.push("mariadb-server");
        }
        if variables.contains(&rabbitmq::VARIABLE) && rabbitmq::program().is_none() {
            packages.push("rabbitmq-server");
        }
        let instead = format!("install them, or set {}", VARIABLES.join(", "));
        apt::install(&packages, &instead)
    }

    /// Starts the servers that `variables` name.
    pub(crate) fn start(variables: &[&'static str], interrupt: &Interrupt) -> Result<Self> {
        let mut services = Self {
            running: Vec::new(),
            base: make_base()?,
        };
        for variable in variables {
            let begun = Instant::now();
            let (server, url) = match *variable {
                postgres::VARIABLE => postgres::start(&services.base, interrupt)?,
                mariadb::VARIABLE => mariadb::start(&services.base, interrupt)?,
                _ => rabbitmq::start(&services.base, interrupt)?,
            };
            eprintln!(
                "xtask: {} runs after {:.1} s",
                server.name,
                begun.elapsed().as_secs_f64()
            );
            services.running.push((variable, url, server));
        }
        Ok(services)
    }

    /// Starts a Postgres under callgrind beside them; gives the folder where its processes write.
    pub(crate) fn add_counted_postgres(&mut self, interrupt: &Interrupt) -> Result<PathBuf> {
        let (server, url) = postgres::start_counted(&self.base, interrupt)?;
        let dir = server.dir.clone();
        self.running.push((COUNTED, url, server));
        Ok(dir)
    }

    /// Variable and URL of each.
    pub(crate) fn urls(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.running
            .iter()
            .map(|(variable, url, _)| (*variable, url.as_str()))
    }

    /// Restarts the server that this variable names, on the same port and the same data.
    pub(crate) fn restart(&mut self, variable: &str, interrupt: &Interrupt) -> Result<()> {
        let (url, server) = self.named(variable)?;
        match variable {
            postgres::VARIABLE => postgres::restart(server, url, interrupt),
            mariadb::VARIABLE => mariadb::restart(server, url, interrupt),
            _ => rabbitmq::restart(server, url, interrupt),
        }
    }

    /// The server that this variable names, and its URL.
    pub(crate) fn named(&mut self, variable: &str) -> Result<(&str, &mut Server)> {
        let mut running = self.running.iter_mut();
        let found = running.find(|(known, ..)| *known == variable);
        let (_, url, server) = found.ok_or_else(|| format!("{variable} was not started here"))?;
        Ok((url, server))
    }

    /// Lets them outlive this command; `cargo xtask services stop` finds them by the file this writes.
    pub(crate) fn leave_running(mut self) -> Result<()> {
        let mut note =
            String::from("# Left running by xtask; `cargo xtask services stop` ends them.\n");
        note += &format!("#base {}\n", self.base.display());
        for (variable, url, server) in &self.running {
            note += &export(variable, url);
            for (process, signal) in server.processes.iter().rev() {
                note += &format!("#process {signal} {process} {}\n", server.name);
            }
        }
        std::fs::create_dir_all(crate::target())?;
        std::fs::write(note_file(), note)?;
        for (_, _, server) in &mut self.running {
            server.leave_running();
        }
        eprintln!("xtask: noted in {}", note_file().display());
        Ok(())
    }
}

/// After the servers, the folder that held theirs; it stays where one was left running.
impl Drop for Services {
    fn drop(&mut self) {
        // The last to start is the first to stop.
        while let Some((_, _, server)) = self.running.pop() {
            drop(server);
        }
        // Succeeds only on an empty folder, which is what is wanted.
        let _ = std::fs::remove_dir(&self.base);
    }
}

/// `cargo xtask services`: the servers until Ctrl-C.
pub(crate) fn serve() -> Result<()> {
    let interrupt = Interrupt::listen()?;
    let services = start_all(&interrupt)?;
    print_exports(&services);
    eprintln!("xtask: Ctrl-C stops them");
    while !interrupt.arrived() {
        if let Some((_, _, server)) = services
            .running
            .iter()
            .find(|(_, _, server)| !server.is_alive())
        {
            return Err(format!("{} ended by itself", server.name).into());
        }
        sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// `cargo xtask services --detach`: the servers, left running.
pub(crate) fn detach() -> Result<()> {
    let note = Note::read();
    if !note.processes.is_empty() && note.processes.iter().all(|(process, _)| process.is_alive()) {
        eprintln!("xtask: they run already, see {}", note_file().display());
        print!("{}", note.exports);
        return Ok(());
    }
    // Servers of an earlier run are stopped first, since their note is about to be replaced.
    note.stop();
    let interrupt = Interrupt::listen()?;
    let services = start_all(&interrupt)?;
    print_exports(&services);
    services.leave_running()
}

/// `cargo xtask services stop`: ends what was left running.
pub(crate) fn stop() -> Result<()> {
    let note = Note::read();
    if note.processes.is_empty() {
        eprintln!("xtask: nothing was left running");
        return Ok(());
    }
    note.stop();
    std::fs::remove_file(note_file())?;
    eprintln!("xtask: stopped");
    Ok(())
}

fn start_all(interrupt: &Interrupt) -> Result<Services> {
    Services::install_for_tests(&VARIABLES)?;
    interrupt.check()?;
    Services::start(&VARIABLES, interrupt)
}

fn print_exports(services: &Services) {
    for (variable, url) in services.urls() {
        print!("{}", export(variable, url));
    }
}

fn export(variable: &str, url: &str) -> String {
    format!("export {variable}='{url}'\n")
}

fn note_file() -> PathBuf {
    crate::target().join("services.env")
}

/// A new folder for the servers' own ones.
fn make_base() -> Result<PathBuf> {
    // The accounts that the servers run as under root need not be able to reach the checkout.
    let parent = if account::is_root() {
        std::env::temp_dir()
    } else {
        crate::target().join("services")
    };
    std::fs::create_dir_all(&parent)?;
    let base = parent.join(format!("hopline-{}", std::process::id()));
    // One that is there already was left by a run that was killed; its processes may still use it.
    let candidates = (0..100).map(|n| {
        if n == 0 {
            base.clone()
        } else {
            base.with_extension(n.to_string())
        }
    });
    for candidate in candidates {
        if DirBuilder::new().mode(0o711).create(&candidate).is_ok() {
            return Ok(candidate);
        }
    }
    Err(format!("cannot make a folder like {}", base.display()).into())
}

/// The content of `target/services.env`.
#[derive(Debug, Default)]
struct Note {
    base: Option<PathBuf>,
    exports: String,
    processes: Vec<(Process, String)>,
}

impl Note {
    /// Empty where there is no such file.
    fn read() -> Self {
        Self::parse(&std::fs::read_to_string(note_file()).unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let mut note = Self::default();
        for line in text.lines() {
            if let Some(base) = line.strip_prefix("#base ") {
                note.base = Some(PathBuf::from(base));
            } else if let Some(words) = line.strip_prefix("#process ") {
                let mut words = words.split(' ');
                if let (Some(signal), Some(Ok(process))) =
                    (words.next(), words.next().map(str::parse))
                {
                    note.processes.push((process, signal.to_owned()));
                }
            } else if line.starts_with("export ") {
                note.exports += &format!("{line}\n");
            }
        }
        note
    }

    fn stop(&self) {
        for (process, signal) in &self.processes {
            process.stop(signal, Duration::from_secs(30));
        }
        // Named by hand or by another program it is left alone: only folders made here are deleted.
        if let Some(base) = self.base.as_deref().filter(|base| is_ours(base)) {
            let _ = std::fs::remove_dir_all(base);
        }
    }
}

fn is_ours(base: &Path) -> bool {
    base.is_absolute()
        && base
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("hopline-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_reads_back() {
        let note = Note::parse(
            "# words\n#base /tmp/hopline-1\nexport A='b'\n#process INT 12@34 Postgres\n#process TERM 5@6 RabbitMQ\n",
        );
        assert_eq!(note.base.as_deref(), Some(Path::new("/tmp/hopline-1")));
        assert_eq!(note.exports, "export A='b'\n");
        let processes = [("12@34", "INT"), ("5@6", "TERM")];
        assert_eq!(
            note.processes,
            processes.map(|(process, signal)| (process.parse().unwrap(), signal.to_owned()))
        );
    }

    #[test]
    fn a_damaged_note_names_nothing_to_stop() {
        let note = Note::parse("#process TERM\n#process TERM 1\n#process TERM x@y z\n#base /\n");
        assert!(note.processes.is_empty());
        assert!(!is_ours(note.base.as_deref().unwrap()));
    }
}
