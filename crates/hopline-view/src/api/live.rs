//! The live stream: changed traces as server-sent events.
//! `router` calls it; the page and `hopline tail` follow it. A change is sent once for each trace in 250 ms, however often it
//! changed, so a busy service cannot flood a page.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Serialize;

use super::params::Params;
use super::state::Api;
use crate::Search;
use crate::error::ApiError;
use crate::store::counts::Counts;
use crate::store::summarise::summary_of;
use crate::store::summary::Summary;
use crate::view::{Shared, View};

/// Streams at the same time.
///
/// Each takes a connection and a timer. Browsers open at most six to a host.
const MAX_STREAMS: usize = 64;
/// Changes within this time are one event per trace.
///
/// A reader does not notice the delay, and a service with 1,000 requests a second makes four groups of events.
const GATHERED: Duration = Duration::from_millis(250);
/// Spans that have not ended are copied at this interval while a stream is open.
///
/// A request for a list copies them too, once.
const OPEN_LOOK: Duration = Duration::from_millis(500);
/// Interval of the counters.
///
/// They are sent only if they changed.
const STATS: Duration = Duration::from_secs(1);

/// Follows the changes of matching traces.
///
/// `last-event-id`, which a browser sends after a break, or `last` resumes after that change. A position that is unknown gets
/// the event `reset`, at which the page loads the list again.
///
/// # Errors
///
/// `too_many` with status 503 if 64 streams are open; an error for a query that is not valid.
pub(super) async fn live(
    State(api): State<Api>,
    headers: HeaderMap,
    params: Params,
) -> Result<impl IntoResponse, ApiError> {
    let search = params.search()?;
    let place = Place::take(&api.view)?;
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .or_else(|| params.text("last"));
    let from = last.map(|last| Follower::position(&api.view, last));
    let follower = Follower {
        view: api.view,
        search,
        seq: 0,
        counted: None,
        pending: Vec::new(),
        _place: place,
    };
    Ok(Sse::new(follower.start(from))
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// One of the streams; given back when the stream is dropped, as it is when the reader has gone.
#[derive(Debug)]
struct Place(Arc<Shared>);

impl Place {
    /// Takes a place. The counter is changed in a loop of compare and swap, so that it never exceeds the limit.
    fn take(view: &View) -> Result<Self, ApiError> {
        let streams = &view.shared.streams;
        let taken = streams.fetch_update(Relaxed, Relaxed, |count| {
            (count < MAX_STREAMS).then_some(count + 1)
        });
        match taken {
            Ok(_) => Ok(Self(Arc::clone(&view.shared))),
            Err(_) => Err(ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too_many",
                format!("{MAX_STREAMS} readers follow already; close a page"),
            )),
        }
    }
}

// runs on every end of a stream, also if the connection breaks
impl Drop for Place {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Relaxed);
    }
}

/// The point from which a stream resumes.
enum Position {
    /// This change was sent last.
    After(u64),
    /// It followed a store that is gone, or too long ago.
    Unknown,
}

/// State of one stream.
struct Follower {
    view: View,
    search: Search,
    /// The last change that was sent.
    seq: u64,
    /// When counters were sent last, and what they were.
    counted: Option<(Instant, Counts)>,
    /// Events to send, the next one last.
    pending: Vec<Event>,
    /// Returned when the stream is dropped.
    _place: Place,
}

/// Event for traces that were evicted or cleared.
#[derive(Serialize)]
struct Gone {
    ids: Vec<String>,
}

impl Follower {
    /// Reads `RUN-SEQ`. A position of another store, or before the changes that the store remembers, is unknown.
    fn position(view: &View, last: &str) -> Position {
        let parsed = last
            .split_once('-')
            .and_then(|(run, seq)| Some((run, seq.parse::<u64>().ok()?)));
        match parsed {
            Some((run, seq)) if run == view.shared.run && view.lock().gone_since(seq).is_some() => {
                Position::After(seq)
            }
            _ => Position::Unknown,
        }
    }

    /// The events, without end. Dropped with the connection; nothing is held between two events but a number.
    fn start(mut self, from: Option<Position>) -> impl Stream<Item = Result<Event, Infallible>> {
        let mut changes = self.view.changes();
        self.seq = match from {
            Some(Position::After(seq)) => seq,
            // the list was loaded just before
            _ => self.view.lock().seq(),
        };
        if matches!(from, Some(Position::Unknown)) {
            let run = serde_json::json!({"run": self.view.shared.run});
            self.push("reset", &run);
        }
        self.push_counts();
        self.gather();
        let state = (self, changes.clone());
        changes.mark_unchanged();
        unfold(state, |(mut follower, mut changes)| async move {
            loop {
                if let Some(event) = follower.pending.pop() {
                    return Some((Ok(event), (follower, changes)));
                }
                tokio::select! {
                    // the sender lives as long as the view, which the follower holds
                    _ = changes.changed() => {
                        tokio::time::sleep(GATHERED).await;
                        changes.mark_unchanged();
                    }
                    () = tokio::time::sleep(OPEN_LOOK) => follower.view.refresh_open(),
                }
                follower.gather();
            }
        })
    }

    /// Collects what changed, the oldest change on top of the stack.
    fn gather(&mut self) {
        let (changed, gone, now) = {
            let store = self.view.lock();
            let changed = store
                .changed_since(self.seq)
                .into_iter()
                .filter(|entry| self.search.matches(entry));
            let changed: Vec<Arc<Summary>> = changed.map(summary_of).collect();
            (changed, store.gone_since(self.seq), store.seq())
        };
        match gone {
            None => {
                let run = serde_json::json!({"run": self.view.shared.run});
                self.seq = now;
                self.push("reset", &run);
            }
            Some(ids) if !ids.is_empty() => {
                let ids = ids.iter().map(ToString::to_string).collect();
                self.push("gone", &Gone { ids });
            }
            Some(_) => {}
        }
        for summary in changed {
            self.seq = summary.seq;
            self.push("trace", &*summary);
        }
        self.seq = now;
        let is_due = self
            .counted
            .as_ref()
            .is_none_or(|(at, _)| at.elapsed() >= STATS);
        if is_due {
            self.push_counts();
        }
        self.pending.reverse();
    }

    fn push_counts(&mut self) {
        let counts = self.view.counts();
        if self
            .counted
            .as_ref()
            .is_none_or(|(_, known)| *known != counts)
        {
            self.push("stats", &counts);
            self.counted = Some((Instant::now(), counts));
        }
    }

    fn push(&mut self, name: &str, data: &impl Serialize) {
        // maps with text keys and finite numbers always serialise
        let data = serde_json::to_string(data).unwrap_or_default();
        let id = format!("{}-{}", self.view.shared.run, self.seq);
        self.pending
            .push(Event::default().event(name).id(id).data(data));
    }
}
