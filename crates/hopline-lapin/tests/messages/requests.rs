//! Requests that wait for a reply.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use hopline_core::{SpanKind, semconv::SpanNames};
use hopline_lapin::{Delivery, Outcome, PublishError, RequestError, RunOptions, StopReason};
use lapin::options::*;
use lapin::types::FieldTable;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::*;

rows!(
    a_request_and_its_reply_are_one_conversation,
    each_request_gets_its_own_reply,
    an_unroutable_request_fails_at_once,
    a_request_without_a_reply_times_out,
    who_asks_for_no_reply_gets_none,
    the_end_of_the_channel_ends_all_requests,
    who_was_asked_once_can_answer_nothing_else,
    the_reply_queue_is_exclusive,
);

/// Answers every request by its body in capitals, until it is stopped.
async fn answering(setup: &Setup) -> (oneshot::Sender<()>, JoinHandle<lapin::Result<StopReason>>) {
    let channel = setup.channel.clone();
    let handler = move |request: Delivery| {
        let channel = channel.clone();
        async move {
            let answer = request.body().to_ascii_uppercase();
            channel.reply(&request, &answer).mandatory().await?;
            Ok::<_, PublishError>(())
        }
    };
    let (stop, stopped) = oneshot::channel();
    let consumer = setup.consume().await;
    let shutdown = async { drop(stopped.await) };
    let running = consumer.run(handler, RunOptions::default(), shutdown);
    (stop, tokio::spawn(running))
}

async fn a_request_and_its_reply_are_one_conversation(setup: Setup) {
    let setup = setup.over(|channel| channel.span_names(SpanNames::Conventions));
    let (stop, running) = answering(&setup).await;
    let requests = setup.channel.requests().await.unwrap();
    let reply = requests.call("", &setup.queue, b"teapot").await.unwrap();
    assert_eq!(reply.body(), b"TEAPOT");
    drop(stop);
    running.await.unwrap().unwrap();
    let queue = &setup.queue;
    hopline_testing::assert_tree(
        &setup.finished(4).await,
        &format!(
            "request {queue} ▸ svc\n└─ publish {queue}\n   └─ process {queue}\n      └─ publish"
        ),
    );
    let request = setup
        .spans
        .one(&format!("request {queue}"))
        .kind(SpanKind::Client)
        .succeeded();
    let answer = setup
        .spans
        .one("publish")
        .attribute("messaging.destination.anonymous", true);
    assert_eq!(request.links[0].span_context.span_id(), answer.span_id);
    let spans = setup.spans.all();
    let ids: HashSet<_> = texts(&spans, "messaging.message.conversation_id")
        .into_iter()
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert!(ids.iter().all(Option::is_some));
    drop(requests);
    setup.end().await;
}

async fn each_request_gets_its_own_reply(setup: Setup) {
    let (stop, running) = answering(&setup).await;
    let requests = setup.channel.requests().await.unwrap();
    let questions: Vec<String> = (0..100)
        .map(|number| format!("question {number}"))
        .collect();
    let calls = questions
        .iter()
        .map(|question| requests.call("", &setup.queue, question.as_bytes()));
    let replies = in_time(join_all(calls)).await;
    for (question, reply) in questions.iter().zip(replies) {
        assert_eq!(
            reply.unwrap().body(),
            question.to_ascii_uppercase().as_bytes()
        );
    }
    drop((stop, requests));
    running.await.unwrap().unwrap();
    setup.end().await;
}

async fn an_unroutable_request_fails_at_once(setup: Setup) {
    let requests = setup.channel.requests().await.unwrap();
    let call = requests.call("", "nowhere-at-all", b"x").await;
    assert!(
        matches!(
            call,
            Err(RequestError::Publish(PublishError::Unroutable { .. }))
        ),
        "{call:?}"
    );
    setup.spans.one("request.message").failed("unroutable");
    let long = "n".repeat(300);
    let call = requests.call("", &long, b"x").await;
    assert!(
        matches!(
            call,
            Err(RequestError::Publish(PublishError::NameTooLong(
                "routing key"
            )))
        ),
        "{call:?}"
    );
    drop(requests);
    setup.end().await;
}

async fn a_request_without_a_reply_times_out(setup: Setup) {
    let limit = Duration::from_millis(100);
    let requests = setup.channel.requests().await.unwrap().timeout(limit);
    let call = requests.call("", &setup.queue, b"x").await;
    assert!(
        matches!(call, Err(RequestError::TimedOut(time)) if time == limit),
        "{call:?}"
    );
    setup.spans.one("request.message").failed("timeout");
    // a late reply is dropped, and reaches no other request
    let request = setup.get(&setup.queue).await;
    setup.channel.reply(&request, b"late").await.unwrap();
    let (stop, running) = answering(&setup).await;
    let requests = requests.timeout(Duration::from_secs(30));
    assert_eq!(
        requests.call("", &setup.queue, b"y").await.unwrap().body(),
        b"Y"
    );
    drop((stop, requests));
    running.await.unwrap().unwrap();
    setup.end().await;
}

async fn who_asks_for_no_reply_gets_none(setup: Setup) {
    setup.publish(b"x").await;
    setup.spans.take();
    let message = setup.get(&setup.queue).await;
    let reply = setup.channel.reply(&message, b"y").await;
    assert!(matches!(reply, Err(PublishError::NoReplyTo)), "{reply:?}");
    setup.spans.one("publish.message").failed("no_reply_to");
    setup.end().await;
}

async fn the_end_of_the_channel_ends_all_requests(setup: Setup) {
    let requests = setup.channel.requests().await.unwrap();
    let close = async {
        setup.until_waiting(&setup.queue, 1).await;
        setup.channel.close(200, "bye".into()).await.unwrap();
    };
    let (call, ()) =
        in_time(async { tokio::join!(requests.call("", &setup.queue, b"x"), close) }).await;
    assert!(matches!(call, Err(RequestError::Closed)), "{call:?}");
    setup.spans.one("request.message").failed("channel_closed");
    let late = requests.call("", &setup.queue, b"x").await;
    assert!(matches!(late, Err(RequestError::Closed)), "{late:?}");
    setup.connection.close(200, "bye".into()).await.unwrap();
}

/// A service that got one request answers all that it can think of, before the others are answered.
async fn who_was_asked_once_can_answer_nothing_else(setup: Setup) {
    let requests = setup.channel.requests().await.unwrap();
    let call = || requests.call("", &setup.queue, b"question");
    let theirs = async {
        let (first, second, third) = (
            setup.get(&setup.queue).await,
            setup.get(&setup.queue).await,
            setup.get(&setup.queue).await,
        );
        let id = |request: &Delivery| {
            request
                .properties
                .correlation_id()
                .clone()
                .unwrap()
                .to_string()
        };
        let known = id(&second);
        let to = second.properties.reply_to().clone().unwrap();
        let forged = async |id: &str| {
            let reply = setup
                .channel
                .publish("", to.as_str(), b"forged")
                .correlation_id(id);
            reply.mandatory().await.unwrap();
        };
        // all that differ from its own by a step, in any notation, or in a few places
        let (front, last) = known
            .rsplit_once('-')
            .unwrap_or((&known[..28], &known[28..]));
        let dash = if known.contains('-') { "-" } else { "" };
        let number = u32::from_str_radix(last, 16).unwrap();
        for other in (0..number.saturating_add(40))
            .rev()
            .take(80)
            .filter(|other| *other != number)
        {
            forged(&format!("{front}{dash}{other}")).await;
            forged(&format!("{front}{dash}{other:04x}")).await;
        }
        forged("").await;
        for (request, answer) in [(&first, b"1"), (&second, b"2"), (&third, b"3")] {
            setup
                .channel
                .reply(request, answer)
                .mandatory()
                .await
                .unwrap();
            assert!(request.settle(Outcome::Ack).await.unwrap());
        }
        let unlike = |other: &str| {
            known
                .bytes()
                .zip(other.bytes())
                .filter(|(a, b)| a != b)
                .count()
        };
        assert!(
            unlike(&id(&first)) > 16 && unlike(&id(&third)) > 16,
            "not drawn anew: {known}"
        );
        assert_eq!(known.len(), 32, "128 bits");
    };
    let (first, second, third, ()) =
        in_time(async { tokio::join!(call(), call(), call(), theirs) }).await;
    let mut answers: Vec<Vec<u8>> = [first, second, third]
        .map(|reply| reply.unwrap().data)
        .into();
    answers.sort();
    assert_eq!(answers, [b"1", b"2", b"3"]);
    drop(requests);
    setup.end().await;
}

/// Else who was asked once could read the replies to others, and answer those himself.
async fn the_reply_queue_is_exclusive(setup: Setup) {
    let requests = setup.channel.requests().await.unwrap();
    let call = requests.call("", &setup.queue, b"question");
    let theirs = async {
        let request = setup.get(&setup.queue).await;
        let to = request.properties.reply_to().clone().unwrap();
        let properties = lapin::ConnectionProperties::default();
        let other = lapin::Connection::connect(&setup.url, properties)
            .await
            .unwrap();
        let none = FieldTable::default;
        let channel = other.create_channel().await.unwrap();
        let consumed = channel.basic_consume(
            to.clone(),
            "".into(),
            BasicConsumeOptions::default(),
            none(),
        );
        assert_eq!(code(consumed.await), 405);
        let channel = other.create_channel().await.unwrap();
        assert_eq!(
            code(
                channel
                    .basic_get(to.clone(), BasicGetOptions::default())
                    .await
            ),
            405
        );
        let channel = other.create_channel().await.unwrap();
        let bound = channel.queue_bind(
            to.clone(),
            "amq.fanout".into(),
            "".into(),
            QueueBindOptions::default(),
            none(),
        );
        assert_eq!(code(bound.await), 405);
        let channel = other.create_channel().await.unwrap();
        assert_eq!(
            code(
                channel
                    .queue_delete(to, QueueDeleteOptions::default())
                    .await
            ),
            405
        );
        setup
            .channel
            .reply(&request, b"answer")
            .mandatory()
            .await
            .unwrap();
        assert!(request.settle(Outcome::Ack).await.unwrap());
        other.close(200, "bye".into()).await.unwrap();
    };
    let (reply, ()) = in_time(async { tokio::join!(call, theirs) }).await;
    assert_eq!(reply.unwrap().data, b"answer");
    drop(requests);
    setup.end().await;
}

fn code<T: std::fmt::Debug>(refused: lapin::Result<T>) -> u16 {
    let error = refused.expect_err("it was not refused");
    match error.kind() {
        lapin::ErrorKind::ProtocolError(error) => error.get_id(),
        other => panic!("{other:?}"),
    }
}
