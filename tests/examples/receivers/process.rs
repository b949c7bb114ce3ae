//! The receivers as processes of their own, and their ports.

use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::LONG;

/// A child that ends with this program.
pub(crate) struct Process(Child);

impl Process {
    /// Starts it and waits until it listens.
    pub(crate) fn start(command: &mut Command, ports: &[u16]) -> Self {
        let shown = Path::new(command.get_program()).display().to_string();
        let mut process = Self(
            command
                .spawn()
                .unwrap_or_else(|error| panic!("{shown}: {error}")),
        );
        let start = Instant::now();
        for port in ports {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_err() {
                assert!(start.elapsed() < LONG, "{shown} does not listen on {port}");
                let ended = process.0.try_wait().unwrap();
                assert!(ended.is_none(), "{shown} ended: {ended:?}");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        process
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
