//! Ctrl-C and its relatives, as a flag that waits look at.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::Result;

/// Set once the person (or the machine) asked this command to end.
///
/// A flag and no exit in the handler: what was started is stopped on the way out, by its owners' `Drop`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    pub(crate) fn listen() -> io::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Self(flag))
    }

    pub(crate) fn arrived(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.arrived() {
            Err("interrupted".into())
        } else {
            Ok(())
        }
    }

    /// The effect of a signal, for tests.
    #[cfg(test)]
    pub(crate) fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    // The only test that listens: a signal reaches every listener of the test process.
    #[test]
    fn a_signal_sets_the_flag_and_nothing_else() {
        let interrupt = Interrupt::listen().unwrap();
        interrupt.check().unwrap();
        let me = std::process::id().to_string();
        Command::new("sh")
            .args(["-c", r#"kill -s TERM "$1""#, "sh", &me])
            .status()
            .unwrap();
        while !interrupt.arrived() {
            std::thread::yield_now();
        }
        assert_eq!(interrupt.check().unwrap_err().to_string(), "interrupted");
    }
}
