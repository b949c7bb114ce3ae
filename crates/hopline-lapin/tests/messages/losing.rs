//! Lost connections, by the broker in the process, which can cut them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hopline_core::export::SpanData;
use hopline_lapin::{
    ChannelExt, Delivery, Outcome, PublishError, RequestError, RunOptions, StopReason,
};
use hopline_testing::amqp::Broker;
use lapin::options::{BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, ConnectionProperties};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, Notify};

use crate::support::*;

async fn setup(broker: &Broker) -> Setup {
    Setup::new(&broker.url(), QueueType::Classic).await
}

async fn recovering(broker: &Broker) -> Setup {
    let properties = ConnectionProperties::default().enable_auto_recover();
    Setup::with(&broker.url(), QueueType::Classic, properties).await
}

#[tokio::test]
async fn a_publish_that_loses_its_broker_ends_with_an_error() {
    let broker = Broker::start().unwrap();
    let setup = setup(&broker).await;
    broker.cut_connections();
    let lost = async {
        loop {
            let message = setup.channel.publish("", &setup.queue, b"x").mandatory();
            // without auto-recovery there is nothing to wait for
            if let Err(error) = message.resend().await {
                return error;
            }
        }
    };
    let lost = in_time(lost).await;
    assert!(matches!(lost, PublishError::Lapin(_)));
    assert!(setup.channel.wait_for_recovery(lost).await.is_err());
    assert!(setup.spans.all().last().unwrap().is_error());
}

#[tokio::test]
async fn a_runner_that_loses_its_broker_ends_with_an_error() {
    let broker = Broker::start().unwrap();
    let setup = setup(&broker).await;
    let consumer = setup.consume().await;
    let handler = |_| async { Ok::<_, Infallible>(()) };
    let running = consumer.run(handler, RunOptions::default(), std::future::pending());
    let running = tokio::spawn(running);
    broker.cut_connections();
    let end = in_time(running).await.unwrap();
    assert!(end.is_err(), "{end:?}");
}

#[tokio::test]
async fn publishers_wait_for_recovery_and_resume() {
    let broker = Broker::start().unwrap();
    let setup = recovering(&broker).await;
    setup.publish(b"before").await;
    setup.spans.take();
    let stalled = broker.stall();
    let message = setup
        .channel
        .publish("", &setup.queue, b"in between")
        .mandatory();
    let mut publishing = Box::pin(message.resend().into_future());
    let early = tokio::time::timeout(Duration::from_millis(50), &mut publishing);
    assert!(early.await.is_err());
    broker.cut_connections();
    drop(stalled);
    in_time(publishing).await.unwrap();
    let publish = setup.spans.one("publish.message").succeeded();
    let resent = publish.number("hopline.messaging.resend_count");
    assert!(resent.is_some_and(|count| count >= 1), "{:#?}", *publish);
    // by hand the same
    broker.cut_connections();
    let by_hand = async {
        while let Err(error) = setup.channel.publish("", &setup.queue, b"after").await {
            setup.channel.wait_for_recovery(error).await.unwrap();
        }
    };
    in_time(by_hand).await;
}

trait Number {
    fn number(&self, key: &str) -> Option<i64>;
}

impl Number for SpanData {
    fn number(&self, key: &str) -> Option<i64> {
        self.attribute(key)?.as_i64()
    }
}

/// Prefetched messages are skipped, those in a handler cannot be settled; all are redelivered.
#[tokio::test]
async fn a_runner_continues_after_recovery() {
    let broker = Broker::start().unwrap();
    let setup = recovering(&broker).await;
    setup.prefetch(3).await;
    for body in [b"1", b"2", b"3"] {
        setup.publish(body).await;
    }
    setup.spans.take();
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begin, wait) = (begun.clone(), go_on.clone());
    let handler = move |delivery: Delivery| {
        let (begin, wait) = (begin.clone(), wait.clone());
        async move {
            if delivery.body() == b"1" && !delivery.redelivered {
                begin.notify_one();
                wait.notified().await;
            }
            Ok::<_, Infallible>(())
        }
    };
    let cut = async {
        begun.notified().await;
        broker.cut_connections();
        // recovered when publishing works again
        setup
            .channel
            .publish("", &setup.queue, b"4")
            .resend()
            .await
            .unwrap();
        go_on.notify_one();
        drop(setup.named("process.message", 5).await);
    };
    let consumer = setup.consume().await;
    let options = RunOptions::default().concurrency(1);
    let end = in_time(consumer.run(handler, options, cut)).await.unwrap();
    assert_eq!(end, StopReason::Shutdown);
    let process = setup.spans.named("process.message");
    assert_eq!(process.len(), 5, "{}", setup.spans.tree());
    let (lost, settled): (Vec<_>, Vec<_>) = process
        .iter()
        .partition(|span| span.text("error.type") == Some("settle_lost"));
    assert_eq!((lost.len(), settled.len()), (1, 4));
    let again = settled
        .iter()
        .filter(|span| span.attribute("hopline.messaging.redelivered") == Some(&true.into()));
    assert_eq!(again.count(), 3, "what the broker had sent before");
    assert_eq!(setup.waiting(&setup.queue).await, 0);
}

/// lapin answers none whose frames were being written when the connection broke, and may never connect again.
#[tokio::test]
async fn a_publish_without_confirms_waits_no_longer_than_the_limit() {
    const LIMIT: Duration = Duration::from_millis(300);
    let broker = Broker::start().unwrap();
    let setup = recovering(&broker).await;
    let channel = setup.connection.create_channel().await.unwrap();
    let channel = channel
        .traced()
        .tracer(setup.tracer.clone())
        .recovery_limit(LIMIT);
    let lost = async {
        loop {
            broker.cut_connections();
            let (options, properties) =
                (BasicPublishOptions::default(), BasicProperties::default());
            let key = setup.queue.as_str().into();
            let sent = channel.basic_publish("".into(), key, options, b"x", properties);
            if let Err(error) = sent.await {
                return error;
            }
        }
    };
    let lost = in_time(lost).await;
    let spans = setup.spans.named("publish.message");
    assert!(spans.last().unwrap().is_error(), "{lost}");
}

/// They are not rejected: the broker gets no answer, and delivers them again.
#[tokio::test]
async fn handlers_that_fail_without_a_connection_reject_nothing() {
    let broker = Broker::start().unwrap();
    let setup = recovering(&broker).await;
    let letters = setup.declare(FieldTable::default()).await;
    setup.prefetch(3).await;
    let bodies = ["fail", "panic", "requeue"];
    for body in bodies {
        setup.publish(body.as_bytes()).await;
    }
    setup.spans.take();
    let (begun, go_on) = (Arc::new(Barrier::new(4)), Arc::new(Barrier::new(4)));
    let (begin, wait) = (begun.clone(), go_on.clone());
    let handler = move |delivery: Delivery| {
        let (begin, wait) = (begin.clone(), wait.clone());
        async move {
            if delivery.redelivered {
                return Ok(Outcome::Ack);
            }
            begin.wait().await;
            wait.wait().await;
            match delivery.body() {
                b"fail" => Err("bad payload"),
                b"panic" => panic!("handler's bug"),
                _ => Ok(Outcome::Requeue),
            }
        }
    };
    let cut = async {
        begun.wait().await;
        broker.cut_connections();
        while !setup.channel.status().reconnecting() {
            tokio::task::yield_now().await;
        }
        go_on.wait().await;
        drop(setup.named("process.message", 6).await);
    };
    let consumer = setup.consume().await;
    let options = RunOptions::default().concurrency(3);
    in_time(consumer.run(handler, options, cut)).await.unwrap();
    let spans = setup.spans.named("process.message");
    let (first, again) = spans.split_at(3);
    assert_eq!(texts(first, OUTCOME), [Some("lost"); 3]);
    let mut why = texts(first, "error.type");
    why.sort_unstable();
    assert_eq!(
        why,
        [Some("handler_error"), Some("panic"), Some("settle_lost")]
    );
    assert_eq!(texts(again, OUTCOME), [Some("ack"); 3]);
    assert_eq!(setup.waiting(&letters).await, 0);
}

const OUTCOME: &str = "hopline.messaging.outcome";

/// A reply that was on its way is lost with the connection, and the next one comes.
#[tokio::test]
async fn requests_work_again_after_recovery() {
    let broker = Broker::start().unwrap();
    let setup = recovering(&broker).await;
    let requests = setup.channel.requests().await.unwrap();
    let requests = requests.timeout(Duration::from_millis(500));
    let channel = setup.channel.clone();
    let handler = move |request: Delivery| {
        let channel = channel.clone();
        async move { channel.reply(&request, b"answer").await.map(drop) }
    };
    let consumer = setup.consume().await;
    let running = consumer.run(handler, RunOptions::default(), std::future::pending());
    let running = tokio::spawn(running);
    assert!(requests.call("", &setup.queue, b"x").await.is_ok());
    // lapin may be stuck if a connection breaks while it writes to it: by now the request is acknowledged
    setup.named("process.message", 1).await;
    broker.cut_connections();
    in_time(async {
        while !setup.channel.status().reconnecting() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let again = async {
        while requests.call("", &setup.queue, b"y").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    in_time(again).await;
    running.abort();
}

/// A broker that has not noticed the loss of the old connection refuses its exclusive queues to the new one, and closes
/// the channel: requests do not wait for replies that cannot arrive.
#[tokio::test]
async fn requests_end_where_their_queue_stays_locked() {
    let broker = Broker::start().unwrap();
    let setup = recovering(&broker).await;
    let requests = setup.channel.requests().await.unwrap();
    let requests = requests.timeout(Duration::from_millis(500));
    let call = requests.call("", &setup.queue, b"x");
    let (_, asked) = tokio::join!(call, setup.get(&setup.queue));
    let replies = asked.properties.reply_to().clone().unwrap();
    let url = broker.url();
    let other = lapin::Connection::connect(&url, ConnectionProperties::default());
    broker.cut_connections();
    let other = other.await.unwrap();
    let exclusive = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    let locked = async {
        loop {
            let channel = other.create_channel().await.unwrap();
            let declared = channel.queue_declare(replies.clone(), exclusive, FieldTable::default());
            if declared.await.is_ok() {
                return channel;
            }
        }
    };
    let _locked = in_time(locked).await;
    let closed = async {
        loop {
            let call = requests.call("", &setup.queue, b"y").await;
            if matches!(call, Err(RequestError::Closed)) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    in_time(closed).await;
}

/// lapin tries for hours, and completes no future meanwhile.
#[tokio::test]
async fn who_waits_for_recovery_gives_up_at_the_limit() {
    const LIMIT: Duration = Duration::from_millis(300);
    let broker = Broker::start().unwrap();
    let patient = ConnectionProperties::default()
        .configure_backoff(|backoff| backoff.with_max_times(10_000))
        .enable_auto_recover();
    let setup = Setup::with(&broker.url(), QueueType::Classic, patient).await;
    let setup = setup.over(|channel| channel.recovery_limit(LIMIT));
    let requests = setup.channel.requests().await.unwrap();
    let consumer = setup.consume().await;
    let handler = |_| async { Ok::<_, Infallible>(()) };
    let running = consumer.run(handler, RunOptions::default(), std::future::pending());
    let running = tokio::spawn(running);
    let message = || setup.channel.publish("", &setup.queue, b"x").mandatory();

    let stalled = broker.stall();
    let mut unconfirmed = Box::pin(message().resend().into_future());
    let early = tokio::time::timeout(Duration::from_millis(50), &mut unconfirmed);
    assert!(early.await.is_err());
    broker.cut_connections();
    drop(stalled);
    drop(broker);

    let not_recovered = |result: Result<_, PublishError>| {
        let error = result.map(drop).unwrap_err();
        assert!(
            matches!(error, PublishError::NotRecovered(LIMIT)),
            "{error}"
        );
    };
    // one whose confirm cannot come, one that waits behind it, and one that waits for recovery
    let both = async { tokio::join!(unconfirmed, message().into_future()) };
    let (first, second) = in_time(both).await;
    not_recovered(first);
    not_recovered(second);
    let other = setup.channel.publish("", &setup.queue, b"x");
    not_recovered(in_time(other.resend().into_future()).await);
    assert!(in_time(running).await.unwrap().is_err());
    let closed = async {
        let call = || requests.call("", &setup.queue, b"x");
        while !matches!(call().await, Err(RequestError::Closed)) {
            tokio::task::yield_now().await;
        }
    };
    in_time(closed).await;

    let publishes = setup.spans.named("publish.message");
    let types = publishes.iter().filter_map(|span| span.text("error.type"));
    assert_eq!(types.filter(|kind| *kind == "not_recovered").count(), 3);
}

/// A dropped runner leaves no span open.
#[tokio::test]
async fn a_runner_that_is_dropped_ends_its_spans() {
    let broker = Broker::start().unwrap();
    let setup = setup(&broker).await;
    setup.publish(b"x").await;
    let begun = Arc::new(Notify::new());
    let begin = begun.clone();
    let handler = move |_: Delivery| {
        let begin = begin.clone();
        async move {
            begin.notify_one();
            std::future::pending::<Result<(), Infallible>>().await
        }
    };
    let consumer = setup.consume().await;
    let running =
        tokio::spawn(consumer.run(handler, RunOptions::default(), std::future::pending()));
    in_time(begun.notified()).await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    setup.named("process.message", 1).await;
    let process = setup.spans.one("process.message");
    assert!(!process.is_error());
    process
        .attribute("error.type", "cancelled")
        .attribute("hopline.messaging.outcome", "abandoned");
}

/// lapin keeps a return whose confirm was lost with the connection, and gives it out with the next one.
#[tokio::test]
async fn a_return_without_its_confirm_is_nobodys() {
    const NOWHERE: &str = "nowhere-at-all";
    let broker = Broker::start().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(cut_behind_the_first_return(listener, broker.addr()));
    let url = format!("amqp://guest:guest@127.0.0.1:{port}/%2f");
    let properties = ConnectionProperties::default().enable_auto_recover();
    let setup = Setup::with(&url, QueueType::Classic, properties).await;
    let lost = setup.channel.publish("", NOWHERE, b"x").mandatory().await;
    setup
        .channel
        .wait_for_recovery(lost.unwrap_err())
        .await
        .unwrap();
    let queue = setup.queue.as_str();
    for keys in [[NOWHERE, NOWHERE, NOWHERE], [queue, NOWHERE, queue]] {
        let messages = keys.map(|key| setup.channel.publish("", key, b"x").mandatory());
        let results = in_time(setup.channel.publish_all(messages)).await;
        for (key, result) in keys.iter().zip(results) {
            let unroutable = matches!(result, Err(PublishError::Unroutable { .. }));
            assert_eq!(unroutable, *key == NOWHERE, "{key}: {result:?}");
        }
    }
}

/// A proxy that closes the connection after the broker's first return.
async fn cut_behind_the_first_return(listener: TcpListener, broker: SocketAddr) {
    let mut cut = false;
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_broker, mut to_broker) =
            TcpStream::connect(broker).await.unwrap().into_split();
        let sending = tokio::spawn(async move {
            let _ = tokio::io::copy(&mut from_client, &mut to_broker).await;
        });
        let mut left = None;
        while let Some(frame) = next_frame(&mut from_broker).await {
            to_client.write_all(&frame).await.unwrap();
            // class 60, method 50: two more frames follow, the header and the body
            if !cut && frame[0] == 1 && frame[7..11] == [0, 60, 0, 50] {
                left = Some(2);
            } else if let Some(left) = &mut left {
                *left -= 1;
                if *left == 0 {
                    cut = true;
                    break;
                }
            }
        }
        sending.abort();
    }
}

/// A frame of the protocol: type, channel, length, content, end.
async fn next_frame(from: &mut (impl AsyncReadExt + Unpin)) -> Option<Vec<u8>> {
    let mut frame = vec![0; 7];
    from.read_exact(&mut frame).await.ok()?;
    let length = u32::from_be_bytes(frame[3..7].try_into().unwrap()) as usize;
    frame.resize(7 + length + 1, 0);
    from.read_exact(&mut frame[7..]).await.ok()?;
    Some(frame)
}
