//! `hopline tail`: follows a running viewer.
//! `main` calls it. The viewer sends a server-sent event for each change of a matching trace; a trace is fetched and printed
//! when it is complete and idle, so that it is printed whole.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hopline_view::decode;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;

use crate::args::TailOptions;
use crate::{Result, draw};

/// A trace is printed when nothing was added to it for this long.
///
/// Services export in batches, so the spans of one trace arrive apart.
const IDLE: Duration = Duration::from_millis(500);
/// Bytes of an event: a row of a list is far smaller.
///
/// Beyond it the other end is no viewer.
const MAX_EVENT: usize = 1 << 20;

/// The fields of an event that are read; the row has more for the page.
#[derive(Deserialize)]
struct Changed {
    /// Trace id in hexadecimal.
    id: String,
    /// Spans that have started and not ended. The trace is not printed while there is one.
    open: usize,
}

/// Follows the viewer until it ends, `--count` traces are printed, or the process is interrupted.
///
/// One thread is enough: the command waits for one stream.
///
/// # Errors
///
/// Returns an error if the viewer cannot be reached, refuses the query or the token, or ends the stream.
pub(crate) fn run(options: &TailOptions) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(follow(options))
}

/// Reads events, and prints each trace when it has been idle for 500 ms.
///
/// `waiting` has at most one entry for each trace that changed in the last 500 ms. Cancelling drops the response, which ends the
/// stream at the viewer.
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
        return Err(refused(options, response).await.into());
    }
    let mut events = Events::default();
    let mut waiting: HashMap<String, Instant> = HashMap::new();
    let mut printed = 0;
    loop {
        let due = waiting.values().min().map(|changed| *changed + IDLE);
        // with no trace waiting only the stream wakes the loop; the hour has no other effect
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

/// Error text for a status other than 200, with the remedy.
///
/// The answer of a viewer has a message, such as the place of a problem in the query; other servers have none. A receiver of
/// the viewer is such a server: its port is often taken for that of the page.
async fn refused(options: &TailOptions, response: Response) -> String {
    let status = response.status();
    let answer = response.text().await.unwrap_or_default();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap_or_default();
    let (url, message) = (&options.url, answer["error"]["message"].as_str());
    match (status, message) {
        (StatusCode::UNAUTHORIZED, _) => {
            format!(
                "{url}: the token is missing or wrong; give it with --token or HOPLINE_VIEW_TOKEN"
            )
        }
        (_, Some(message)) => format!("{url}: {message}"),
        (_, None) => format!(
            "{url}: status {status}, so it is not a viewer; give the URL of its page with --url"
        ),
    }
}

/// Error text with its cause and its remedy: mostly there is no viewer.
fn unreachable(options: &TailOptions, error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!(
        "no viewer answers at {}: {cause}; start one with `hopline view`, or give its URL with --url",
        options.url
    )
}

/// The viewer's API.
///
/// The client ignores the proxies of the environment, which cannot reach a viewer on loopback.
struct Viewer {
    client: Client,
    /// Ends with a slash, so that relative paths are added to it.
    base: Url,
    /// Sent as a bearer token.
    token: Option<String>,
}

impl Viewer {
    /// # Errors
    ///
    /// Returns an error if `--url` is not a URL.
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

    /// Resolves a path against the base. Paths are relative, so that a viewer behind a prefix is found.
    ///
    /// # Errors
    ///
    /// Returns an error if the path does not fit the URL.
    fn url(&self, path: &str) -> Result<Url> {
        Ok(self.base.join(path)?)
    }

    /// Builds a GET request, with the token if there is one.
    fn get(&self, url: Url) -> RequestBuilder {
        let request = self.client.get(url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Prints a trace, unless it is gone already.
    ///
    /// # Errors
    ///
    /// Returns an error if the viewer cannot be reached or its answer is not OTLP JSON.
    async fn print(&self, id: &str, options: &TailOptions) -> Result<()> {
        let response = self
            .get(self.url(&format!("api/traces/{id}/otlp.json"))?)
            .send()
            .await?;
        if response.status().is_success() {
            let decoded = decode::file(&response.text().await?)?;
            draw::trees(&decoded.spans, &options.drawing, Some(self.base.as_str()))?;
        }
        Ok(())
    }
}

/// Server-sent events, read in pieces as they arrive.
///
/// Bounded by `MAX_EVENT`: a sender that never ends an event is an error.
#[derive(Default)]
struct Events {
    /// The begin of an event that is not complete.
    buffer: Vec<u8>,
}

impl Events {
    /// Adds a piece of the stream, and returns the changes of the events that it completes.
    ///
    /// An event may end in any piece, so the rest is kept. Events other than `trace` are skipped.
    ///
    /// # Errors
    ///
    /// Returns an error if an event is not valid JSON, or the rest is larger than 1 MiB.
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
