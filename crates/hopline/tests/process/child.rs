//! The service that a case starts.

use std::convert::Infallible;
use std::error::Error;
use std::fs::File;
use std::future::poll_fn;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use hopline::axum::TraceLayer;
use hopline::core::{Clock, Incoming, Notice, time::ManualClock};
use hopline::{SpanBuilder, SpanKind, Tracer};
use tokio::task::JoinSet;

use hopline_test_support::LONG;
use hopline_test_support::sinks::Discard;

type Result = std::result::Result<(), Box<dyn Error>>;

pub(crate) fn run(role: &str) -> Result {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match role {
            "service" => service().await,
            "strict" => strict().await,
            "stuck" => stuck().await,
            "dropped at once" => dropped_at_once().await,
            "dropped long ago" => dropped_long_ago(),
            "ended in order" => ended_in_order(),
            "context lost" => context_lost().await,
            other => Err(other.into()),
        }
    })
}

/// As the README's program.
async fn service() -> Result {
    let telemetry = hopline::init("orders")?;
    let app = Router::new()
        .route("/", get(|| async { "ok" }))
        .route("/events", get(events))
        .layer(TraceLayer::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    // once polled, signals are caught: the server polls it some time later
    let mut signal = Box::pin(hopline::shutdown_signal());
    poll_fn(|cx| Poll::Ready(signal.as_mut().poll(cx).is_ready())).await;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, app)
        .with_graceful_shutdown(stop(signal))
        .await?;
    telemetry.shutdown().await;
    Ok(())
}

async fn stop(signal: impl Future<Output = ()>) {
    signal.await;
    println!("stopping");
}

/// One event, and then none for ever.
async fn events() -> Sse<impl futures_util::Stream<Item = std::result::Result<Event, Infallible>>> {
    use futures_util::StreamExt;
    hopline::span("events.subscribe").end();
    let first = futures_util::stream::once(async { Ok(Event::default().data("first")) });
    Sse::new(first.chain(futures_util::stream::pending()))
}

async fn strict() -> Result {
    hopline::builder("orders").strict().init()?.shutdown().await;
    Ok(())
}

/// Serves while standard error is a full pipe without a reader.
async fn stuck() -> Result {
    // a failure, too, is to be seen
    std::panic::set_hook(Box::new(|panic| println!("{panic}")));
    const O_NONBLOCK: i32 = 0o4000;
    let mut pipe = File::options()
        .write(true)
        .custom_flags(O_NONBLOCK)
        .open("/proc/self/fd/2")?;
    while pipe.write(&[b'.'; 4096]).is_ok() {}
    while pipe.write(b".").is_ok() {}

    let telemetry = hopline::builder("orders")
        // so that the export queue is soon full
        .sink(Discard::each_trace())
        .shutdown_timeout(Duration::from_secs(1))
        .init()?;
    let app = Router::new()
        .route("/", get(|| async { "ok" }))
        .layer(TraceLayer::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    let client = reqwest::Client::new();
    for _ in 0..50 {
        let request = client.get(&url).header("baggage", "bad bad");
        assert_eq!(request.send().await?.status(), 200);
    }
    let exporter = telemetry.exporter().ok_or("no exporter")?.clone();
    assert!(exporter.stats().dropped > 0, "{:?}", exporter.stats());
    telemetry.shutdown().await;
    let stats = exporter.stats();
    assert_eq!((stats.given, stats.lost(), stats.waiting), (50, 50, 0));
    println!("served");
    Ok(())
}

fn root(tracer: Option<&Tracer>) -> bool {
    SpanBuilder::new("request")
        .tracer(tracer)
        .parent(Incoming::default())
        .start()
        .is_recording()
}

async fn dropped_at_once() -> Result {
    let _ = hopline::init("orders")?;
    assert!(!root(None) && !root(None));
    Notice::flush(LONG);
    Ok(())
}

fn dropped_long_ago() -> Result {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let telemetry = hopline::builder("orders")
        .configure(|tracer| tracer.clock(Clock::Manual(clock.clone())))
        .init()?;
    assert!(root(None));
    drop(telemetry);
    clock.advance(Duration::from_secs(3600));
    assert!(!root(None));
    Notice::flush(LONG);
    Ok(())
}

/// Parts of a service may start work after the end of `main`.
fn ended_in_order() -> Result {
    let telemetry = hopline::builder("orders").build()?;
    let tracer = telemetry.tracer().ok_or("no tracer")?.clone();
    assert!(root(Some(&tracer)));
    drop(telemetry);
    assert!(!root(Some(&tracer)));
    // unused, but not dropped at once
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let telemetry = hopline::builder("orders")
        .configure(|tracer| tracer.clock(Clock::Manual(clock.clone())))
        .build()?;
    let tracer = telemetry.tracer().ok_or("no tracer")?.clone();
    clock.advance(Duration::from_secs(2));
    drop(telemetry);
    assert!(!root(Some(&tracer)));
    Notice::flush(LONG);
    Ok(())
}

/// A request whose calls out are made in tasks, first by hopline's means and then by tokio's.
async fn context_lost() -> Result {
    use hopline::prelude::*;
    let telemetry = hopline::builder("orders").build()?;
    let tracer = telemetry.tracer().ok_or("no tracer")?.clone();
    let request = SpanBuilder::new("request").kind(SpanKind::Server);
    let request = request.tracer(&tracer).parent(Incoming::default()).start();
    let call = move || {
        let call = SpanBuilder::new("GET").kind(SpanKind::Client);
        call.tracer(&tracer).start().span_context()
    };
    let trace = request.span_context().map(|context| context.trace_id());
    async {
        let (one, two, three, four) = (call.clone(), call.clone(), call.clone(), call.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn_traced(async move { one() });
        tasks.spawn_blocking_traced(two);
        let mut calls = tasks.join_all().await;
        calls.push(hopline::spawn(async move { three() }).await?);
        calls.push(hopline::spawn_blocking(four).await?);
        for context in calls {
            assert_eq!(context.map(|context| context.trace_id()), trace);
        }
        Notice::flush(LONG);
        println!("kept");
        for _ in 0..3 {
            let call = call.clone();
            tokio::spawn(async move { call() }).await?;
        }
        Ok::<_, Box<dyn Error>>(())
    }
    .in_span(request)
    .await?;
    telemetry.shutdown().await;
    Notice::flush(LONG);
    Ok(())
}
