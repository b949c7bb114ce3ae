//! Waiting for notices. A process has one notice hook, so a test binary that uses this has one test.

use std::sync::{Condvar, Mutex};

use hopline_core::set_notice_hook;

use crate::LONG;

static RECEIVED: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());
static MORE: Condvar = Condvar::new();

/// Waits for a notice of this kind, and returns its message.
///
/// # Panics
///
/// If there is none within [`LONG`].
pub fn await_notice(kind: &str) -> String {
    let received = RECEIVED.lock().unwrap();
    let missing =
        |received: &mut Vec<(String, String)>| received.iter().all(|(known, _)| known != kind);
    let (received, waited) = MORE.wait_timeout_while(received, LONG, missing).unwrap();
    assert!(!waited.timed_out(), "no {kind} among {received:?}");
    received
        .iter()
        .find(|(known, _)| known == kind)
        .unwrap()
        .1
        .clone()
}

/// Keeps notices from now on.
pub fn listen() {
    set_notice_hook(|notice| {
        RECEIVED
            .lock()
            .unwrap()
            .push((notice.kind.to_owned(), notice.message.to_owned()));
        MORE.notify_all();
    });
}

/// The notices received so far: kind and message.
pub fn notices() -> Vec<(String, String)> {
    RECEIVED.lock().unwrap().clone()
}
