//! Requests of strangers, each to both services at the same time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Body, Client, RequestBuilder};
use tokio::task::JoinSet;

/// Secrets that must arrive nowhere.
pub(crate) const SECRET: &str = "hl5ecr3tk7Qv9ZpX2mWd8Rb4";
/// A mark in the tracestate of untrusted callers.
pub(crate) const STRANGER: &str = "stranger";
/// The trace that strangers would join.
pub(crate) const TRACE: [u8; 16] = [0xff; 16];
pub(crate) const BAGGAGE: &str = "tenant_id=forged,=,%zz,a=\u{7f},bad bad";
pub(crate) const MESSAGE_TRACE: [u8; 16] = [0xee; 16];
pub(crate) const MESSAGE_PARENT: &str = "00-eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-00f067aa0ba902b7-01";

/// A request that takes longer waits for something that never comes.
const LIMIT: Duration = Duration::from_secs(20);
const ATTACKERS: usize = 6;
const MOST_DIFFERENCES: usize = 20;

/// The number of requests of each kind.
const KINDS: [Kind; 16] = [
    Kind::Plain,
    Kind::Forged,
    Kind::Heavy,
    Kind::Garbled,
    Kind::Grpc,
    Kind::Secrets,
    Kind::Reset,
    Kind::Upload,
    Kind::Fail,
    Kind::Panic,
    Kind::Deep,
    Kind::Leave,
    Kind::Publish,
    Kind::Message,
    Kind::Thread,
    Kind::Proxy,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Plain,
    /// Ids, flags, thresholds and randomness to be sampled or hidden by.
    Forged,
    /// Valid headers of 8 kB.
    Heavy,
    /// Headers that do not parse.
    Garbled,
    /// A method that was made up.
    Grpc,
    Secrets,
    Reset,
    /// A body that takes its time.
    Upload,
    Fail,
    Panic,
    Deep,
    /// A client that disconnects in the middle of the response.
    Leave,
    Publish,
    Message,
    Thread,
    Proxy,
}

/// The results of all requests.
#[derive(Debug, Default)]
pub(crate) struct Attacks {
    pub(crate) requests: u64,
    /// The longest, by service: traced, plain.
    pub(crate) longest: [Duration; 2],
    /// Requests that the services answered differently, or one of them not at all.
    pub(crate) differences: Vec<String>,
    pub(crate) messages: u64,
    pub(crate) by_outcome: BTreeMap<String, u64>,
}

/// The response as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Answer(u16, String),
    /// The connection broke, as it does where a handler panics.
    Broken,
    TimedOut,
}

#[derive(Debug)]
pub(crate) struct Attackers {
    tasks: JoinSet<()>,
    stop: Arc<AtomicBool>,
    attacks: Arc<Mutex<Attacks>>,
}

/// Nothing panics while it is locked.
const WHOLE: &str = "the lock is whole";

impl Attackers {
    pub(crate) fn start(traced: &str, plain: &str) -> Self {
        let mut attackers = Self {
            tasks: JoinSet::new(),
            stop: Arc::default(),
            attacks: Arc::default(),
        };
        let next = Arc::new(AtomicU64::new(0));
        for _ in 0..ATTACKERS {
            let sides = [traced, plain].map(str::to_owned);
            let (stop, next) = (Arc::clone(&attackers.stop), Arc::clone(&next));
            let attacks = Arc::clone(&attackers.attacks);
            attackers.tasks.spawn(async move {
                let client = Client::builder().no_proxy().timeout(LIMIT).build();
                let Ok(client) = client else { return };
                while !stop.load(Relaxed) {
                    let number = next.fetch_add(1, Relaxed);
                    attack(&client, &sides, number, &attacks).await;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
        }
        attackers
    }

    /// Waits for the requests that are under way.
    pub(crate) async fn stop(mut self) -> Attacks {
        self.stop.store(true, Relaxed);
        while self.tasks.join_next().await.is_some() {}
        std::mem::take(&mut *self.attacks.lock().expect(WHOLE))
    }
}

async fn attack(client: &Client, sides: &[String; 2], number: u64, attacks: &Mutex<Attacks>) {
    let kind = KINDS[number as usize % KINDS.len()];
    let (traced, plain) = tokio::join!(
        ask(client, kind, &sides[0], number),
        ask(client, kind, &sides[1], number)
    );
    let mut attacks = attacks.lock().expect(WHOLE);
    attacks.requests += 1;
    let is_message = matches!(kind, Kind::Publish | Kind::Message);
    attacks.messages += u64::from(is_message && matches!(traced.0, Outcome::Answer(201, _)));
    for (longest, time) in attacks.longest.iter_mut().zip([traced.1, plain.1]) {
        *longest = (*longest).max(time);
    }
    let shown = match &traced.0 {
        Outcome::Answer(status, _) => format!("{kind:?} {status}"),
        other => format!("{kind:?} {other:?}"),
    };
    *attacks.by_outcome.entry(shown).or_default() += 1;
    let is_same = traced.0 == plain.0 && traced.0 != Outcome::TimedOut;
    if !is_same && attacks.differences.len() < MOST_DIFFERENCES {
        let difference = format!("{kind:?}: traced {:?}, plain {:?}", traced.0, plain.0);
        attacks.differences.push(difference);
    }
}

async fn ask(client: &Client, kind: Kind, side: &str, number: u64) -> (Outcome, Duration) {
    let begin = Instant::now();
    let request = request(client, kind, side, number);
    let outcome = match request.send().await {
        Ok(mut answer) if kind == Kind::Leave => {
            let first = answer.chunk().await.is_ok_and(|chunk| chunk.is_some());
            Outcome::Answer(answer.status().as_u16(), first.to_string())
        }
        Ok(answer) => {
            let status = answer.status().as_u16();
            match answer.text().await {
                Ok(text) => Outcome::Answer(status, text),
                Err(error) => broken(&error),
            }
        }
        Err(error) => broken(&error),
    };
    (outcome, begin.elapsed())
}

fn broken(error: &reqwest::Error) -> Outcome {
    if error.is_timeout() {
        Outcome::TimedOut
    } else {
        Outcome::Broken
    }
}

fn request(client: &Client, kind: Kind, side: &str, number: u64) -> RequestBuilder {
    let get = |path: &str| client.get(format!("{side}{path}"));
    let order = format!("/orders/{}", number % 1000);
    match kind {
        Kind::Plain => get(&order),
        Kind::Forged => forged(get(&order), if number % 32 < 16 { "01" } else { "00" }),
        Kind::Heavy => {
            let member = |at: usize| format!("{STRANGER}{at}={}", "v".repeat(240));
            let state: Vec<String> = (0..31).map(member).collect();
            let pairs: Vec<String> = (0..31).map(member).collect();
            let heavy = format!("tenant_id={},{}", "t".repeat(300), pairs.join(","));
            forged(get(&order), "01")
                .header("tracestate", state.join(","))
                .header("baggage", heavy)
        }
        Kind::Garbled => get(&order)
            .header("traceparent", "00-zz-\t[31m")
            .header("traceparent", "00")
            .header("tracestate", "====,,,")
            .header("baggage", BAGGAGE.replace('\u{7f}', "z"))
            .header("x-bug", "1")
            .header("forwarded", "for=\"[::1\";host=\"evil"),
        Kind::Grpc => {
            let path = format!("{side}/made.up{number}/Method{number}");
            let post = client.post(path).header("te", "trailers");
            post.header("content-type", "application/grpc")
        }
        Kind::Secrets => {
            let query = format!(
                "token={SECRET}&X-API-Key={SECRET}&password1={SECRET}&sessionid={SECRET}\
                 &redirect_uri=https%3A%2F%2Fh%2F%3Ftoken%3D{SECRET}"
            );
            get(&format!("{order}?{query}"))
                .header("authorization", format!("Token {SECRET}"))
                .header("cookie", format!("sessionid={SECRET}"))
                .header("x-api-key", SECRET)
                .header("x-otp", SECRET)
                .header("sec-websocket-protocol", format!("bearer, {SECRET}"))
        }
        Kind::Reset => get(&format!("/password/reset/{SECRET}")),
        Kind::Upload => {
            let parts = futures_util::stream::unfold(0, |at| async move {
                tokio::time::sleep(Duration::from_millis(60)).await;
                (at < 5).then(|| (Ok::<_, std::io::Error>(vec![b'u'; 1000]), at + 1))
            });
            client
                .post(format!("{side}/upload"))
                .body(Body::wrap_stream(parts))
        }
        Kind::Fail => get("/fail"),
        Kind::Panic => get("/panic"),
        Kind::Deep => get("/deep"),
        Kind::Leave => get("/stream"),
        Kind::Publish => client.post(format!("{side}/orders")).body("order"),
        Kind::Message => client.post(format!("{side}/messages")),
        Kind::Thread => get("/thread"),
        Kind::Proxy => forged(get("/health"), "01").header("baggage", "tenant_id=forged"),
    }
}

fn forged(request: RequestBuilder, flags: &str) -> RequestBuilder {
    let parent = format!("00-{}-00f067aa0ba902b7-{flags}", "f".repeat(32));
    let state = format!("ot=th:ffffffffffffff;rv:ffffffffffffff,{STRANGER}=1");
    let request = request.header("traceparent", parent);
    request.header("tracestate", state)
}
