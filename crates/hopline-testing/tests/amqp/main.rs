//! The in-process broker and RabbitMQ give the same answers: each row runs against both.
#![cfg(feature = "amqp")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use hopline_testing::amqp::Broker;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

#[macro_use]
mod support;
mod declaring;
mod dying;
mod messages;

use support::{channel, get, publish, queue};

#[tokio::test]
async fn any_bytes_are_answered_and_affect_no_other_connection() {
    let broker = Broker::start().unwrap();
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0; 64],
        b"AMQP\0\0\x09\x01\x01\0\0\xff\xff\xff\xff",
        &[0xff; 300_000],
    ] {
        let mut socket = TcpStream::connect(broker.addr()).unwrap();
        // the broker may hang up before it has read all
        let _ = socket.write_all(garbage);
        let _ = socket.shutdown(std::net::Shutdown::Write);
        let _ = socket.read_to_end(&mut Vec::new());
    }
    let (_connection, channel, _) = channel(&broker.url()).await;
    let queue = queue(&channel, FieldTable::default()).await;
    publish(&channel, "", &queue, b"one").await;
    assert!(get(&channel, &queue).await.is_some());
}

#[tokio::test]
async fn a_broker_that_is_dropped_is_gone() {
    let broker = Broker::start().unwrap();
    let address = broker.addr();
    let (_connection, channel, _) = channel(&broker.url()).await;
    drop(broker);
    assert!(TcpStream::connect(address).is_err());
    let gone = channel
        .queue_declare(
            "q".into(),
            QueueDeclareOptions::default(),
            FieldTable::default(),
        )
        .await;
    assert!(gone.is_err());
}

#[tokio::test]
async fn a_stalled_broker_answers_when_it_resumes() {
    let broker = Broker::start().unwrap();
    let (_connection, channel, _) = channel(&broker.url()).await;
    let queue = queue(&channel, FieldTable::default()).await;
    let stalled = broker.stall();
    let mut publishing = std::pin::pin!(publish(&channel, "", &queue, b"x"));
    let early = tokio::time::timeout(std::time::Duration::from_millis(50), &mut publishing).await;
    assert!(early.is_err(), "it answered");
    drop(stalled);
    publishing.await;
    assert!(get(&channel, &queue).await.is_some());
}
