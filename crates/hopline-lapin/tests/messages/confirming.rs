//! Publishing in lapin's shape: written first, answered later.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hopline_lapin::{Channel, ChannelExt, PublishError, PublisherConfirm};
use hopline_testing::amqp::Broker;
use lapin::options::*;
use lapin::{BasicProperties, Confirmation, ErrorKind};

use crate::support::*;

const NOWHERE: &str = "nowhere-at-all";

rows!(
    returns_are_with_the_confirm_of_their_message,
    a_pending_confirm_delays_no_other_one,
    dropped_confirms_leave_their_returns,
    a_returned_message_is_as_published,
    a_refusal_is_a_nack,
    the_span_ends_with_the_confirm,
    without_confirms_the_span_ends_when_it_is_written,
    a_confirm_is_ready_once,
    an_unroutable_message_has_code_and_text,
    deep_headers_are_refused,
);

async fn send(
    channel: &Channel,
    key: &str,
    body: &[u8],
    properties: BasicProperties,
) -> PublisherConfirm {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let sent = channel.basic_publish("".into(), key.into(), options, body, properties);
    sent.await.unwrap()
}

/// 2,000 at once, every third unroutable, whichever is looked at first.
async fn returns_are_with_the_confirm_of_their_message(setup: Setup) {
    const COUNT: usize = 2_000;
    let mut confirms = Vec::new();
    for number in 0..COUNT {
        let key = if number % 3 == 0 {
            NOWHERE
        } else {
            &setup.queue
        };
        let body = number.to_string();
        confirms.push((
            number,
            send(
                &setup.channel,
                key,
                body.as_bytes(),
                BasicProperties::default(),
            )
            .await,
        ));
    }
    // neither in their order nor against it
    confirms.sort_by_key(|(number, _)| number.wrapping_mul(7_919) % COUNT);
    for (number, confirm) in confirms {
        let Confirmation::Ack(returned) = in_time(confirm).await.unwrap() else {
            panic!("{number} was not confirmed")
        };
        let body = returned.map(|message| String::from_utf8(message.delivery.data).unwrap());
        assert_eq!(body, (number % 3 == 0).then(|| number.to_string()));
    }
    let failed = setup.named("publish.message", COUNT).await;
    let failed = failed
        .iter()
        .filter(|span| span.text("error.type") == Some("unroutable"));
    assert_eq!(failed.count(), COUNT.div_ceil(3));
    setup.end().await;
}

async fn a_pending_confirm_delays_no_other_one(setup: Setup) {
    let send = |key| send(&setup.channel, key, b"x", BasicProperties::default());
    let (held, other) = (send(NOWHERE).await, send(&setup.queue).await);
    assert_eq!(in_time(other).await.unwrap(), Confirmation::Ack(None));
    for _ in 0..10 {
        let publish = setup.channel.publish("", &setup.queue, b"x");
        in_time(publish.mandatory().into_future()).await.unwrap();
        in_time(setup.channel.publish("", &setup.queue, b"x").into_future())
            .await
            .unwrap();
        let lost = setup.channel.publish("", NOWHERE, b"x").mandatory();
        assert!(matches!(
            in_time(lost.into_future()).await,
            Err(PublishError::Unroutable { .. })
        ));
    }
    let returned = in_time(held).await.unwrap().take_message();
    assert_eq!(returned.unwrap().reply_code, 312);
    setup.end().await;
}

async fn dropped_confirms_leave_their_returns(setup: Setup) {
    let kept = send(&setup.channel, NOWHERE, b"kept", BasicProperties::default()).await;
    for number in 0..100 {
        let key = if number % 10 == 0 {
            NOWHERE
        } else {
            &setup.queue
        };
        drop(
            send(
                &setup.channel,
                key,
                number.to_string().as_bytes(),
                BasicProperties::default(),
            )
            .await,
        );
    }
    // unmatched returns do not help
    let publishing = async {
        for _ in 0..50 {
            setup.channel.publish("", &setup.queue, b"x").await.unwrap();
        }
    };
    let (returned, ()) =
        in_time(async { tokio::join!(setup.channel.wait_for_confirms(), publishing) }).await;
    let mut bodies: Vec<String> = returned
        .unwrap()
        .into_iter()
        .map(|message| String::from_utf8(message.delivery.data).unwrap())
        .collect();
    bodies.sort_by_key(|body| body.len());
    assert_eq!(
        bodies,
        ["0", "10", "20", "30", "40", "50", "60", "70", "80", "90"]
    );
    assert_eq!(
        in_time(kept).await.unwrap().take_message().unwrap().data,
        b"kept"
    );
    assert!(
        setup.channel.wait_for_confirms().await.unwrap().is_empty(),
        "once"
    );
    setup.end().await;
}

async fn a_returned_message_is_as_published(setup: Setup) {
    let properties = BasicProperties::default().with_priority(42);
    let confirm = send(&setup.channel, NOWHERE, b"x", properties.clone()).await;
    let message = confirm.await.unwrap().take_message().unwrap();
    assert_eq!(message.properties, properties);
    assert_eq!(
        (message.reply_code, message.reply_text.as_str()),
        (312, "NO_ROUTE")
    );
    setup.end().await;
}

async fn a_refusal_is_a_nack(setup: Setup) {
    let mut arguments = lapin::types::FieldTable::default();
    arguments.insert("x-max-length".into(), lapin::types::AMQPValue::LongInt(1));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    let full = setup.declare(arguments).await;
    let refused = async {
        loop {
            let confirm = send(&setup.channel, &full, b"x", BasicProperties::default()).await;
            let answer = confirm.await.unwrap();
            if answer.is_nack() {
                return answer;
            }
        }
    };
    assert_eq!(in_time(refused).await, Confirmation::Nack(None));
    let spans = setup.spans.named("publish.message");
    assert_eq!(texts(&spans, "error.type").last(), Some(&Some("nacked")));
    setup.delete(&full).await;
    setup.end().await;
}

async fn the_span_ends_with_the_confirm(setup: Setup) {
    let confirm = send(
        &setup.channel,
        &setup.queue,
        b"x",
        BasicProperties::default(),
    )
    .await;
    assert!(
        setup.spans.named("publish.message").is_empty(),
        "not before"
    );
    confirm.await.unwrap();
    setup.spans.one("publish.message").succeeded();
    setup.spans.take();
    drop(
        send(
            &setup.channel,
            &setup.queue,
            b"x",
            BasicProperties::default(),
        )
        .await,
    );
    let dropped = setup.spans.one("publish.message").succeeded();
    dropped.no_attribute("error.type");
    setup.end().await;
}

async fn without_confirms_the_span_ends_when_it_is_written(setup: Setup) {
    let channel = setup.connection.create_channel().await.unwrap();
    let channel = channel.traced().tracer(setup.tracer.clone());
    let confirm = send(&channel, &setup.queue, b"x", BasicProperties::default()).await;
    setup.spans.one("publish.message").succeeded();
    assert_eq!(confirm.await.unwrap(), Confirmation::NotRequested);
    // what comes back is handed out by lapin as it is
    drop(send(&channel, NOWHERE, b"lost", BasicProperties::default()).await);
    let returned = async {
        loop {
            let returned = channel.wait_for_confirms().await.unwrap();
            if !returned.is_empty() {
                return returned;
            }
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(in_time(returned).await[0].data, b"lost");
    setup.end().await;
}

async fn a_confirm_is_ready_once(setup: Setup) {
    let mut confirm = send(
        &setup.channel,
        &setup.queue,
        b"x",
        BasicProperties::default(),
    )
    .await;
    (&mut confirm).await.unwrap();
    let again = confirm.await.unwrap_err();
    assert!(
        matches!(again.kind(), ErrorKind::FutureCompleted),
        "{again}"
    );
    setup.end().await;
}

async fn an_unroutable_message_has_code_and_text(setup: Setup) {
    let lost = setup
        .channel
        .publish("", NOWHERE, b"seven")
        .mandatory()
        .await;
    let error = lost.unwrap_err();
    let PublishError::Unroutable {
        code, text, body, ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (*code, text.as_str(), body.as_slice()),
        (312, "NO_ROUTE", &b"seven"[..])
    );
    assert_eq!(
        error.to_string(),
        "the broker returned the message: 312 NO_ROUTE"
    );
    assert_eq!(format!("{error:?}"), error.to_string());
    // for functions that return lapin's
    let theirs = lapin::Error::from(error);
    assert!(theirs.to_string().contains("312 NO_ROUTE"), "{theirs}");
    setup.end().await;
}

/// 14 kB of tables in tables end the process of a consumer that uses lapin.
async fn deep_headers_are_refused(setup: Setup) {
    let mut value = text("x");
    for _ in 0..2_000 {
        value = lapin::types::AMQPValue::FieldArray(vec![value].into());
    }
    let deep = setup
        .channel
        .publish("", &setup.queue, b"x")
        .header("deep", value)
        .await;
    assert!(
        matches!(deep, Err(PublishError::HeadersTooDeep)),
        "{deep:?}"
    );
    setup
        .spans
        .one("publish.message")
        .failed("headers_too_deep");
    assert_eq!(setup.waiting(&setup.queue).await, 0);
    setup.end().await;
}

/// The first wait is for the socket alone.
#[tokio::test]
async fn frames_are_written_to_a_stalled_broker() {
    let broker = Broker::start().unwrap();
    let setup = Setup::new(&broker.url(), QueueType::Classic).await;
    let stalled = broker.stall();
    let send = || {
        send(
            &setup.channel,
            &setup.queue,
            b"x",
            BasicProperties::default(),
        )
    };
    let mut confirms = Vec::new();
    for _ in 0..100 {
        confirms.push(in_time(send()).await);
    }
    let early = tokio::time::timeout(Duration::from_millis(50), &mut confirms[0]).await;
    assert!(early.is_err(), "it was answered");
    drop(stalled);
    for confirm in confirms {
        assert_eq!(in_time(confirm).await.unwrap(), Confirmation::Ack(None));
    }
}

/// Without tokio, calls that need it return an error, and do not panic at the first message.
#[test]
fn without_tokio_what_needs_it_is_an_error() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let broker = Broker::start().unwrap();
    let (setup, consumer) = runtime.block_on(async {
        let setup = Setup::new(&broker.url(), QueueType::Classic).await;
        let consumer = setup.consume().await;
        (setup, consumer)
    });
    let handler = |_| async { Ok::<_, std::convert::Infallible>(()) };
    let running = consumer.run(
        handler,
        hopline_lapin::RunOptions::default(),
        std::future::pending(),
    );
    let error = now(running).unwrap_err().to_string();
    assert!(
        error.contains("Consumer::run needs a tokio runtime"),
        "{error}"
    );
    let error = now(setup.channel.requests()).unwrap_err().to_string();
    assert!(
        error.contains("Channel::requests needs a tokio runtime"),
        "{error}"
    );
    let lost = lapin::Error::from(ErrorKind::ChannelsLimitReached);
    assert!(now(setup.channel.wait_for_recovery(lost)).is_err());
}

/// Of a future that is ready when it is first polled.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut cx = Context::from_waker(Waker::noop());
    match std::pin::pin!(future).poll(&mut cx) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}
