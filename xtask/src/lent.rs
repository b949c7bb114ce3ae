//! `cargo xtask server KIND`: a server that another program may end and start again.

use std::io::{BufRead, stdin};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use crate::interrupt::Interrupt;
use crate::process::TICK;
use crate::services::Services;
use crate::{Result, mariadb, postgres, rabbitmq};

/// Prints `ready URL`, then follows commands on stdin, one word on each line: `kill` (SIGKILL for all of it) and `stop` (in
/// order), both answered by `down`, and `start` (by `ready URL`, with the same data on the same port). The end of
/// stdin ends it, so it never outlives its caller.
pub(crate) fn serve(kind: &str) -> Result<()> {
    let variable = match kind {
        "postgres" => postgres::VARIABLE,
        "mariadb" => mariadb::VARIABLE,
        "rabbitmq" => rabbitmq::VARIABLE,
        _ => return Err(format!("`{kind}` is not postgres, mariadb or rabbitmq").into()),
    };
    let interrupt = Interrupt::listen()?;
    Services::install(&[variable])?;
    let mut services = Services::start(&[variable], &interrupt)?;
    print_ready(&services);
    let words = words();
    loop {
        interrupt.check()?;
        match words.recv_timeout(TICK).as_deref() {
            Ok("kill") => {
                services.named(variable)?.1.crash();
                println!("down");
            }
            Ok("stop") => {
                services.named(variable)?.1.shut_down();
                println!("down");
            }
            Ok("start") => {
                services.restart(variable, &interrupt)?;
                print_ready(&services);
            }
            Ok(other) => return Err(format!("`{other}` is none of kill, stop and start").into()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

fn print_ready(services: &Services) {
    for (_, url) in services.urls() {
        println!("ready {url}");
    }
}

/// The lines of stdin. From a thread, since reading cannot be interrupted; it ends with stdin or the process. Nothing
/// bounds the queue but the caller, who awaits each answer.
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
