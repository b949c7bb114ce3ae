//! Requests without end, and how long they take.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use checkout::{Urls, drive};

/// The results of the requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    phase: usize,
    /// When the last outage of a server that the services need ended; none during one.
    outage: bool,
    well_since: Option<Instant>,
    requests: u64,
    failed_in_outages: u64,
    failed: Vec<String>,
    /// Microseconds of requests that read, by the phase in which they began.
    latencies: Vec<Vec<u32>>,
}

/// The failures to report.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    pub(crate) failed_in_outages: u64,
    pub(crate) failed: Vec<String>,
    pub(crate) latencies: Vec<Vec<u32>>,
}

/// Nothing panics while it is locked.
const WHOLE: &str = "the lock is whole";

impl Load {
    pub(crate) fn new(phases: usize) -> Self {
        let load = Self::default();
        let mut state = load.0.lock().expect(WHOLE);
        state.latencies = vec![Vec::new(); phases];
        state.well_since = Some(Instant::now());
        drop(state);
        load
    }

    /// Starts the clients; they end with the runtime.
    pub(crate) fn start(&self, urls: &Urls) {
        for _ in 0..2 {
            let (load, urls) = (self.clone(), urls.clone());
            tokio::spawn(async move {
                loop {
                    let began = Instant::now();
                    load.count(began, 5, drive::once(&urls).await);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            });
        }
        let (load, urls) = (self.clone(), urls.clone());
        tokio::spawn(async move { load.read_products(&urls).await });
    }

    async fn read_products(&self, urls: &Urls) {
        let client = reqwest::Client::new();
        let url = format!("{}/products", urls.gateway);
        loop {
            let phase = self.0.lock().expect(WHOLE).phase;
            let began = Instant::now();
            let answer = client.get(&url).header("x-tenant-id", "acme").send().await;
            let answer = answer.and_then(reqwest::Response::error_for_status);
            let took = began.elapsed();
            if self.count(began, 1, answer.map(drop)) {
                let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
                self.0.lock().expect(WHOLE).latencies[phase].push(micros);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn enter(&self, phase: usize) {
        self.0.lock().expect(WHOLE).phase = phase;
    }

    /// Marks an outage of a server that the services need: failures during it are expected.
    pub(crate) fn outage(&self, begins: bool) {
        let mut state = self.0.lock().expect(WHOLE);
        state.outage = begins;
        state.well_since = (!begins).then(Instant::now);
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let mut state = self.0.lock().expect(WHOLE);
        Outcome {
            requests: state.requests,
            failed_in_outages: state.failed_in_outages,
            failed: std::mem::take(&mut state.failed),
            latencies: std::mem::take(&mut state.latencies),
        }
    }

    /// True if they succeeded.
    fn count<E: ToString>(&self, began: Instant, requests: u64, result: Result<(), E>) -> bool {
        let mut state = self.0.lock().expect(WHOLE);
        state.requests += requests;
        let Err(error) = result else { return true };
        if state.well_since.is_some_and(|since| began > since) {
            state.failed.push(error.to_string());
        } else {
            state.failed_in_outages += 1;
        }
        false
    }
}
