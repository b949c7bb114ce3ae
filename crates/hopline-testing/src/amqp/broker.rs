//! The broker: its port, its threads, and how it stops.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use parking_lot::MutexGuard;

use super::connection;
use super::shared::Shared;
use super::state::State;

/// A running broker; it stops when it is dropped, and its messages go with it.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
    clock: Option<JoinHandle<()>>,
}

/// A stalled broker: it sends no answers until this is dropped. Made by [`Broker::stall`].
#[derive(Debug)]
#[must_use = "the broker resumes when it is dropped"]
pub struct Stalled<'a>(
    // the lock of the state, without which no frame is handled
    #[expect(dead_code, reason = "held")] MutexGuard<'a, State>,
);

impl Broker {
    /// Starts a broker on a free loopback port.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no free port or thread.
    pub fn start() -> io::Result<Self> {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// Starts a broker on this address.
    ///
    /// # Errors
    ///
    /// Returns an error if the address is in use, or no thread can be started.
    pub fn start_on(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let accepting = Arc::clone(&shared);
        let thread = thread::Builder::new().name("amqp-broker".to_owned());
        let listener = thread.spawn(move || accept(&listener, &accepting))?;
        let mut broker = Self {
            address,
            shared: Arc::clone(&shared),
            listener: Some(listener),
            clock: None,
        };
        // on an error the rest is stopped by dropping it
        let thread = thread::Builder::new().name("amqp-clock".to_owned());
        broker.clock = Some(thread.spawn(move || expire(&shared))?);
        Ok(broker)
    }

    /// Returns its address.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns its URL for clients.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@{}/%2f", self.address)
    }

    /// Stalls all answers, as an overloaded broker does: frames of clients wait.
    ///
    /// # Examples
    ///
    /// ```
    /// # let broker = hopline_testing::amqp::Broker::start()?;
    /// let stalled = broker.stall();
    /// // … what is published now is not confirmed …
    /// drop(stalled);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stall(&self) -> Stalled<'_> {
        Stalled(self.shared.state.lock())
    }

    /// Cuts all connections, as a crash does. Queues and messages are kept, and new connections accepted.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Read as _;
    ///
    /// let broker = hopline_testing::amqp::Broker::start()?;
    /// let mut client = std::net::TcpStream::connect(broker.addr())?;
    /// std::io::Write::write_all(&mut client, b"AMQP\0\0\x09\x01")?;
    /// let mut byte = [0];
    /// client.read_exact(&mut byte)?; // the greeting: the broker has the connection
    /// broker.cut_connections();
    /// let mut rest = Vec::new();
    /// client.read_to_end(&mut rest)?; // ends
    /// assert!(broker.url().starts_with("amqp://"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn cut_connections(&self) {
        for socket in self.shared.sockets.lock().values() {
            // gone already is as good as cut
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.shared.stopping.store(true, SeqCst);
        self.cut_connections();
        // `accept` has no time-out: a last connection wakes it
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(listener) = self.listener.take().filter(|_| woken) {
            let _ = listener.join();
        }
        // under the lock, or the clock might go to sleep between its look and its wait
        let state = self.shared.state.lock();
        self.shared.tick.notify_all();
        drop(state);
        if let Some(clock) = self.clock.take() {
            let _ = clock.join();
        }
    }
}

/// Accepts connections, each with a thread of its own, until the broker is dropped. Tests have few connections, and threads
/// need no runtime that a test would have to share.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (number, socket) in (0_u64..).zip(listener.incoming()) {
        if shared.stopping.load(SeqCst) {
            return;
        }
        let Ok(socket) = socket else { continue };
        let connection = Arc::clone(shared);
        let thread = thread::Builder::new().name("amqp-connection".to_owned());
        // without a thread the socket is closed
        let _ = thread.spawn(move || connection::serve(number, socket, &connection));
    }
}

/// Expires messages at their time.
///
/// Sleeps until the next expiry, or until a message with one is queued; the wait releases the lock.
///
/// A condition variable, not a timer thread for each message: there is one clock for any number of messages.
fn expire(shared: &Shared) {
    let mut state = shared.state.lock();
    while !shared.stopping.load(SeqCst) {
        state.timed = false;
        match state.expire(Instant::now()) {
            Some(next) => drop(shared.tick.wait_until(&mut state, next)),
            None => shared.tick.wait(&mut state),
        }
    }
}
