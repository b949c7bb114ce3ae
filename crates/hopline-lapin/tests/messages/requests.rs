//! Requests that wait for a reply.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use hopline_core::{Kind as SpanKind, SpanNames};
use hopline_lapin::{Delivery, End, PublishError, RequestError, RunOptions};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::*;

rows!(
    a_request_and_its_reply_are_one_conversation,
    each_request_gets_its_own_reply,
    a_request_that_nobody_takes_fails_at_once,
    a_request_without_a_reply_times_out,
    who_asks_for_no_reply_gets_none,
    the_end_of_the_channel_ends_all_requests,
);

/// Answers every request by its body in capitals, until told to stop.
async fn answering(setup: &Setup) -> (oneshot::Sender<()>, JoinHandle<lapin::Result<End>>) {
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

async fn a_request_that_nobody_takes_fails_at_once(setup: Setup) {
    let requests = setup.channel.requests().await.unwrap();
    let call = requests.call("", "nowhere-at-all", b"x").await;
    assert!(
        matches!(call, Err(RequestError::Publish(PublishError::Unroutable))),
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
    // an answer that comes late is thrown away, and disturbs nobody
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
