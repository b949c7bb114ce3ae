//! The use of contexts of strangers.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use hopline_core::{Context, SpanContext};
use hopline_lapin::{Consumer, Outcome, RunOptions, Trust};
use lapin::BasicProperties;
use lapin::options::*;
use lapin::types::FieldTable;

use crate::support::*;

rows!(
    trust_of_the_channel_applies_to_its_messages,
    a_consumer_may_trust_otherwise_than_its_channel,
    a_batch_links_to_trusted_publishers,
);

/// Published as a stranger does, with all that a context may bring.
async fn from_a_stranger(setup: &Setup) {
    let mut headers = FieldTable::default();
    for (key, value) in [
        ("traceparent", OWN),
        ("tracestate", "vendor=1"),
        ("baggage", "tenant_id=theirs"),
    ] {
        headers.insert(key.into(), text(value));
    }
    let properties = BasicProperties::default().with_headers(headers);
    let (options, key) = (BasicPublishOptions::default(), setup.queue.as_str().into());
    let raw = setup.channel.raw();
    let sent = raw.basic_publish("".into(), key, options, b"x", properties);
    sent.await.unwrap().await.unwrap();
}

/// The part of a context that a handler sends on: ids, tracestate and baggage.
async fn passed_on(setup: &Setup, consumer: Consumer) -> HashMap<String, String> {
    let seen = Arc::new(Mutex::new(HashMap::new()));
    let out = seen.clone();
    let handler = move |_| {
        Context::current().inject(&mut *out.lock().unwrap());
        std::future::ready(Ok::<_, Infallible>(()))
    };
    let shutdown = async {
        while seen.lock().unwrap().is_empty()
            && setup.spans.named("process.message").is_empty()
            && setup.waiting(&setup.queue).await > 0
        {
            tokio::task::yield_now().await;
        }
    };
    in_time(consumer.run(handler, RunOptions::default(), shutdown))
        .await
        .unwrap();
    std::mem::take(&mut *seen.lock().unwrap())
}

async fn trust_of_the_channel_applies_to_its_messages(setup: Setup) {
    let theirs = OWN.parse::<SpanContext>().unwrap();
    for trust in [Trust::Continue, Trust::Link, Trust::Restart, Trust::Ignore] {
        from_a_stranger(&setup).await;
        setup.spans.take();
        let channel = setup.channel.clone().trust(trust);
        let queue = || setup.queue.as_str().into();
        let consumer = channel.basic_consume(
            queue(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let out = passed_on(&setup, consumer.await.unwrap()).await;
        let (baggage, tracestate) = (out.get("baggage"), out.get("tracestate"));
        let spans = setup.spans.named("process.message");
        if trust == Trust::Continue {
            assert_eq!(baggage.map(String::as_str), Some("tenant_id=theirs"));
            assert!(tracestate.unwrap().contains("vendor=1"));
            assert_eq!(spans[0].trace_id, theirs.trace_id());
            continue;
        }
        assert_eq!(baggage, None, "{trust:?}");
        assert!(
            tracestate.is_none_or(|state| !state.contains("vendor")),
            "{trust:?}"
        );
        if trust == Trust::Ignore {
            assert!(spans.is_empty(), "{}", setup.spans.tree());
            let own = out["traceparent"].parse::<SpanContext>().unwrap();
            assert!(!own.is_sampled() && own.trace_id() != theirs.trace_id());
            continue;
        }
        let [process] = &spans[..] else {
            panic!("{}", setup.spans.tree())
        };
        assert_eq!(
            (process.parent, process.trace_id == theirs.trace_id()),
            (None, false)
        );
        let links: Vec<_> = process
            .links
            .iter()
            .map(|link| &link.span_context)
            .collect();
        if trust == Trust::Link {
            assert_eq!(links[0].span_id(), theirs.span_id());
            assert!(links[0].tracestate().is_empty(), "a stranger's is not kept");
        } else {
            assert!(links.is_empty());
        }
        // and by a get
        from_a_stranger(&setup).await;
        let got = channel.basic_get(queue(), BasicGetOptions::default());
        let got = got.await.unwrap().unwrap();
        assert_eq!(got.publisher().is_some(), trust == Trust::Link);
        got.settle(Outcome::Ack).await.unwrap();
    }
    setup.until_unused().await;
    setup.end().await;
}

async fn a_consumer_may_trust_otherwise_than_its_channel(setup: Setup) {
    from_a_stranger(&setup).await;
    let consumer = setup.consume().await.trust(Trust::Restart);
    let out = passed_on(&setup, consumer).await;
    assert!(!out.contains_key("baggage"), "{out:?}");
    setup.spans.one("process.message").root();
    setup.until_unused().await;
    setup.end().await;
}

async fn a_batch_links_to_trusted_publishers(setup: Setup) {
    for (trust, links) in [(Trust::Link, 1), (Trust::Restart, 0)] {
        from_a_stranger(&setup).await;
        setup.spans.take();
        let mut batches = setup.consume().await.trust(trust).batches(1);
        let batch = in_time(batches.next()).await.unwrap().unwrap();
        batch.process_span().end();
        assert_eq!(setup.spans.one("process.batch").links.len(), links);
        assert!(batch.settle(Outcome::Ack).await.unwrap());
        drop(batches);
        setup.until_unused().await;
    }
    setup.end().await;
}
