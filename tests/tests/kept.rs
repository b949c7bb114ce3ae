//! Four services on a plan of 1 %: what failed is kept on its whole path, without a collector that decides.

use std::collections::HashSet;
use std::time::SystemTime;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use hopline::axum::TraceLayer;
use hopline::core::{Clock, IdGenerator, Stats, export::SpanData, time::ManualClock};
use hopline::reqwest::TraceMiddleware;
use hopline::{SpanKind, TraceId, Tracer};
use hopline_testing::{Spans, assert_tree, tracer_with};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Gateway, orders, payments and bank; each calls the next.
struct Services {
    url: String,
    tracers: Vec<Tracer>,
    spans: Spans,
    stop: watch::Sender<()>,
    serving: Vec<JoinHandle<std::io::Result<()>>>,
}

#[derive(Clone)]
struct Hop {
    client: ClientWithMiddleware,
    /// None for the bank, behind which there is nothing.
    next: Option<String>,
    retries: bool,
}

#[derive(Deserialize)]
struct Wanted {
    /// The attempts that the bank fails.
    bank: Failing,
    attempt: Option<u32>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Failing {
    Never,
    First,
    Always,
}

async fn work(State(hop): State<Hop>, Query(wanted): Query<Wanted>) -> StatusCode {
    let attempt = wanted.attempt.unwrap_or(1);
    let Some(next) = hop.next else {
        let fails =
            wanted.bank == Failing::Always || (wanted.bank == Failing::First && attempt == 1);
        return if fails {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::OK
        };
    };
    let bank = match wanted.bank {
        Failing::Never => "never",
        Failing::First => "first",
        Failing::Always => "always",
    };
    let mut status = StatusCode::BAD_GATEWAY;
    for attempt in 1..=if hop.retries { 2 } else { 1 } {
        let answer = hop
            .client
            .get(format!("{next}?bank={bank}&attempt={attempt}"))
            .send()
            .await;
        status = answer.map_or(StatusCode::BAD_GATEWAY, |answer| answer.status());
        if status.is_success() {
            break;
        }
    }
    status
}

impl Services {
    async fn start(plan: &str) -> Self {
        let spans = Spans::new();
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
        let (mut next, mut tracers, mut serving) = (None, Vec::new(), Vec::new());
        let stop = watch::Sender::new(());
        for name in ["bank", "payments", "orders", "gateway"] {
            let (tracer, _) = tracer_with(|tracer| {
                tracer
                    .service(name)
                    .ids(IdGenerator::Seeded(tracers.len() as u64))
                    .clock(Clock::Manual(clock.clone()))
                    .plan(plan.parse().unwrap())
                    .sink(spans.sink())
            });
            let client = ClientBuilder::new(reqwest::Client::new())
                .with(TraceMiddleware::new().keep_with(["127.0.0.1"]))
                .build();
            let hop = Hop {
                client,
                next: next.take(),
                retries: name == "payments",
            };
            let layer = TraceLayer::new().tracer(tracer.clone()).announce_kept();
            let app = Router::new()
                .route("/pay", get(work))
                .layer(layer)
                .with_state(hop);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            next = Some(format!("http://{}/pay", listener.local_addr().unwrap()));
            let mut stopped = stop.subscribe();
            let server = axum::serve(listener, app).with_graceful_shutdown(async move {
                let _ = stopped.changed().await;
            });
            serving.push(tokio::spawn(server.into_future()));
            tracers.push(tracer);
        }
        Self {
            url: next.unwrap(),
            tracers,
            spans,
            stop,
            serving,
        }
    }

    async fn pay(&self, http: &reqwest::Client, bank: &str) -> StatusCode {
        let url = format!("{}?bank={bank}", self.url);
        let answer = http.get(url).send().await.unwrap();
        let status = answer.status();
        answer.bytes().await.unwrap();
        status
    }

    /// Stops all four, so that every request has ended; gives what was kept, and the counts from bank to gateway.
    async fn stop(self) -> (Vec<SpanData>, Vec<Stats>) {
        self.stop.send_replace(());
        for server in self.serving {
            server.await.unwrap().unwrap();
        }
        let stats = self.tracers.iter().map(Tracer::stats).collect();
        (self.spans.take(), stats)
    }
}

const FAILED: &str = "
GET /pay ▸ gateway  500  ✗
└─ GET  500  ✗
   └─ GET /pay ▸ orders  500  ✗
      └─ GET  500  ✗
         └─ GET /pay ▸ payments  500  ✗
            ├─ GET  500  ✗
            │  └─ GET /pay ▸ bank  500  ✗
            └─ GET  500  ✗
               └─ GET /pay ▸ bank  500  ✗
";

/// The services in front saw no error, and the path to it is kept; the second, successful call of the bank is not.
const HEALED: &str = "
GET /pay ▸ gateway  200
└─ GET  200
   └─ GET /pay ▸ orders  200
      └─ GET  200
         └─ GET /pay ▸ payments  200
            ├─ GET  500  ✗
            │  └─ GET /pay ▸ bank  500  ✗
            └─ GET  200
";

/// One request after the other; what was kept of them.
async fn kept_of(requests: &[(&str, StatusCode)]) -> Vec<SpanData> {
    let services = Services::start("* 1%; keep errors").await;
    let http = reqwest::Client::new();
    for (bank, expected) in requests {
        assert_eq!(services.pay(&http, bank).await, *expected);
    }
    services.stop().await.0
}

#[tokio::test]
async fn the_path_to_the_failing_hop_is_whole() {
    let spans = kept_of(&[("always", StatusCode::INTERNAL_SERVER_ERROR)]).await;
    assert!(spans.iter().all(|span| !span.flags.is_sampled()));
    assert_tree(&spans, FAILED);
}

#[tokio::test]
async fn the_path_to_a_failure_that_healed_is_whole_too() {
    let spans = kept_of(&[("first", StatusCode::OK)]).await;
    assert!(spans.iter().all(|span| !span.flags.is_sampled()));
    assert_tree(&spans, HEALED);
    for (service, why) in [
        ("bank", "error"),
        ("payments", "downstream"),
        ("orders", "downstream"),
        ("gateway", "downstream"),
    ] {
        let root = spans
            .iter()
            .find(|span| span.kind == SpanKind::Server && span.service() == service);
        assert_eq!(root.unwrap().text("hopline.kept"), Some(why), "{service}");
    }
}

#[tokio::test]
async fn what_is_fine_is_dropped_but_for_the_share_that_is_sampled() {
    let spans = kept_of(&[("never", StatusCode::OK); 400]).await;
    assert!(spans.iter().all(|span| span.flags.is_sampled()));
    let roots = spans.iter().filter(|span| span.parent.is_none()).count();
    // ids are the same in each run: 4 are expected, 4 sigma are 8
    assert!((1..=12).contains(&roots), "{roots}");
    assert_eq!(spans.len(), 7 * roots, "whole on all four hops");
}

/// As many failing requests at once as a service may have in a second; the clock does not move.
async fn storm(plan: &str) -> (Vec<SpanData>, Vec<Stats>) {
    const REQUESTS: usize = 10_000;
    const AT_ONCE: usize = 50;
    let services = Services::start(plan).await;
    let http = reqwest::Client::new();
    let mut callers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (http, url) = (http.clone(), format!("{}?bank=always", services.url));
        callers.spawn(async move {
            for _ in 0..REQUESTS / AT_ONCE {
                let answer = http.get(&url).send().await.unwrap();
                assert!(answer.status().is_server_error());
                answer.bytes().await.unwrap();
            }
        });
    }
    callers.join_all().await;
    services.stop().await
}

fn roots_of(spans: &[SpanData], service: &str) -> usize {
    let of_it = |span: &&SpanData| span.kind == SpanKind::Server && span.service() == service;
    spans.iter().filter(of_it).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_storm_is_kept_whole() {
    let (spans, stats) = storm("* 1%; keep errors").await;
    for (service, requests) in [
        ("gateway", 10_000),
        ("orders", 10_000),
        ("payments", 10_000),
        ("bank", 20_000),
    ] {
        assert_eq!(roots_of(&spans, service), requests, "{service}");
    }
    assert!(stats.iter().all(|stats| stats.errors_let_go == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_storm_is_kept_up_to_the_rate_of_the_plan() {
    let (spans, stats) = storm("* 1%; keep errors 100/s").await;
    let (sampled, kept): (Vec<_>, Vec<_>) =
        spans.into_iter().partition(|span| span.flags.is_sampled());
    for (at, service) in ["bank", "payments", "orders", "gateway"].iter().enumerate() {
        let requests = if *service == "bank" { 20_000 } else { 10_000 };
        let all = roots_of(&sampled, service) + roots_of(&kept, service);
        let let_go = stats[at].errors_let_go as usize;
        assert_eq!(all + let_go, requests, "{service}: the rest is counted");
        // its own hundred, and those that the services behind it keep
        let most = 100 * (at + 1);
        assert!(roots_of(&kept, service) <= most, "{service}");
    }
    assert_eq!(roots_of(&kept, "bank"), 100);
    let seen_by = |service: &str| -> HashSet<TraceId> {
        let of_it = kept.iter().filter(|span| span.service() == service);
        of_it.map(|span| span.trace_id).collect()
    };
    let at_gateway = seen_by("gateway");
    assert!(
        seen_by("bank").is_subset(&at_gateway),
        "what is kept is kept up to the gateway"
    );
}
