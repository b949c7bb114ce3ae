//! Senders that stop within a request.
//!
//! The clock of the runtime is paused: it moves on to the next timer as soon as everything else waits.
#![cfg(feature = "server")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use hopline_view::{ServerOptions, View};
use tokio::sync::oneshot;
use tokio::time::Instant;

const TYPE: &str = "content-type: application/x-protobuf\r\n";

/// Sends a request that announces 100 bytes and has 10, and reads the answer on a thread of its own.
fn stall(address: SocketAddr) -> oneshot::Receiver<String> {
    let (answered, answer) = oneshot::channel();
    let _: JoinHandle<()> = spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        // by the true clock: without an answer the test fails in place of waiting for ever
        let limit = Some(Duration::from_secs(60));
        stream.set_read_timeout(limit).unwrap();
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\n{TYPE}content-length: 100\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&[0; 10]).unwrap();
        let mut text = [0; 1000];
        let length = stream.read(&mut text).unwrap();
        let _ = answered.send(String::from_utf8_lossy(&text[..length]).into_owned());
    });
    answer
}

#[tokio::test(start_paused = true)]
async fn a_body_that_takes_longer_than_10_seconds_is_refused_and_makes_room() {
    /// More than are read at the same time.
    const SENDERS: usize = 20;
    let view = View::new();
    let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    let options = ServerOptions::default().page(any).otlp_http(any);
    let server = options.without_grpc().start(&view).await.unwrap();
    let begun = Instant::now();
    let senders: Vec<_> = (0..SENDERS).map(|_| stall(server.otlp_http())).collect();
    for answer in senders {
        let answer = answer.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(
            answer.contains("the body took longer than 10 s"),
            "{answer}"
        );
    }
    assert!(begun.elapsed() >= Duration::from_secs(10));
    assert_eq!(view.counts().received.rejected, SENDERS as u64);
    assert_eq!(view.counts().received.requests, 0);
}
