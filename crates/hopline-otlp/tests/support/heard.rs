//! The notices of a process; one test in a binary, since there is one hook.

use std::sync::{Condvar, Mutex};

use hopline_core::set_notice_hook;

use crate::support::LONG;

pub(crate) static SAID: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());
static MORE: Condvar = Condvar::new();

/// Waits for a notice of this kind.
pub(crate) fn heard(kind: &str) -> String {
    let said = SAID.lock().unwrap();
    let missing = |said: &mut Vec<(String, String)>| said.iter().all(|(known, _)| known != kind);
    let (said, waited) = MORE.wait_timeout_while(said, LONG, missing).unwrap();
    assert!(!waited.timed_out(), "no {kind} among {said:?}");
    said.iter()
        .find(|(known, _)| known == kind)
        .unwrap()
        .1
        .clone()
}

/// Keeps what is said from now on.
pub(crate) fn listen() {
    set_notice_hook(|notice| {
        SAID.lock()
            .unwrap()
            .push((notice.kind.to_owned(), notice.message.to_owned()));
        MORE.notify_all();
    });
}
