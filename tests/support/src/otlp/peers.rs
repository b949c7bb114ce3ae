//! Collectors that break the protocol: answers that never end, break off or reset.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::LONG;
use crate::ports::free_ports;

/// A port that is free.
pub fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_ports(1)).into()
}

/// Answers one request with a head and then bytes without end. The thread returns the number of bytes sent.
pub fn endless_answer() -> (SocketAddr, JoinHandle<u64>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4294967296\r\n\r\n")
            .unwrap();
        let mut written = 0;
        while stream.write_all(&[b'x'; 65_536]).is_ok() {
            written += 65_536;
        }
        written
    });
    (address, thread)
}

/// Answers one request with a 200 that breaks off in its body, and closes the port.
pub fn broken_answer() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
            .unwrap();
    });
    address
}

/// Answers each of `requests` requests with a head and then one byte every 5 ms without end.
pub fn dripping_answers(requests: usize) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        for _ in 0..requests {
            let (mut stream, _) = listener.accept().unwrap();
            read_request(&mut stream);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4294967296\r\n\r\n")
                .unwrap();
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    });
    (address, thread)
}

/// Closes `connections` connections with a part of the request unread, which the peer sees as a reset. Then closes
/// the port.
pub fn resetting(connections: usize) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        for _ in 0..connections {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 10]).unwrap();
        }
    });
    (address, thread)
}

/// Reads a head, and a body of its content-length.
fn read_request(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).unwrap();
        assert!(count > 0, "the request broke off");
        request.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .unwrap();
        if request.len() >= head.len() + 4 + length.parse::<usize>().unwrap() {
            return;
        }
    }
}

/// Answers one request with "100 Continue" without end. The thread returns true if the peer closed the connection.
pub fn endless_continue() -> (SocketAddr, JoinHandle<bool>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
        let one = format!("HTTP/1.1 100 Continue\r\nx: {}\r\n\r\n", "x".repeat(2000));
        let many = one.repeat(100);
        let start = Instant::now();
        // it is work that ends it, for which a busy machine takes its time
        while start.elapsed() < 6 * LONG {
            if stream.write_all(many.as_bytes()).is_err() {
                return true;
            }
        }
        false
    });
    (address, thread)
}
