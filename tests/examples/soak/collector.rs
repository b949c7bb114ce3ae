//! A collector with faults on command, which counts every span that it accepted.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::Result;
use crate::child::orders;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Up,
    Slow,
    Garbage,
    Busy,
    Hung,
}

#[derive(Debug)]
struct Taken {
    mode: Mode,
    ids: HashSet<[u8; 8]>,
    /// The sum of all ids, to be compared with the sum of those that were recorded.
    sum: u64,
    twice: u64,
}

type Shared = Arc<Mutex<Taken>>;

/// Prints its port, then obeys: `up`, `slow`, `garbage`, `busy`, `hung`, `down`, and `stats`.
pub(crate) async fn run() -> Result<()> {
    let taken = Arc::new(Mutex::new(Taken {
        mode: Mode::Up,
        ids: HashSet::new(),
        sum: 0,
        twice: 0,
    }));
    let mut server = Some(Server::start((Ipv4Addr::LOCALHOST, 0).into(), &taken).await?);
    let address = server.as_ref().map(|server| server.address);
    let address = address.ok_or("there is no server")?;
    println!("{}", address.port());
    let mut orders = orders();
    while let Some(order) = orders.next_line().await? {
        let mode = match order.as_str() {
            "stats" => {
                let taken = taken.lock().expect(WHOLE);
                println!("{} {} {}", taken.ids.len(), taken.sum, taken.twice);
                continue;
            }
            "down" => {
                if let Some(server) = server.take() {
                    server.stop().await;
                }
                println!("ok");
                continue;
            }
            "up" => Mode::Up,
            "slow" => Mode::Slow,
            "garbage" => Mode::Garbage,
            "busy" => Mode::Busy,
            _ => Mode::Hung,
        };
        taken.lock().expect(WHOLE).mode = mode;
        if server.is_none() {
            server = Some(Server::start(address, &taken).await?);
        }
        println!("ok");
    }
    Ok(())
}

/// Nothing panics while it is locked.
const WHOLE: &str = "the lock is whole";

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(address: SocketAddr, taken: &Shared) -> Result<Self> {
        let listener = tokio::net::TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let app = Router::new()
            .fallback(take)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(taken));
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            let _ = axum::serve(listener, app)
                .with_graceful_shutdown(stopped)
                .await;
        });
        Ok(Self {
            address,
            stop,
            task,
        })
    }

    /// Answers what it has begun to answer; those that hang are cut off.
    async fn stop(mut self) {
        let _ = self.stop.send(());
        if tokio::time::timeout(Duration::from_secs(2), &mut self.task)
            .await
            .is_err()
        {
            self.task.abort();
        }
    }
}

async fn take(State(taken): State<Shared>, body: Bytes) -> Response {
    let mode = taken.lock().expect(WHOLE).mode;
    match mode {
        Mode::Up | Mode::Garbage => {}
        Mode::Slow => tokio::time::sleep(Duration::from_millis(800)).await,
        Mode::Busy => {
            let again = [(header::RETRY_AFTER, "1")];
            return (StatusCode::TOO_MANY_REQUESTS, again).into_response();
        }
        Mode::Hung => std::future::pending().await,
    }
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let groups = request.resource_spans.iter();
    let scopes = groups.flat_map(|group| &group.scope_spans);
    let mut taken = taken.lock().expect(WHOLE);
    for span in scopes.flat_map(|scope| &scope.spans) {
        let Ok(id) = <[u8; 8]>::try_from(span.span_id.as_slice()) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        if taken.ids.insert(id) {
            taken.sum = taken.sum.wrapping_add(u64::from_be_bytes(id));
        } else {
            taken.twice += 1;
        }
    }
    drop(taken);
    match mode {
        Mode::Garbage => "<html>please log in</html>".into_response(),
        _ => StatusCode::OK.into_response(),
    }
}
