//! The broker: its port, its threads, its end.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;

use super::connection;
use super::state::State;

/// A running broker; it stops when it is dropped, and its messages go with it.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    /// All there is: one lock, held for one frame, since tests want order more than speed.
    pub(super) state: Mutex<State>,
    /// To be shut down with the broker; a connection takes itself out at its end.
    pub(super) sockets: Mutex<HashMap<u64, TcpStream>>,
    stopping: AtomicBool,
}

impl Broker {
    /// Starts a broker on a free loopback port.
    ///
    /// # Errors
    ///
    /// No port or thread is to be had.
    pub fn start() -> io::Result<Self> {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// Starts a broker on this address.
    ///
    /// # Errors
    ///
    /// The address is taken, or no thread is to be had.
    pub fn start_on(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let accepting = Arc::clone(&shared);
        let thread = thread::Builder::new().name("amqp-broker".to_owned());
        let listener = thread.spawn(move || accept(&listener, &accepting))?;
        Ok(Self {
            address,
            shared,
            listener: Some(listener),
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Its URL for clients.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@{}/%2f", self.address)
    }

    /// Cuts all connections, as a broker that crashes does; its queues and messages stay, and new
    /// connections are taken.
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
        // `accept` has no time-out: a last connection wakes it, and it sees that it is to stop
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(listener) = self.listener.take().filter(|_| woken) {
            let _ = listener.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (number, socket) in (0_u64..).zip(listener.incoming()) {
        if shared.stopping.load(SeqCst) {
            return;
        }
        let Ok(socket) = socket else { continue };
        let connection = Arc::clone(shared);
        let thread = thread::Builder::new().name("amqp-connection".to_owned());
        // without a thread the client sees its connection closed
        let _ = thread.spawn(move || connection::serve(number, socket, &connection));
    }
}
