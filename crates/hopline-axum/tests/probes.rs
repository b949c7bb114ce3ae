//! Faults seen in other libraries, as tests of this one: headers of every kind on their way through a service, and
//! requests with every outcome.

mod support;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{any, get};
use hopline_axum::TraceLayer;
use hopline_test_support::http::{BOTH, Version};
use hopline_testing::{Spans, tracer};
use reqwest_middleware::ClientWithMiddleware;
use support::{integer, layer, serve, spans};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// Two services: the first calls the second, which answers with the headers that it got, one a line.
async fn chain() -> (String, Spans) {
    let (tracer, spans) = tracer("first");
    let shown = |headers: HeaderMap| async move {
        let lines = headers
            .iter()
            .filter(|(name, _)| matches!(name.as_str(), "traceparent" | "tracestate" | "baggage"));
        let lines = lines.map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
        lines.collect::<String>()
    };
    let second = serve(Router::new().fallback(shown)).await;
    let call = |State((client, url)): State<(ClientWithMiddleware, String)>| async move {
        client.get(url).send().await.unwrap().text().await.unwrap()
    };
    let client = hopline_reqwest::ClientBuilder::new()
        .configure(|client| Version::Http1.configure(client))
        .build()
        .unwrap();
    let first = Router::new()
        .route("/", get(call))
        .layer(layer(&tracer))
        .with_state((client, format!("http://{second}/")));
    (serve(first).await, spans)
}

/// Sends these lines as they are; gives the body of the answer.
async fn through(address: &str, lines: &[&[u8]]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let mut request = b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n".to_vec();
    for line in lines {
        request.extend_from_slice(line);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    socket.write_all(&request).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// The value of one header of the call.
fn line<'a>(sent: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = sent
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let first = lines.next();
    assert_eq!(lines.next(), None, "one line of {name}: {sent}");
    first
}

#[tokio::test]
async fn a_traceparent_counts_as_the_specification_has_it() {
    let (address, _spans) = chain().await;
    let valid = format!("00-{TRACE}-{SPAN}-01");
    for (case, lines, flags) in [
        ("a valid one", vec![valid.clone()], Some("01")),
        (
            "two, also if equal",
            vec![valid.clone(), valid.clone()],
            None,
        ),
        ("version 000", vec![format!("000-{TRACE}-{SPAN}-01")], None),
        ("version 0", vec![format!("0-{TRACE}-{SPAN}-01")], None),
        ("version +0", vec![format!("+0-{TRACE}-{SPAN}-01")], None),
        ("version CC", vec![format!("CC-{TRACE}-{SPAN}-01")], None),
        ("version ff", vec![format!("ff-{TRACE}-{SPAN}-01")], None),
        (
            "version cc",
            vec![format!("cc-{TRACE}-{SPAN}-01")],
            Some("01"),
        ),
        (
            "version cc with more",
            vec![format!("cc-{TRACE}-{SPAN}-01-what")],
            Some("01"),
        ),
        (
            "version cc with what is not more",
            vec![format!("cc-{TRACE}-{SPAN}-01.what")],
            None,
        ),
        ("a dash behind", vec![format!("{valid}-")], None),
        (
            "31 digits",
            vec![format!("00-{}-{SPAN}-01", &TRACE[1..])],
            None,
        ),
        ("33 digits", vec![format!("00-0{TRACE}-{SPAN}-01")], None),
        (
            "capitals",
            vec![format!("00-{}-{SPAN}-01", TRACE.to_uppercase())],
            None,
        ),
        (
            "a trace of zeros",
            vec![format!("00-{}-{SPAN}-01", "0".repeat(32))],
            None,
        ),
        (
            "a span of 15 digits",
            vec![format!("00-{TRACE}-{}-01", &SPAN[1..])],
            None,
        ),
        (
            "a span of zeros",
            vec![format!("00-{TRACE}-{}-01", "0".repeat(16))],
            None,
        ),
        (
            "flags of one digit",
            vec![format!("00-{TRACE}-{SPAN}-1")],
            None,
        ),
        (
            "flags of three",
            vec![format!("00-{TRACE}-{SPAN}-001")],
            None,
        ),
        (
            "flags with a sign",
            vec![format!("00-{TRACE}-{SPAN}-+1")],
            None,
        ),
        (
            "the random bit alone",
            vec![format!("00-{TRACE}-{SPAN}-02")],
            Some("02"),
        ),
        (
            "the random bit",
            vec![format!("00-{TRACE}-{SPAN}-03")],
            Some("03"),
        ),
        (
            "bits that mean nothing yet",
            vec![format!("00-{TRACE}-{SPAN}-fd")],
            Some("01"),
        ),
        ("blanks around", vec![format!(" \t{valid}\t ")], Some("01")),
    ] {
        let lines: Vec<String> = lines
            .iter()
            .map(|line| format!("traceparent: {line}"))
            .collect();
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        let sent = through(&address, &lines).await;
        let parent = line(&sent, "traceparent").unwrap();
        let (trace, rest) = (&parent[3..35], &parent[36..]);
        assert_eq!(trace == TRACE, flags.is_some(), "{case}: {parent}");
        assert!(!rest.starts_with(SPAN), "{case}: an own id: {parent}");
        if let Some(flags) = flags {
            assert_eq!(&rest[17..], flags, "{case}");
        }
    }
}

#[tokio::test]
async fn a_tracestate_counts_as_the_specification_has_it() {
    let (address, _spans) = chain().await;
    let parent = format!("traceparent: 00-{TRACE}-{SPAN}-01");
    let members = |count: usize| {
        let members: Vec<String> = (0..count).map(|index| format!("k{index}=1")).collect();
        members.join(",")
    };
    let (most, too_many) = (members(32), members(33));
    let (longest, too_long) = (
        format!("{}=1", "k".repeat(256)),
        format!("{}=1", "k".repeat(257)),
    );
    let cases: [(&str, Vec<&str>, Option<&str>); 16] = [
        (
            "three lines",
            vec!["a=1", "b=2", "c=3"],
            Some("a=1,b=2,c=3"),
        ),
        ("an empty line first", vec!["", "a=1"], Some("a=1")),
        ("none", vec![], None),
        ("an empty one", vec![""], None),
        (
            "@ in keys",
            vec!["t*241@v*14=1,foo@@bar=2"],
            Some("t*241@v*14=1,foo@@bar=2"),
        ),
        ("@ first", vec!["@foo=1"], None),
        ("no value", vec!["foo="], None),
        ("no key", vec!["=x"], None),
        ("two equal signs", vec!["foo==x"], None),
        ("32 members", vec![&most], Some(&most)),
        ("33 members", vec![&too_many], None),
        ("a long key", vec![&longest], Some(&longest)),
        ("a key that is too long", vec![&too_long], None),
        ("a capital", vec!["FOO=1"], None),
        ("blanks around members", vec!["a=1 , b=2"], Some("a=1,b=2")),
        ("a value with blanks before", vec!["a= 1"], Some("a= 1")),
    ];
    for (case, lines, expected) in cases {
        let lines: Vec<String> = lines
            .iter()
            .map(|line| format!("tracestate: {line}"))
            .collect();
        let mut all = vec![parent.as_bytes()];
        all.extend(lines.iter().map(|line| line.as_bytes()));
        let sent = through(&address, &all).await;
        assert_eq!(line(&sent, "tracestate"), expected, "{case}: {sent}");
        assert!(
            line(&sent, "traceparent").unwrap().contains(TRACE),
            "{case}"
        );
    }
    let orphan = through(&address, &[b"tracestate: a=1"]).await;
    assert_eq!(
        line(&orphan, "tracestate"),
        Some("ot=th:0"),
        "without a parent it is not read"
    );
    let twice = through(&address, &[parent.as_bytes(), b"tracestate: foo=1,foo=2"]).await;
    assert!(
        line(&twice, "tracestate").unwrap().starts_with("foo=1"),
        "one or both: {twice}"
    );
}

#[tokio::test]
async fn baggage_counts_as_the_specification_has_it() {
    let (address, _spans) = chain().await;
    let most: Vec<String> = (0..64).map(|index| format!("k{index}=v")).collect();
    let most = most.join(",");
    let cases: [(&str, Vec<&str>, Option<&str>); 12] = [
        ("an equal sign in the value", vec!["k=a=b"], Some("k=a=b")),
        ("two lines", vec!["a=1", "b=2"], Some("a=1,b=2")),
        (
            "a value with a percent sign",
            vec!["k=50%25"],
            Some("k=50%25"),
        ),
        (
            "one that looks encoded",
            vec!["k=50%2541"],
            Some("k=50%2541"),
        ),
        ("a backslash", vec!["k=a%5Cb"], Some("k=a%5Cb")),
        ("a property", vec!["k=v;p=a%20b"], Some("k=v;p=a%20b")),
        (
            "bytes that are not UTF-8",
            vec!["k=%FF"],
            Some("k=%EF%BF%BD"),
        ),
        ("64 members in order", vec![&most], Some(&most)),
        ("a plus sign", vec!["k=a+b"], Some("k=a+b")),
        ("keys are not decoded", vec!["a%20b=1"], Some("a%20b=1")),
        (
            "line breaks and escapes",
            vec!["k=a%0D%0Ax-evil:%201%1B%5B31m%00"],
            Some("k=a%0D%0Ax-evil:%201%1B[31m%00"),
        ),
        ("nothing", vec![""], None),
    ];
    for (case, lines, expected) in cases {
        let lines: Vec<String> = lines
            .iter()
            .map(|line| format!("baggage: {line}"))
            .collect();
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        let sent = through(&address, &lines).await;
        let got = line(&sent, "baggage");
        let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
        let fits = match (got, expected) {
            (Some(got), Some(expected)) => same(got, expected),
            (got, expected) => got.is_none() && expected.is_none(),
        };
        assert!(fits, "{case}: {got:?} is to be {expected:?}");
    }
    let many: Vec<String> = (0..100).map(|index| format!("k{index}=v")).collect();
    let sent = through(
        &address,
        &[format!("baggage: {}", many.join(",")).as_bytes()],
    )
    .await;
    let got = line(&sent, "baggage").unwrap();
    assert_eq!(
        got,
        many[..got.split(',').count()].join(","),
        "the first ones, in order"
    );
    let long: Vec<String> = (0..9)
        .map(|index| format!("k{index}={}", "v".repeat(1000)))
        .collect();
    let sent = through(
        &address,
        &[format!("baggage: {}", long.join(",")).as_bytes()],
    )
    .await;
    let got = line(&sent, "baggage").unwrap();
    assert!(
        !got.is_empty() && long.join(",").starts_with(got),
        "whole members are left out, not all"
    );
}

/// A dropped request, a failed one, a response of 503 and a panic, all with an unknown method: four spans with their
/// outcomes and one name.
#[tokio::test]
async fn every_request_is_recorded_with_its_outcome() {
    for version in BOTH {
        let (tracer, all) = tracer("orders");
        let (enter, mut entered) = tokio::sync::mpsc::unbounded_channel();
        let pending = move || async move {
            let _ = enter.send(());
            std::future::pending::<()>().await;
        };
        let panics = || async {
            if true {
                panic!("a bug")
            }
        };
        let fails = || async {
            let parts = [Ok("half"), Err(std::io::Error::other("hunter2"))];
            axum::body::Body::from_stream(futures_util::stream::iter(parts))
        };
        let app = Router::new()
            .route("/pending", any(pending))
            .route("/503", any(|| async { StatusCode::SERVICE_UNAVAILABLE }))
            .route("/fails", any(fails))
            .route("/panics", any(panics))
            .layer(layer(&tracer));
        let address = serve(app).await;
        let foobar = reqwest::Method::from_bytes(b"FOOBAR").unwrap();
        let call = |path: &str| {
            let url = format!("http://{address}/{path}");
            version.client().request(foobar.clone(), url).send()
        };
        tokio::select! {
            _ = call("pending") => panic!("it was answered"),
            _ = entered.recv() => {}
        }
        call("503").await.unwrap();
        if let Ok(answer) = call("fails").await {
            answer.bytes().await.unwrap_err();
        }
        call("panics").await.unwrap_err();
        let mut seen = spans(&all, 4).await;
        seen.sort_by(|one, other| one.name.cmp(&other.name));
        let shown: Vec<_> = seen
            .iter()
            .map(|span| {
                assert_eq!(span.text("http.request.method"), Some("_OTHER"));
                assert_eq!(span.text("url.scheme"), Some("http"));
                assert_eq!(
                    span.text("network.protocol.version"),
                    Some(version.attribute())
                );
                assert!(!format!("{span:?}").contains("hunter2"));
                (
                    span.name.as_str(),
                    span.text("error.type").unwrap(),
                    span.is_error(),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("HTTP /503", "503", true),
                ("HTTP /fails", "body_error", true),
                ("HTTP /panics", "panic", true),
                ("HTTP /pending", "cancelled", false),
            ]
        );
    }
}

/// Other libraries recorded empty texts, addresses with ports or quotes, or nothing.
#[tokio::test]
async fn addresses_are_understood_in_every_form() {
    let (tracer, all) = tracer("orders");
    let trusting = layer(&tracer).trusted_proxies(|address| address.is_loopback());
    let address = serve(Router::new().route("/", get(|| async {})).layer(trusting)).await;
    let client = Version::Http1.client();
    for (header, value, expected) in [
        (
            "forwarded",
            "For=\"[2001:db8:cafe::17]:4711\"",
            "2001:db8:cafe::17",
        ),
        ("forwarded", "for=192.0.2.43, for=127.0.0.1", "192.0.2.43"),
        ("x-forwarded-for", "192.0.2.43:1234", "192.0.2.43"),
        ("x-forwarded-for", "garbage", "127.0.0.1"),
        ("x-other", "1", "127.0.0.1"),
    ] {
        let call = client
            .get(format!("http://{address}/"))
            .header(header, value);
        call.send().await.unwrap();
        let span = all.take().remove(0);
        assert_eq!(span.text("client.address"), Some(expected), "{value}");
        assert!(integer(&span, "network.peer.port").is_some());
        let texts = span
            .attributes
            .iter()
            .filter_map(|(_, value)| value.as_str());
        assert!(texts.into_iter().all(|text| !text.is_empty()), "{span:?}");
    }
}

/// A request in two layers has one span.
#[tokio::test]
async fn a_layer_that_is_applied_to_routes_and_to_all_records_once() {
    for version in BOTH {
        let (tracer, all) = tracer("orders");
        let inner = Router::new()
            .route("/{id}", get(|| async {}))
            .layer(layer(&tracer));
        let other: TraceLayer = layer(&tracer);
        let address = serve(Router::new().nest("/orders", inner).layer(other)).await;
        let call = version.client().get(format!("http://{address}/orders/7"));
        call.send().await.unwrap();
        assert_eq!(support::one(&all).await.name, "GET /orders/{id}");
    }
}
