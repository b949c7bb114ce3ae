//! Requests that are larger than a collector takes, over every transport and in every way that servers report it.
#![cfg(feature = "http")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use hopline_core::{Incoming, SpanBuilder, Tracer, attr};
use hopline_otlp::Protocol;

use hopline_test_support::LONG;
use hopline_test_support::otlp::patient;
use hopline_test_support::otlp::{Receiver, Step, record_large, record_many, roomy};

/// The refusals of HTTP servers and proxies.
fn refusals() -> Vec<Step> {
    // google.rpc.Status: code 3 and a message
    let message = b"http: request body too large";
    let status = [&[8, 3, 18, message.len() as u8], &message[..]].concat();
    vec![
        Step::Status(413),
        Step::RetryAfter(413, "3600".to_owned()),
        Step::Failure(
            413,
            "text/html",
            b"<html>413 Request Entity Too Large".to_vec(),
        ),
        Step::Failure(400, "application/x-protobuf", status),
        Step::Failure(
            400,
            "application/json",
            br#"{"message":"Request Too Long"}"#.to_vec(),
        ),
        Step::Failure(400, "text/plain", message.to_vec()),
        Step::Failure(
            500,
            "text/html",
            b"<html>Payload exceeds the maximum".to_vec(),
        ),
    ]
}

/// 19 small traces, a failed one with a text of this many bytes, and 20 small ones.
fn record_forty(tracer: &Tracer, bytes: usize) {
    record_many(tracer, 19);
    let text = "x".repeat(bytes);
    let large = SpanBuilder::new("large")
        .tracer(tracer)
        .parent(Incoming::default())
        .attributes(|| [attr("text", &text)])
        .start();
    large.fail("refused");
    large.end();
    record_many(tracer, 20);
}

#[test]
fn a_request_that_is_too_large_is_halved_down_to_one_span_for_each_kind_of_refusal() {
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson] {
        for refusal in refusals() {
            let receiver = Receiver::start([]);
            receiver.limit(100_000, refusal.clone());
            let exporter = patient(&receiver.url()).protocol(protocol).build().unwrap();
            let tracer = roomy(exporter.clone());
            record_forty(&tracer, 400_000);
            assert!(!tracer.flush(LONG).unwrap_err().is_timeout());
            let stats = exporter.stats();
            assert_eq!(
                (stats.sent, stats.rejected),
                (39, 1),
                "{refusal:?} {stats:?}"
            );
            assert_eq!(receiver.await_spans(39).len(), 39);

            // nothing is refused any more: the size that works is remembered
            let before = receiver.received().len();
            record_forty(&tracer, 40_000);
            tracer.flush(LONG).unwrap();
            let later = receiver.received().split_off(before);
            assert!(later.iter().all(|request| request.taken), "{refusal:?}");
            assert_eq!(exporter.stats().sent, 79);
        }
    }
}

#[test]
fn no_span_is_lost_where_each_by_itself_fits() {
    let receiver = Receiver::start([]);
    receiver.limit(30_000, Step::Status(413));
    let exporter = patient(&receiver.url()).gzip().build().unwrap();
    let tracer = roomy(exporter.clone());
    for number in 0..600 {
        // text that gzip makes no smaller
        let text: String = (0..250_u64)
            .map(|at| {
                let mixed = (at + 251 * number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                char::from(b'!' + (mixed >> 58) as u8)
            })
            .collect();
        SpanBuilder::new("small")
            .tracer(&tracer)
            .parent(Incoming::default())
            .attributes(|| [attr("text", &text)])
            .start()
            .end();
    }
    tracer.flush(LONG).unwrap();
    assert_eq!((exporter.stats().sent, exporter.stats().lost()), (600, 0));
    let refused = receiver.received().iter().filter(|one| !one.taken).count();
    // each halving once, and not for each request
    assert!((1..=6).contains(&refused), "{refused} were refused");
}

/// A server of axum with its own limit, which answers before it has read the body, and closes.
#[test]
fn the_limit_of_a_real_http_server_is_found() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let arrived: Arc<Mutex<Vec<usize>>> = Arc::default();
    let taken = Arc::clone(&arrived);
    let take = move |body: axum::body::Bytes| async move {
        taken.lock().unwrap().push(body.len());
    };
    let app = Router::new()
        .route("/v1/traces", post(take))
        .layer(DefaultBodyLimit::max(100_000));
    let address = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, app).await });
        address
    });
    let exporter = patient(&format!("http://{address}")).build().unwrap();
    let tracer = roomy(exporter.clone());
    for _ in 0..100 {
        record_large(&tracer, "large", 50_000);
    }
    tracer.flush(LONG).unwrap();
    assert_eq!((exporter.stats().sent, exporter.stats().lost()), (100, 0));
    assert!(
        arrived
            .lock()
            .unwrap()
            .iter()
            .all(|bytes| *bytes <= 100_000)
    );
}

#[test]
fn a_server_that_closes_in_place_of_an_answer_gets_smaller_requests() {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let served = std::thread::spawn(move || serve_small(&listener, 100_000, 4));
    let exporter = patient(&format!("http://{address}")).build().unwrap();
    let tracer = roomy(exporter.clone());
    for _ in 0..4 {
        record_large(&tracer, "large", 80_000);
    }
    tracer.flush(LONG).unwrap();
    assert_eq!((exporter.stats().sent, exporter.stats().lost()), (4, 0));
    served.join().unwrap();
}

/// Closes the connection on a head that announces more bytes than the limit; accepts a number of smaller requests.
fn serve_small(listener: &std::net::TcpListener, bytes: usize, requests: usize) {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    let mut left = requests;
    while left > 0 {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(&stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                break;
            }
            let line = line.to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
        }
        if length == 0 || length > bytes {
            continue;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        (&stream).write_all(answer).unwrap();
        left -= 1;
    }
}

#[test]
fn a_server_that_takes_nothing_costs_each_span_a_request_and_no_more() {
    let receiver = Receiver::start([]);
    receiver.limit(0, Step::Status(413));
    let exporter = patient(&receiver.url()).build().unwrap();
    let tracer = roomy(exporter.clone());
    record_many(&tracer, 64);
    assert!(!tracer.flush(LONG).unwrap_err().is_timeout());
    assert_eq!(exporter.stats().rejected, 64);
    let requests = receiver.received().len();
    assert!((64..64 + 8).contains(&requests), "{requests}");
}

#[cfg(feature = "spool")]
mod on_disk {
    use std::time::Duration;

    use hopline_otlp::Exporter;

    use super::*;
    use hopline_test_support::folder::TempFolder;
    use hopline_test_support::otlp::{free_address, record};

    #[test]
    fn requests_of_the_spool_are_halved_on_disk() {
        for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson] {
            let folder = TempFolder::new();
            let address = free_address();
            let spooling = || {
                Exporter::builder()
                    .endpoint(format!("http://{address}"))
                    .protocol(protocol)
                    .schedule_delay(Duration::from_millis(10))
                    .spool(&folder.0, 4 << 20)
            };
            let exporter = spooling().build().unwrap();
            let tracer = roomy(exporter.clone());
            record_forty(&tracer, 400_000);
            tracer.shutdown(LONG).unwrap();
            assert_eq!(exporter.stats().spooled, 40);
            drop((tracer, exporter));

            let receiver = Receiver::on(address, []);
            receiver.limit(100_000, Step::Status(413));
            let exporter = spooling().build().unwrap();
            let names = receiver.await_spans(39);
            assert_eq!(names.len(), 39);
            receiver.await_that("the large span by itself", |received| {
                let mut refused = received.iter().filter(|one| !one.taken);
                refused.any(|one| one.span_names() == ["large"])
            });
            let tracer = roomy(exporter.clone());
            record(&tracer, "fresh");
            let _ = tracer.flush(LONG);
            assert_eq!(receiver.await_spans(40).len(), 40);
            let _ = tracer.shutdown(LONG);
            let stats = exporter.stats();
            assert_eq!(
                (stats.given, stats.sent, stats.rejected),
                (41, 40, 1),
                "{stats:?}"
            );
            assert_eq!((stats.spooled, stats.abandoned), (0, 0));
            assert!(folder.files(".gz").is_empty());
        }
    }
}
