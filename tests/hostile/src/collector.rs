//! A collector that misbehaves in turn, and knows each span that it has taken.

use std::collections::HashSet;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::Result;
use crate::attack::{MESSAGE_TRACE, SECRET, STRANGER, TRACE};

/// The treatment of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Takes the spans.
    Up,
    /// Takes them, after a while.
    Slow,
    /// Takes them, and compresses its answer.
    Compressed,
    /// Is no collector: it answers with 64 MiB of zeros, compressed.
    Bomb,
    /// Takes them, and compresses its answer into 150,000 empty parts.
    EmptyParts,
    /// Takes small requests only.
    TooLarge,
    /// Answers nothing.
    Hung,
    /// Answers that an answer will come, without end.
    Informational,
    /// Breaks the connection.
    Reset,
    /// Is a web page.
    Html,
    Unavailable,
    /// Asks to be left alone for a year.
    Busy,
}

/// In this order, again and again.
const TURNS: [Mode; 14] = [
    Mode::Up,
    Mode::Hung,
    Mode::Up,
    Mode::Html,
    Mode::TooLarge,
    Mode::Up,
    Mode::Compressed,
    Mode::Bomb,
    Mode::EmptyParts,
    Mode::Informational,
    Mode::Up,
    Mode::Reset,
    Mode::Slow,
    Mode::Unavailable,
];

impl Mode {
    /// The mode at a time of a run of this length, which ends with the worst.
    pub(crate) fn at(time: Duration, length: Duration) -> Self {
        let turn = (length / (TURNS.len() as u32 + 2)).min(Duration::from_secs(10));
        if time + 2 * turn > length {
            return Self::Busy;
        }
        let turns = time.as_millis() / turn.as_millis().max(1);
        TURNS[turns as usize % TURNS.len()]
    }
}

/// The received data.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrived {
    /// Spans that were taken, by their ids.
    pub(crate) spans: HashSet<Vec<u8>>,
    /// Spans of requests after which the client broke the connection: perhaps it had no time for the answer.
    pub(crate) unheard: HashSet<Vec<u8>>,
    pub(crate) names: HashSet<String>,
    /// Received data that must not have been sent.
    pub(crate) problems: Vec<String>,
}

#[derive(Debug)]
struct State {
    mode: Mode,
    arrived: Arrived,
}

#[derive(Debug)]
pub(crate) struct Collector {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// Nothing panics while it is locked.
const WHOLE: &str = "the lock is whole";
const MOST_PROBLEMS: usize = 20;
const SMALL: usize = 32 << 10;
/// A part of the time that the client gives an attempt.
const PROMPT: Duration = Duration::from_millis(200);

static NOTHING: LazyLock<Vec<u8>> = LazyLock::new(|| zipped(0));
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| zipped(64 << 20));
static EMPTY_PARTS: LazyLock<Vec<u8>> = LazyLock::new(|| NOTHING.repeat(150_000));

impl Collector {
    /// Serves until the process ends.
    pub(crate) async fn start() -> Result<Self> {
        // made before anybody waits for them
        LazyLock::force(&BOMB);
        LazyLock::force(&EMPTY_PARTS);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State {
            mode: Mode::Up,
            arrived: Arrived::default(),
        }));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&shared)));
            }
        });
        Ok(Self { address, state })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn obey(&self, mode: Mode) {
        self.state.lock().expect(WHOLE).mode = mode;
    }

    pub(crate) fn arrived(&self) -> Arrived {
        self.state.lock().expect(WHOLE).arrived.clone()
    }
}

/// A connection ends when its client disconnects, or with a mode that breaks it.
async fn serve(socket: TcpStream, state: Arc<Mutex<State>>) {
    let mut socket = BufReader::new(socket);
    let mut last = Vec::new();
    while let Ok(Some(body)) = request(&mut socket).await {
        let mode = state.lock().expect(WHOLE).mode;
        let begin = Instant::now();
        let (taken, goes_on) = answer(&mut socket, mode, &body, &state).await;
        // after this answer a client has a reason of its own to break the connection, if it was in time
        let is_heard = mode == Mode::EmptyParts && begin.elapsed() < PROMPT;
        last = if is_heard { Vec::new() } else { taken };
        if !goes_on {
            break;
        }
    }
    state.lock().expect(WHOLE).arrived.unheard.extend(last);
}

/// The body of the next request; none if the client has gone.
async fn request(socket: &mut BufReader<TcpStream>) -> Result<Option<Vec<u8>>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await?;
    Ok(Some(body))
}

/// The spans that were taken; false if the connection is to end.
async fn answer(
    socket: &mut BufReader<TcpStream>,
    mode: Mode,
    body: &[u8],
    state: &Mutex<State>,
) -> (Vec<Vec<u8>>, bool) {
    let is_too_large = mode == Mode::TooLarge && body.len() > SMALL;
    let takes = match mode {
        Mode::Up | Mode::Slow | Mode::Compressed | Mode::EmptyParts => true,
        Mode::TooLarge => !is_too_large,
        _ => false,
    };
    if mode == Mode::Slow {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let taken = if takes {
        take(body, &mut state.lock().expect(WHOLE).arrived)
    } else {
        Vec::new()
    };
    let gzip = "content-encoding: gzip\r\n";
    let answered = match mode {
        Mode::Up | Mode::Slow => reply(socket, "200 OK", "", &[]).await,
        Mode::TooLarge if is_too_large => reply(socket, "413 Too Large", "", &[]).await,
        Mode::TooLarge => reply(socket, "200 OK", "", &[]).await,
        Mode::Compressed => reply(socket, "200 OK", gzip, &NOTHING).await,
        Mode::Bomb => reply(socket, "200 OK", gzip, &BOMB).await,
        Mode::EmptyParts => reply(socket, "200 OK", gzip, &EMPTY_PARTS).await,
        Mode::Html => {
            let page = b"<html>please log in</html>";
            let header = "content-type: text/html\r\n";
            reply_as(socket, "200 OK", header, page).await
        }
        Mode::Unavailable => reply(socket, "503 Unavailable", "", &[]).await,
        Mode::Busy => {
            let header = "retry-after: 31536000\r\n";
            reply(socket, "429 Busy", header, &[]).await
        }
        Mode::Hung => {
            // until the client gives up
            let _ = socket.read_u8().await;
            return (taken, false);
        }
        Mode::Informational => loop {
            if socket
                .write_all(b"HTTP/1.1 102 Processing\r\n\r\n")
                .await
                .is_err()
            {
                return (taken, false);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        },
        Mode::Reset => return (taken, false),
    };
    (taken, answered.is_ok())
}

async fn reply(
    socket: &mut BufReader<TcpStream>,
    status: &str,
    headers: &str,
    body: &[u8],
) -> std::io::Result<()> {
    let headers = format!("content-type: application/x-protobuf\r\n{headers}");
    reply_as(socket, status, &headers, body).await
}

async fn reply_as(
    socket: &mut BufReader<TcpStream>,
    status: &str,
    headers: &str,
    body: &[u8],
) -> std::io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n");
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(body).await
}

/// Zeros, compressed.
fn zipped(bytes: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let zeros = vec![0; 64 << 10];
    for _ in 0..bytes / zeros.len() {
        // into memory, so it cannot fail
        let _ = encoder.write_all(&zeros);
    }
    encoder.finish().unwrap_or_default()
}

/// Gives the ids of the spans that it holds.
fn take(body: &[u8], arrived: &mut Arrived) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    let mut problems = Vec::new();
    if body
        .windows(SECRET.len())
        .any(|part| part == SECRET.as_bytes())
    {
        problems.push(format!("a secret: {}", around(body, SECRET.as_bytes())));
    }
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        arrived
            .problems
            .push("a request that is not OTLP".to_owned());
        return taken;
    };
    let groups = request.resource_spans.into_iter();
    let scopes = groups.flat_map(|group| group.scope_spans);
    for span in scopes.flat_map(|scope| scope.spans) {
        problems.extend(look_at(&span));
        taken.push(span.span_id.clone());
        arrived.spans.insert(span.span_id);
        arrived.names.insert(span.name);
    }
    let room = MOST_PROBLEMS.saturating_sub(arrived.problems.len());
    arrived.problems.extend(problems.into_iter().take(room));
    taken
}

/// The defects of a received span.
fn look_at(span: &Span) -> Option<String> {
    let name: String = span.name.chars().take(40).collect();
    let keys = || {
        span.attributes
            .iter()
            .map(|attribute| attribute.key.as_str())
    };
    let problem = if span.name.is_empty() {
        "has no name"
    } else if span.name.len() > 4096 || keys().any(|key| key.len() > 4096) {
        "has a name or a key without bound"
    } else if keys().any(str::is_empty) {
        "has an attribute without a key"
    } else if span.name == "feedback" {
        "is of a guest of telemetry"
    } else if span.trace_id == TRACE || span.trace_id == MESSAGE_TRACE {
        "joined a stranger's trace"
    } else if span.trace_state.contains(STRANGER) {
        "has a stranger's tracestate"
    } else if span
        .links
        .iter()
        .any(|link| link.trace_state.contains(STRANGER))
    {
        "has a link with a stranger's tracestate"
    } else {
        return None;
    };
    Some(format!("the span `{name}` {problem}"))
}

/// The place of a finding in a request, as text.
fn around(body: &[u8], what: &[u8]) -> String {
    let at = body.windows(what.len()).position(|part| part == what);
    let at = at.unwrap_or_default();
    let part = &body[at.saturating_sub(80)..(at + 40).min(body.len())];
    part.escape_ascii().to_string()
}
