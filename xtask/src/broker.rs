//! `cargo xtask broker`: a RabbitMQ that another program may kill and start again.

use std::io::{BufRead, stdin};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use crate::interrupt::Interrupt;
use crate::process::TICK;
use crate::services::{Services, make_base};
use crate::{Result, rabbitmq};

/// Says `ready URL` on stdout, then does what stdin says, a word a line: `kill` (answered by `killed`) and `start`
/// (by `ready URL`, with the same data on the same port). The end of stdin ends it, so it never outlives its caller.
pub(crate) fn serve() -> Result<()> {
    let interrupt = Interrupt::listen()?;
    Services::install(&[rabbitmq::VARIABLE])?;
    let base = Base(make_base()?);
    let (mut server, node) = rabbitmq::prepare(&base.0, &interrupt)?;
    let mut process = node.launch(&mut server, &interrupt)?;
    println!("ready {}", node.url());
    let words = words();
    loop {
        interrupt.check()?;
        match words.recv_timeout(TICK).as_deref() {
            Ok("kill") => {
                process.crash();
                println!("killed");
            }
            Ok("start") => {
                process = node.launch(&mut server, &interrupt)?;
                println!("ready {}", node.url());
            }
            Ok(other) => return Err(format!("`{other}` is neither `kill` nor `start`").into()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// The lines of stdin. From a thread, since reading cannot be interrupted; it ends with stdin or the process.
fn words() -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in stdin().lock().lines().map_while(std::io::Result::ok) {
            if sender.send(line.trim().to_owned()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The folder around the server's own, deleted after it.
struct Base(PathBuf);

impl Drop for Base {
    fn drop(&mut self) {
        // Succeeds only on an empty folder, which is what is wanted.
        let _ = std::fs::remove_dir(&self.0);
    }
}
