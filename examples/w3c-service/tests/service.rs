//! The service between two raw sockets: what it sends for what it got, byte by byte.

use hopline::SpanKind;
use hopline::core::IdGenerator;
use hopline_testing::{Spans, tracer_with};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const TRACE: &str = "12345678901234567890123456789012";
const SPAN: &str = "1234567890123456";

/// The service, and one that it calls.
struct Pair {
    service: String,
    callee: String,
    calls: mpsc::UnboundedReceiver<Call>,
    spans: Spans,
}

/// A call as it arrived: field lines with their names as they were written, and the body.
#[derive(Debug)]
struct Call {
    lines: Vec<(String, String)>,
    body: String,
}

impl Pair {
    async fn start() -> Self {
        Self::start_with("* 100%").await
    }

    async fn start_with(plan: &str) -> Self {
        let plan = plan.parse().unwrap();
        let (tracer, spans) = tracer_with(|tracer| tracer.ids(IdGenerator::Random).plan(plan));
        let app = w3c_service::router(&tracer).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, app).await });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let callee = format!("http://{}/", listener.local_addr().unwrap());
        // unbounded: a test makes a handful of calls
        let (sender, calls) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, sender.clone()));
            }
        });
        Self {
            service,
            callee,
            calls,
            spans,
        }
    }

    /// Sends a request with these field lines, and gives back its status and the `count` calls that it caused.
    async fn send(&mut self, lines: &[(&str, &[u8])], count: usize) -> Vec<Call> {
        let item = format!(r#"{{"url": "{}", "arguments": ["a"]}}"#, self.callee);
        let body = format!("[{}]", vec![item; count].join(","));
        assert_eq!(self.post(lines, &body).await, 200);
        let mut calls = Vec::new();
        while let Ok(call) = self.calls.try_recv() {
            calls.push(call);
        }
        assert_eq!(calls.len(), count, "all were made before the answer");
        calls
    }

    async fn post(&self, lines: &[(&str, &[u8])], body: &str) -> u16 {
        let mut stream = TcpStream::connect(&self.service).await.unwrap();
        let mut head = format!(
            "POST /test HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n",
            self.service,
            body.len()
        )
        .into_bytes();
        for (name, value) in lines {
            head.extend_from_slice(name.as_bytes());
            head.push(b':');
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head.extend_from_slice(body.as_bytes());
        stream.write_all(&head).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The one call for these lines.
    async fn one(&mut self, lines: &[(&str, &[u8])]) -> Call {
        self.send(lines, 1).await.remove(0)
    }

    /// The `tracestate` that is sent for these received lines, with a valid parent.
    async fn state(&mut self, lines: &[&str]) -> Option<String> {
        let parent = format!("00-{TRACE}-{SPAN}-00");
        let mut all = vec![("traceparent", parent.as_bytes())];
        all.extend(lines.iter().map(|line| ("tracestate", line.as_bytes())));
        let call = self.one(&all).await;
        assert_eq!(call.trace(), TRACE, "a tracestate cannot harm its parent");
        call.only("tracestate").map(str::to_owned)
    }
}

impl Call {
    /// The value of the one line of this name, which is sent in lower case.
    fn only(&self, name: &str) -> Option<&str> {
        let mut lines = self
            .lines
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let (key, value) = lines.next()?;
        assert_eq!(key, name);
        assert!(lines.next().is_none(), "one {name}: {:?}", self.lines);
        Some(value)
    }

    fn parent(&self) -> &str {
        let parent = self.only("traceparent").expect("it is always sent");
        assert!(parent.len() == 55 && parent.starts_with("00-"), "{parent}");
        parent
    }

    fn trace(&self) -> &str {
        &self.parent()[3..35]
    }

    fn span(&self) -> &str {
        &self.parent()[36..52]
    }

    fn flags(&self) -> &str {
        &self.parent()[53..]
    }
}

async fn answer(stream: TcpStream, calls: mpsc::UnboundedSender<Call>) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut lines, mut length) = (Vec::new(), 0);
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap() == 0 {
            return;
        }
        assert_eq!(line, "POST / HTTP/1.1\r\n");
        loop {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
            lines.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let body = String::from_utf8(body).unwrap();
        calls.send(Call { lines, body }).unwrap();
        let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(ok).await.unwrap();
    }
}

fn parent(flags: &str) -> Vec<u8> {
    format!("00-{TRACE}-{SPAN}-{flags}").into_bytes()
}

#[tokio::test]
async fn a_trace_is_continued_with_one_client_span_per_callback() {
    let mut pair = Pair::start().await;
    let calls = pair.send(&[("traceparent", &parent("01"))], 3).await;
    assert!(calls.iter().all(|call| call.trace() == TRACE));
    assert!(calls.iter().all(|call| call.body == r#"["a"]"#));
    let json = calls.iter().map(|call| call.only("content-type"));
    assert!(
        json.into_iter()
            .all(|kind| kind == Some("application/json"))
    );
    let sent: Vec<&str> = calls.iter().map(Call::span).collect();
    let spans = pair.spans.wait(4).await;
    let of = |kind| spans.iter().filter(move |span| span.kind == kind);
    let server = of(SpanKind::Server).next().unwrap();
    assert_eq!(
        server.parent.map(|id| id.to_string()).as_deref(),
        Some(SPAN)
    );
    let clients: Vec<String> = of(SpanKind::Client)
        .map(|span| span.span_id.to_string())
        .collect();
    assert_eq!(
        clients, sent,
        "what is sent is the id of the call's own span"
    );
    assert!(of(SpanKind::Client).all(|span| span.parent == Some(server.span_id)));
    assert!(clients.iter().all(|id| id != SPAN));
}

#[tokio::test]
async fn a_new_trace_starts_without_a_valid_parent() {
    let mut pair = Pair::start().await;
    for lines in [
        vec![],
        vec![("traceparent", b"garbage".to_vec())],
        vec![("traceparent", parent("01")), ("traceparent", parent("01"))],
        vec![("TraceParent", parent("01")), ("traceparent", b"".to_vec())],
        vec![("trace-parent", parent("01"))],
        vec![("traceparent", parent("1"))],
        vec![("traceparent", parent("01.what-the-future-will-be-like"))],
        vec![("traceparent", [&parent("01")[..], b"-\xe9"].concat())],
    ] {
        let borrowed: Vec<(&str, &[u8])> = lines.iter().map(|(k, v)| (*k, &v[..])).collect();
        let calls = pair.send(&borrowed, 2).await;
        assert_ne!(calls[0].trace(), TRACE, "{lines:?}");
        assert_eq!(calls[0].trace(), calls[1].trace());
        assert_ne!(calls[0].span(), calls[1].span());
    }
}

#[tokio::test]
async fn names_match_in_any_case_and_white_space_around_values_is_ignored() {
    let mut pair = Pair::start().await;
    for name in ["TRACEPARENT", "TrAcEpArEnT"] {
        let padded = [b" \t ", &parent("01")[..], b"\t "].concat();
        let call = pair
            .one(&[(name, &padded), ("TraceState", b"\tfoo=1 ")])
            .await;
        assert_eq!(
            (call.trace(), call.only("tracestate")),
            (TRACE, Some("foo=1"))
        );
    }
}

#[tokio::test]
async fn later_versions_are_read_and_flags_are_sent_as_known() {
    let mut pair = Pair::start().await;
    let later = format!("cc-{TRACE}-{SPAN}-ff-what-the-future-will-be-like");
    let call = pair.one(&[("traceparent", later.as_bytes())]).await;
    assert_eq!((call.trace(), call.flags()), (TRACE, "03"));
    for (came, goes) in [
        ("00", "00"),
        ("01", "01"),
        ("02", "02"),
        ("03", "03"),
        ("fc", "00"),
    ] {
        let call = pair.one(&[("traceparent", &parent(came))]).await;
        assert_eq!((call.trace(), call.flags()), (TRACE, goes));
    }
}

#[tokio::test]
async fn tracestate_lines_are_joined_in_order_or_discarded_whole() {
    let mut pair = Pair::start().await;
    for (lines, sent) in [
        (
            &["foo=1,bar=2", "rojo=1,congo=2", "baz=3"][..],
            Some("foo=1,bar=2,rojo=1,congo=2,baz=3"),
        ),
        (&["", "foo=1 \t ,, \tbar=2", ""], Some("foo=1,bar=2")),
        (&["foo=1", "foo=2"], Some("foo=1,foo=2")),
        (
            &["foo@=1,a@@b=2,foo@bar@baz=3"],
            Some("foo@=1,a@@b=2,foo@bar@baz=3"),
        ),
        (&["", ","], None),
        (&["foo=1", "@foo=2"], None),
        (&["foo=1,bar="], None),
        (&["foo=1,bar=b\u{e9}"], None),
    ] {
        assert_eq!(pair.state(lines).await.as_deref(), sent, "{lines:?}");
    }
    let members = |count: usize, value: usize| -> Vec<String> {
        (0..count)
            .map(|at| format!("k{at:02}={}", "v".repeat(value)))
            .collect()
    };
    let full = members(32, 251).join(",");
    assert_eq!(full.len(), 32 * 256 - 1, "as much as 8 kB");
    assert_eq!(pair.state(&[&full]).await, Some(full.clone()));
    assert_eq!(pair.state(&[&full, "one=more"]).await, None);
    assert_eq!(pair.state(&[&members(33, 1).join(",")]).await, None);
}

#[tokio::test]
async fn control_characters_are_refused_before_they_are_read() {
    let pair = Pair::start().await;
    for line in [&b"foo=1\x1b[31m"[..], b"foo=1\x00", b"foo=1\x7f"] {
        for name in ["tracestate", "traceparent", "baggage"] {
            let status = pair.post(&[(name, line)], "[]").await;
            assert_eq!(status, 400, "the HTTP server's own answer");
        }
    }
}

#[tokio::test]
async fn an_unsampled_trace_continues_and_an_orphaned_tracestate_does_not() {
    let mut pair = Pair::start_with("* 0%").await;
    let call = pair
        .one(&[("traceparent", &parent("00")), ("tracestate", b"foo=1")])
        .await;
    assert_eq!((call.trace(), call.flags()), (TRACE, "00"));
    assert_ne!(call.span(), SPAN);
    assert_eq!(call.only("tracestate"), Some("foo=1"));
    let call = pair.one(&[("tracestate", b"foo=1")]).await;
    assert_eq!(call.only("tracestate"), None, "and none that is empty");
}

#[tokio::test]
async fn hostile_baggage_does_not_harm_the_request() {
    let mut pair = Pair::start().await;
    let many: Vec<String> = (0..32)
        .map(|line| format!("k{line}=v,").repeat(20))
        .collect();
    let mut lines: Vec<(&str, &[u8])> = many.iter().map(|l| ("baggage", l.as_bytes())).collect();
    lines.insert(0, ("Baggage", b"tenant=acme;p=1,bad\xff=1,=,k=%zz"));
    let call = pair.one(&lines).await;
    let sent = call.only("baggage").unwrap();
    assert!(
        sent.starts_with("tenant=acme;p=1,k=%25zz,k0=v,k0=v"),
        "{sent}"
    );
    assert_eq!(sent.split(',').count(), 64);
}

#[tokio::test]
async fn an_invalid_list_and_an_unreachable_callee_are_errors() {
    let pair = Pair::start().await;
    assert_eq!(pair.post(&[], r#"{"url": 7}"#).await, 422);
    assert_eq!(pair.post(&[], "no JSON").await, 400);
    let nobody = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let body = format!(r#"[{{"url": "http://{nobody}/"}}]"#);
    assert_eq!(pair.post(&[], &body).await, 502);
}
