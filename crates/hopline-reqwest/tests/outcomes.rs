//! Calls through `ClientBuilder` have the outcomes that they have through reqwest: answers, errors and their URLs.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use futures_util::stream;
use hopline_reqwest::{ClientExt, redirect};
use hopline_test_support::http::{BOTH, Version};
use hopline_testing::tracer;
use reqwest::ClientBuilder;
use reqwest::redirect as plain;
use reqwest_middleware::{ClientWithMiddleware, RequestBuilder};
use support::outcome::{outcome, router};
use support::{serve, trace};

struct Row {
    what: &'static str,
    plain: fn(ClientBuilder) -> ClientBuilder,
    ours: fn(hopline_reqwest::ClientBuilder) -> hopline_reqwest::ClientBuilder,
    call: fn(&ClientWithMiddleware, &str) -> RequestBuilder,
    /// A part of the outcome, so that the row shows what it is about.
    has: &'static str,
}

const fn get(
    what: &'static str,
    call: fn(&ClientWithMiddleware, &str) -> RequestBuilder,
    has: &'static str,
) -> Row {
    Row {
        what,
        plain: |client| client,
        ours: |builder| builder,
        call,
        has,
    }
}

const fn policy(
    what: &'static str,
    plain: fn(ClientBuilder) -> ClientBuilder,
    ours: fn(hopline_reqwest::ClientBuilder) -> hopline_reqwest::ClientBuilder,
    has: &'static str,
) -> Row {
    Row {
        what,
        plain,
        ours,
        call: |client, url| client.get(format!("{url}/302?/307?/301?/end")),
        has,
    }
}

fn a_stream() -> reqwest::Body {
    reqwest::Body::wrap_stream(stream::iter([Ok::<_, std::io::Error>("text")]))
}

const SHORT: Duration = Duration::from_millis(100);

const ROWS: &[Row] = &[
    get(
        "a location that is no URI",
        |c, url| c.get(format!("{url}/302?http://www.yikes%7BKABOOM%7D")),
        "302 Found",
    ),
    get(
        "a location that is no text",
        |c, url| c.get(format!("{url}/302?/%FF%FE")),
        "302 Found",
    ),
    get(
        "a location in UTF-8",
        |c, url| c.get(format!("{url}/302?/%C3%A9nd")),
        "GET /%C3%A9nd",
    ),
    get(
        "a location that no URL can have",
        |c, url| c.get(format!("{url}/302?http://[::1")),
        "302 Found",
    ),
    get(
        "an empty location",
        |c, url| c.get(format!("{url}/302?")),
        "too many redirects",
    ),
    get(
        "no location",
        |c, url| c.get(format!("{url}/302")),
        "302 Found",
    ),
    get(
        "a location of a query alone",
        |c, url| c.get(format!("{url}/302?%3F/end")),
        "GET /end",
    ),
    get(
        "a location with a fragment",
        |c, url| c.get(format!("{url}/302?/end%23part")),
        "GET /end",
    ),
    get(
        "a location with white space",
        |c, url| c.get(format!("{url}/302?/a%20b")),
        "GET /a%20b",
    ),
    get(
        "a location of another scheme",
        |c, url| c.get(format!("{url}/302?htt://www.yikes.com/")),
        "builder true",
    ),
    get(
        "a location of a file",
        |c, url| c.get(format!("{url}/302?file:///etc/passwd")),
        "302 Found",
    ),
    get(
        "a location of mail",
        |c, url| c.get(format!("{url}/302?mailto:a@b.example")),
        "",
    ),
    get(
        "a location without a scheme",
        |c, url| {
            let host = url.trim_start_matches("http:");
            c.get(format!("{url}/302?{host}/end"))
        },
        "GET /end",
    ),
    get(
        "a location with a user",
        |c, url| {
            let with_user = url.replacen("//", "//u:p@", 1);
            c.get(format!("{url}/302?{with_user}/end"))
        },
        "GET /end",
    ),
    get(
        "a call with a user",
        |c, url| {
            let with_user = url.replacen("//", "//u:p@", 1);
            c.get(format!("{with_user}/302?/end"))
        },
        "authorization: Basic dTpw",
    ),
    get(
        "a loop",
        |c, url| c.get(format!("{url}/302?/302?")),
        "redirect true",
    ),
    get(
        "a server that is not there",
        |c, url| c.get(format!("{url}/302?http://127.0.0.1:9/")),
        "connect true",
    ),
    get(
        "a scheme that is not there",
        |c, _| c.get("hxxps://www.rust-lang.org/"),
        "builder true",
    ),
    get(
        "a host that is none",
        |c, _| c.get("http://{{hostname}}/"),
        "builder true",
    ),
    get(
        "a URL that is none",
        |c, _| c.get("http//x"),
        "builder true",
    ),
    get(
        "a header that is none",
        |c, url| c.get(url).header("a\n", "b"),
        "builder true",
    ),
    get(
        "a body that is cut",
        |c, url| c.get(format!("{url}/302?/cut")),
        "body",
    ),
    get(
        "a time-out behind a redirect",
        |c, url| c.get(format!("{url}/302?/hangs")).timeout(SHORT),
        "timeout true",
    ),
    get("a 304", |c, url| c.get(format!("{url}/304?/end")), "304"),
    get("a 300", |c, url| c.get(format!("{url}/300?/end")), "300"),
    get(
        "a HEAD",
        |c, url| c.head(format!("{url}/303?/end")),
        "200 OK",
    ),
    get(
        "a POST that becomes a GET",
        |c, url| {
            c.post(format!("{url}/302?/end"))
                .header("content-type", "text/x")
                .body("text")
        },
        "GET /end []",
    ),
    get(
        "a PUT that stays one",
        |c, url| c.put(format!("{url}/302?/end")).body("text"),
        "PUT /end [text]",
    ),
    get(
        "a PUT that becomes a GET",
        |c, url| c.put(format!("{url}/303?/end")).body("text"),
        "GET /end []",
    ),
    get(
        "a POST that stays one",
        |c, url| c.post(format!("{url}/307?/308?/end")).body("text"),
        "POST /end [text]",
    ),
    get(
        "a POST without a body",
        |c, url| c.post(format!("{url}/307?/end")),
        "POST /end []",
    ),
    get(
        "a stream that cannot be sent again",
        |c, url| c.post(format!("{url}/307?/end")).body(a_stream()),
        "307",
    ),
    get(
        "a stream that need not be",
        |c, url| c.post(format!("{url}/303?/end")).body(a_stream()),
        "GET /end []",
    ),
    get(
        "a length of zero",
        |c, url| c.post(format!("{url}/307?/end")).body(""),
        "POST /end []",
    ),
    get(
        "a version",
        |c, url| {
            c.get(format!("{url}/302?/end"))
                .version(reqwest::Version::HTTP_10)
        },
        "HTTP/1.0",
    ),
    get(
        "a cookie that is the call's own",
        |c, url| c.get(format!("{url}/302?/end")).header("cookie", "a=b"),
        "cookie: a=b",
    ),
    get(
        "a query",
        |c, url| c.get(format!("{url}/end?a=1&b=%20")),
        "GET /end?a=1&b=%20",
    ),
    get(
        "a fragment",
        |c, url| c.get(format!("{url}/end#part")),
        "GET /end []",
    ),
    get(
        "a token",
        |c, url| c.get(format!("{url}/302?/end")).bearer_auth("token"),
        "authorization: Bearer token",
    ),
    get(
        "a PATCH and a DELETE",
        |c, url| c.patch(format!("{url}/302?/end")).body("text"),
        "PATCH /end [text]",
    ),
    get(
        "a method of its own",
        |c, url| {
            let method = Method::from_bytes(b"BREW").unwrap();
            c.request(method, format!("{url}/302?/end"))
        },
        "BREW /end",
    ),
    get(
        "an answer of 500",
        |c, url| c.get(format!("{url}/500")),
        "500",
    ),
    get("a 204", |c, url| c.get(format!("{url}/204")), "204"),
    get(
        "a time-out while the body comes",
        |c, url| c.get(format!("{url}/302?/slow")).timeout(SHORT),
        "timeout true",
    ),
    get(
        "a length that is the call's own",
        |c, url| {
            c.post(format!("{url}/end"))
                .header("content-length", "4")
                .body("text")
        },
        "content-length: 4",
    ),
    get(
        "a header that is the call's own",
        |c, url| c.get(format!("{url}/302?/end")).header("host", "a.example"),
        "host: a.example",
    ),
    policy(
        "no redirects",
        |c| c.redirect(plain::Policy::none()),
        |b| b.redirect(redirect::Policy::none()),
        "302 Found",
    ),
    policy(
        "none allowed",
        |c| c.redirect(plain::Policy::limited(0)),
        |b| b.redirect(redirect::Policy::limited(0)),
        "too many redirects",
    ),
    policy(
        "two allowed of three",
        |c| c.redirect(plain::Policy::limited(2)),
        |b| b.redirect(redirect::Policy::limited(2)),
        "redirect true",
    ),
    policy(
        "three allowed of three",
        |c| c.redirect(plain::Policy::limited(3)),
        |b| b.redirect(redirect::Policy::limited(3)),
        "200 OK",
    ),
    policy(
        "a policy that stops",
        |c| {
            c.redirect(plain::Policy::custom(|a| {
                if a.status() == 307 {
                    a.stop()
                } else {
                    a.follow()
                }
            }))
        },
        |b| {
            b.redirect(redirect::Policy::custom(|a| {
                if a.status() == 307 {
                    a.stop()
                } else {
                    a.follow()
                }
            }))
        },
        "307",
    ),
    policy(
        "a policy that fails",
        |c| {
            c.redirect(plain::Policy::custom(|a| {
                if a.url().path() == "/end" {
                    a.error("no end")
                } else {
                    a.follow()
                }
            }))
        },
        |b| {
            b.redirect(redirect::Policy::custom(|a| {
                if a.url().path() == "/end" {
                    a.error("no end")
                } else {
                    a.follow()
                }
            }))
        },
        "no end",
    ),
    policy(
        "a policy that looks back",
        |c| {
            c.redirect(plain::Policy::custom(|a| {
                let seen = format!("{:?}", a.previous());
                if a.previous().len() == 3 {
                    a.error(seen)
                } else {
                    a.follow()
                }
            }))
        },
        |b| {
            b.redirect(redirect::Policy::custom(|a| {
                let seen = format!("{:?}", a.previous());
                if a.previous().len() == 3 {
                    a.error(seen)
                } else {
                    a.follow()
                }
            }))
        },
        "307",
    ),
    policy(
        "a policy that asks another",
        |c| {
            c.redirect(plain::Policy::custom(|a| {
                plain::Policy::limited(1).redirect(a)
            }))
        },
        |b| {
            b.redirect(redirect::Policy::custom(|a| {
                redirect::Policy::limited(1).redirect(a)
            }))
        },
        "too many redirects",
    ),
    policy(
        "a time-out for reading",
        |c| c.read_timeout(Duration::from_secs(60)),
        |b| b.configure(|c| c.read_timeout(Duration::from_secs(60))),
        "200 OK",
    ),
    Row {
        what: "a time-out for reading that passes",
        plain: |c| c.read_timeout(SHORT),
        ours: |b| b.configure(|c| c.read_timeout(SHORT)),
        call: |c, url| c.get(format!("{url}/302?/hangs")),
        has: "timeout true",
    },
    Row {
        what: "a time-out of the client that passes before the head",
        plain: |c| c.timeout(SHORT),
        ours: |b| b.timeout(SHORT),
        call: |c, url| c.get(format!("{url}/302?/hangs")),
        has: "timeout true",
    },
    Row {
        what: "a time-out of the client that passes in the body",
        plain: |c| c.timeout(SHORT),
        ours: |b| b.timeout(SHORT),
        call: |c, url| c.get(format!("{url}/302?/slow")),
        has: "timeout true",
    },
    Row {
        what: "a time-out of the call, longer than the client's",
        plain: |c| c.timeout(Duration::from_nanos(1)),
        ours: |b| b.timeout(Duration::from_nanos(1)),
        call: |c, url| {
            c.get(format!("{url}/302?/end"))
                .timeout(Duration::from_secs(60))
        },
        has: "200 OK",
    },
    Row {
        what: "default headers that the call has too",
        plain: |c| c.default_headers(defaults()),
        ours: |b| b.default_headers(defaults()),
        call: |c, url| {
            let call = c.put(format!("{url}/303?/end")).body("text");
            let call = call
                .header("authorization", "mine")
                .header("x-default", "mine");
            call.header("content-type", "text/mine")
        },
        has: "authorization: mine",
    },
    policy(
        "no referer",
        |c| c.referer(false),
        |b| b.referer(false),
        "200 OK",
    ),
    policy(
        "https only",
        |c| c.https_only(true),
        |b| b.configure(|c| c.https_only(true)),
        "builder true",
    ),
    policy(
        "a time-out of the client",
        |c| c.timeout(Duration::from_secs(60)),
        |b| b.timeout(Duration::from_secs(60)),
        "200 OK",
    ),
    policy(
        "a default header",
        |c| c.default_headers(defaults()),
        |b| b.default_headers(defaults()),
        "x-default: 2",
    ),
    policy(
        "an agent",
        |c| c.user_agent("shop/1"),
        |b| b.configure(|c| c.user_agent("shop/1")),
        "user-agent: shop/1",
    ),
];

fn defaults() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-default", HeaderValue::from_static("1"));
    headers.append("x-default", HeaderValue::from_static("2"));
    headers.insert("content-type", HeaderValue::from_static("text/x"));
    headers.insert("authorization", HeaderValue::from_static("Basic dTpw"));
    headers
}

#[tokio::test]
async fn every_outcome_is_that_of_reqwest() {
    let url = serve(router()).await;
    let (tracer, _spans) = tracer("gateway");
    let mut wrong = Vec::new();
    let denied = ["127.0.0.1", "a.example"];
    for Row {
        what,
        plain,
        ours,
        call,
        has,
    } in ROWS
    {
        for version in BOTH {
            let theirs = || {
                let client = version.configure(reqwest::Client::builder());
                plain(client).build().unwrap()
            };
            let client =
                hopline_reqwest::ClientBuilder::new().configure(|client| version.configure(client));
            let client = ours(client).trace(trace(&tracer)).no_headers_to(denied);
            let clients = [
                ("builder", client.build().unwrap()),
                ("traced", theirs().traced()),
            ];
            let theirs = outcome(call(&theirs().into(), &url)).await;
            let shows = version != Version::Http1 || theirs.contains(has);
            for (name, client) in clients {
                let ours = outcome(call(&client, &url)).await;
                if ours != theirs || !shows {
                    wrong.push(format!("{what}, {version:?}:\n{theirs}\n{name}: {ours}\n"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The thread that polls a hop connects it with its call.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redirects_of_calls_at_once_do_not_mix() {
    let url = serve(router()).await;
    let (tracer, _spans) = tracer("gateway");
    let client = hopline_reqwest::ClientBuilder::new()
        .configure(|client| client.no_proxy())
        .trace(trace(&tracer))
        .build()
        .unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for call in 0..64 {
        let (client, url) = (client.clone(), url.clone());
        calls.spawn(async move {
            let to = format!("{url}/302?/307?/303?/end/{call}");
            let response = client.get(to).send().await.unwrap();
            (call, response.url().path().to_owned())
        });
    }
    while let Some(done) = calls.join_next().await {
        let (call, path) = done.unwrap();
        assert_eq!(path, format!("/end/{call}"));
    }
}

#[tokio::test]
async fn the_plain_client_inside_follows_by_the_same_policy() {
    let url = serve(router()).await;
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let policy = redirect::Policy::custom(move |attempt| {
        counter.fetch_add(1, Ordering::Relaxed);
        match attempt.previous().len() {
            3 => attempt.stop(),
            _ => attempt.follow(),
        }
    });
    let client = hopline_reqwest::ClientBuilder::new()
        .configure(|client| client.no_proxy())
        .redirect(policy)
        .build()
        .unwrap();
    let inside: &reqwest::Client = client.as_ref();
    let answer = inside
        .get(format!("{url}/302?/307?/301?/end"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (answer.status(), asked.load(Ordering::Relaxed)),
        (StatusCode::MOVED_PERMANENTLY, 3)
    );
}
