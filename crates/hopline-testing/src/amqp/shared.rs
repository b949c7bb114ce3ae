//! The parts of a broker that its threads share: the state, and the sockets to shut down.
//! `broker` makes it; each connection and the clock have a reference.

use std::collections::HashMap;
use std::net::TcpStream;
use std::sync::atomic::AtomicBool;

use parking_lot::{Condvar, Mutex};

use super::state::State;

/// Shared by the listener, the clock and the connections of a broker.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// One lock for all, held for one frame, since tests need order more than speed.
    pub(super) state: Mutex<State>,
    /// Wakes the clock; the condition is [`State::timed`], or that the broker stops.
    pub(super) tick: Condvar,
    /// Shut down with the broker. A connection removes its own when it ends.
    pub(super) sockets: Mutex<HashMap<u64, TcpStream>>,
    /// Set once, when the broker is dropped.
    pub(super) stopping: AtomicBool,
}
