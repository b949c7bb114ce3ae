//! `hopline tail`: follows a running viewer.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hopline_view::decode;
use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;

use crate::args::TailOptions;
use crate::{Result, draw};

/// A trace is printed when nothing was added to it for this long.
const IDLE: Duration = Duration::from_millis(500);
/// Bytes of an event: a row of a list is far smaller.
const MAX_EVENT: usize = 1 << 20;

#[derive(Deserialize)]
struct Changed {
    id: String,
    open: usize,
}

pub(crate) fn run(options: &TailOptions) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(follow(options))
}

async fn follow(options: &TailOptions) -> Result<bool> {
    let viewer = Viewer::new(options)?;
    let mut url = viewer.url("api/live")?;
    url.query_pairs_mut()
        .append_pair("q", &options.query.to_string());
    let mut response = viewer
        .get(url)
        .send()
        .await
        .map_err(|error| unreachable(options, &error))?;
    if !response.status().is_success() {
        return Err(format!(
            "the viewer answered {}: {}",
            response.status(),
            response.text().await?
        )
        .into());
    }
    let mut events = Events::default();
    let mut waiting: HashMap<String, Instant> = HashMap::new();
    let mut printed = 0;
    loop {
        let due = waiting.values().min().map(|changed| *changed + IDLE);
        let wake = due.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        tokio::select! {
            chunk = response.chunk() => {
                let Some(chunk) = chunk.map_err(|error| unreachable(options, &error))? else {
                    return Err("the viewer ended the stream".into());
                };
                for changed in events.read(&chunk)? {
                    if changed.open == 0 {
                        waiting.insert(changed.id, Instant::now());
                    }
                }
            }
            () = tokio::time::sleep_until(wake.into()) => {
                let is_due = |changed: &Instant| changed.elapsed() >= IDLE;
                let ids: Vec<String> = waiting.iter().filter(|(_, at)| is_due(at)).map(|(id, _)| id.clone()).collect();
                for id in ids {
                    waiting.remove(&id);
                    viewer.print(&id, options).await?;
                    printed += 1;
                    if options.count.is_some_and(|count| printed >= count) {
                        return Ok(true);
                    }
                }
            }
        }
    }
}

fn unreachable(options: &TailOptions, error: &reqwest::Error) -> String {
    format!(
        "{}: {error}; start one with `hopline view`, or give its URL with --url",
        options.url
    )
}

/// The viewer's API.
struct Viewer {
    client: Client,
    base: Url,
    token: Option<String>,
}

impl Viewer {
    fn new(options: &TailOptions) -> Result<Self> {
        let base = format!("{}/", options.url.trim_end_matches('/'));
        let variable = std::env::var("HOPLINE_VIEW_TOKEN")
            .ok()
            .filter(|token| !token.is_empty());
        Ok(Self {
            client: Client::builder().no_proxy().build()?,
            base: Url::parse(&base).map_err(|error| format!("{}: {error}", options.url))?,
            token: options.token.clone().or(variable),
        })
    }

    fn url(&self, path: &str) -> Result<Url> {
        Ok(self.base.join(path)?)
    }

    fn get(&self, url: Url) -> RequestBuilder {
        let request = self.client.get(url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Prints a trace, unless it is gone already.
    async fn print(&self, id: &str, options: &TailOptions) -> Result<()> {
        let response = self
            .get(self.url(&format!("api/traces/{id}/otlp.json"))?)
            .send()
            .await?;
        if response.status().is_success() {
            let decoded = decode::file(&response.text().await?)?;
            draw::trees(&decoded.spans, &options.drawing)?;
        }
        Ok(())
    }
}

/// Server-sent events, read in pieces as they arrive.
#[derive(Default)]
struct Events {
    buffer: Vec<u8>,
}

impl Events {
    fn read(&mut self, chunk: &[u8]) -> Result<Vec<Changed>> {
        self.buffer.extend_from_slice(chunk);
        let mut found = Vec::new();
        while let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let event = String::from_utf8_lossy(&event);
            if event.lines().any(|line| line == "event: trace") {
                let data: String = event
                    .lines()
                    .filter_map(|line| line.strip_prefix("data: "))
                    .collect();
                found.push(serde_json::from_str(&data)?);
            }
        }
        if self.buffer.len() > MAX_EVENT {
            return Err("the viewer sent an event that is too large".into());
        }
        Ok(found)
    }
}
