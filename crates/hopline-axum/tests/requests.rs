//! Every outcome of a request, over real sockets.

mod support;

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Router, middleware};
use futures_util::{StreamExt, stream};
use hopline_axum::{CurrentSpan, RouteLayer, TraceContext, TraceLayer};
use hopline_core::{Context, FutureExt, SpanKind, semconv::OlderNames, span};
use hopline_testing::{assert_tree, tracer};
use support::{PARENT, integer, layer, one, serve, spans};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_request_is_one_server_span_with_its_attributes() {
    let (tracer, all) = tracer("orders");
    let app = Router::new()
        .route("/orders/{id}", get(|| async { "order" }))
        .layer(layer(&tracer));
    let address = serve(app).await;
    let url = format!("http://{address}/orders/7?page=2&token=hunter2");
    let answer = reqwest::Client::new()
        .get(url)
        .header("user-agent", "test/1")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.text().await.unwrap(), "order");
    let span = one(&all).await;
    assert_eq!(
        (span.name.as_str(), span.kind, span.is_error(), span.parent),
        ("GET /orders/{id}", SpanKind::Server, false, None)
    );
    let texts = [
        "http.request.method",
        "http.route",
        "url.path",
        "url.query",
        "url.scheme",
        "server.address",
        "user_agent.original",
        "network.protocol.version",
    ];
    let texts = texts.map(|key| span.text(key).unwrap_or_default());
    assert_eq!(
        texts,
        [
            "GET",
            "/orders/{id}",
            "/orders/7",
            "page=2&token=REDACTED",
            "http",
            "127.0.0.1",
            "test/1",
            "1.1"
        ]
    );
    assert_eq!(
        integer(&span, "server.port"),
        address.rsplit_once(':').unwrap().1.parse().ok()
    );
    assert_eq!(integer(&span, "http.response.status_code"), Some(200));
    assert!(span.attribute("error.type").is_none());
}

#[tokio::test]
async fn older_names_are_recorded_beside_on_request() {
    let (tracer, all) = tracer("orders");
    let names = OlderNames {
        http: true,
        ..OlderNames::NONE
    };
    let app = Router::new()
        .route("/a", get(|| async {}))
        .layer(layer(&tracer).older_names(names));
    let address = serve(app).await;
    reqwest::get(format!("http://{address}/a?sig=1"))
        .await
        .unwrap();
    let span = one(&all).await;
    assert_eq!(
        (span.text("http.method"), span.text("http.target")),
        (Some("GET"), Some("/a?sig=REDACTED"))
    );
    assert_eq!(integer(&span, "http.status_code"), Some(200));
}

#[tokio::test]
async fn the_callers_trace_is_continued() {
    let (tracer, all) = tracer("orders");
    let app = Router::new().route(
        "/",
        get(|TraceContext(context): TraceContext| async move { context.baggage().to_string() }),
    );
    let address = serve(app.layer(layer(&tracer))).await;
    let call = reqwest::Client::new()
        .get(format!("http://{address}/"))
        .header("traceparent", PARENT);
    let answer = call
        .header("tracestate", "a=1")
        .header("baggage", "k=v")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.text().await.unwrap(), "k=v");
    let span = one(&all).await;
    assert_eq!(
        span.trace_id.to_string(),
        "4bf92f3577b34da6a3ce929d0e0e4736"
    );
    assert_eq!(span.parent.unwrap().to_string(), "00f067aa0ba902b7");
    assert!(span.parent_is_remote);
    assert_eq!(span.tracestate.as_str(), "a=1");
}

#[tokio::test]
async fn a_public_edge_links_and_takes_nothing_over() {
    let (tracer, all) = tracer("orders");
    let app = Router::new().route(
        "/",
        get(|TraceContext(context): TraceContext| async move { context.baggage().to_string() }),
    );
    let address = serve(app.layer(TraceLayer::public().tracer(tracer))).await;
    let call = reqwest::Client::new()
        .get(format!("http://{address}/"))
        .header("traceparent", PARENT);
    let answer = call
        .header("tracestate", "a=1")
        .header("baggage", "k=v")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.text().await.unwrap(), "");
    let span = one(&all).await;
    assert_eq!((span.parent, span.tracestate.as_str()), (None, "ot=th:0"));
    assert_ne!(
        span.trace_id.to_string(),
        "4bf92f3577b34da6a3ce929d0e0e4736"
    );
    assert_eq!(span.links[0].span_context.to_string(), PARENT);
}

#[tokio::test]
async fn any_header_bytes_are_served() {
    let (tracer, all) = tracer("orders");
    let address = serve(
        Router::new()
            .route("/", get(|| async { "ok" }))
            .layer(layer(&tracer)),
    )
    .await;
    let hostile: [&[u8]; 4] = [
        b"traceparent: \xff\xfe",
        b"traceparent: 00-0-0-0",
        b"baggage: =,;,\xe9=%zz",
        b"tracestate: \x01",
    ];
    for (sent, header) in hostile.into_iter().enumerate() {
        let mut socket = TcpStream::connect(&address).await.unwrap();
        let request = [
            b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n",
            header,
            b"\r\n\r\n",
        ]
        .concat();
        socket.write_all(&request).await.unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.unwrap();
        // a control character is refused by the HTTP parser itself
        if answer.starts_with(b"HTTP/1.1 200") {
            assert_eq!(spans(&all, sent + 1).await[sent].parent, None);
        }
    }
    assert!(all.all().len() >= 3, "{}", all.tree());
}

#[tokio::test]
async fn names_come_from_routes_and_never_from_paths() {
    let (tracer, all) = tracer("orders");
    let leaf = || Router::new().route("/{id}", get(|| async {}));
    let app = Router::new()
        .nest("/nested", leaf())
        .nest_service("/service", leaf())
        .nest_service("/late", leaf().layer(RouteLayer::new()))
        .nest_service(
            "/taken",
            Router::new().route("/{id}", get(|_: CurrentSpan| async {})),
        )
        .merge(Router::new().route("/merged", post(|| async {})))
        .layer(layer(&tracer));
    let address = serve(app).await;
    let http = reqwest::Client::new();
    for path in [
        "nested/1",
        "service/1",
        "late/1",
        "taken/1",
        "merged",
        "nowhere/4111",
    ] {
        http.get(format!("http://{address}/{path}"))
            .send()
            .await
            .unwrap();
    }
    http.request(
        reqwest::Method::from_bytes(b"BREW").unwrap(),
        format!("http://{address}/merged"),
    )
    .send()
    .await
    .unwrap();
    let seen: Vec<(String, Option<i64>)> = spans(&all, 7)
        .await
        .into_iter()
        .map(|span| {
            (
                span.name.clone(),
                integer(&span, "http.response.status_code"),
            )
        })
        .collect();
    let seen: Vec<(&str, i64)> = seen
        .iter()
        .map(|(name, code)| (name.as_str(), code.unwrap()))
        .collect();
    assert_eq!(
        seen,
        [
            ("GET /nested/{id}", 200),
            ("GET", 200),
            ("GET /late/{id}", 200),
            ("GET /taken/{id}", 200),
            ("GET /merged", 405),
            ("GET", 404),
            ("HTTP /merged", 405),
        ]
    );
    let brewed = all.named("HTTP /merged").remove(0);
    assert_eq!(
        (
            brewed.text("http.request.method"),
            brewed.text("http.request.method_original")
        ),
        (Some("_OTHER"), Some("BREW"))
    );
    let late = all.named("GET /late/{id}").remove(0);
    assert_eq!(late.text("http.route"), Some("/late/{id}"));
}

#[tokio::test]
async fn server_errors_are_errors_and_callers_errors_are_not() {
    let (tracer, all) = tracer("orders");
    let app = Router::new()
        .route("/503", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .route("/404", get(|| async { StatusCode::NOT_FOUND }))
        .route(
            "/cause",
            get(|span: CurrentSpan| async move {
                span.fail_with("card_declined", "the bank refused");
                StatusCode::BAD_GATEWAY
            }),
        )
        .layer(layer(&tracer));
    let address = serve(app).await;
    for path in ["503", "404", "cause"] {
        reqwest::get(format!("http://{address}/{path}"))
            .await
            .unwrap();
    }
    spans(&all, 3).await;
    all.one("GET /503").failed("503");
    all.one("GET /404").succeeded();
    all.one("GET /cause").failed("card_declined");
}

#[tokio::test]
async fn a_streamed_answer_is_covered_to_its_end() {
    let (tracer, all) = tracer("orders");
    let pages = || async {
        let pages = stream::iter(0..3).then(|_| async {
            span("page").end();
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok::<_, Infallible>("page")
        });
        Body::from_stream(pages)
    };
    let address = serve(
        Router::new()
            .route("/stream", get(pages))
            .layer(layer(&tracer)),
    )
    .await;
    let text = reqwest::get(format!("http://{address}/stream"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(text, "pagepagepage");
    let seen = spans(&all, 4).await;
    assert_tree(
        &seen,
        "GET /stream ▸ orders  200\n├─ page\n├─ page\n└─ page",
    );
    assert!(all.one("GET /stream").duration_nanos() >= 60_000_000);
}

#[tokio::test]
async fn a_body_that_fails_is_an_error() {
    let (tracer, all) = tracer("orders");
    let broken = || async {
        let parts = stream::iter([Ok("half"), Err(std::io::Error::other("disk"))]);
        Body::from_stream(parts)
    };
    let address = serve(Router::new().route("/", get(broken)).layer(layer(&tracer))).await;
    let read = async {
        reqwest::get(format!("http://{address}/"))
            .await?
            .text()
            .await
    };
    assert!(read.await.is_err());
    one(&all).await;
    all.one("GET /").failed("body_error");
}

#[tokio::test]
async fn a_client_that_disconnects_before_the_head_is_no_error() {
    let (tracer, all) = tracer("orders");
    struct Rollback;
    impl Drop for Rollback {
        fn drop(&mut self) {
            span("rollback").end();
        }
    }
    let (entered, mut was_entered) = tokio::sync::mpsc::unbounded_channel();
    let never = move || async move {
        let _rollback = Rollback;
        entered.send(()).unwrap();
        std::future::pending::<()>().await;
    };
    let address = serve(Router::new().route("/", get(never)).layer(layer(&tracer))).await;
    let mut socket = TcpStream::connect(&address).await.unwrap();
    socket
        .write_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        .await
        .unwrap();
    was_entered.recv().await.unwrap();
    drop(socket);
    let seen = spans(&all, 2).await;
    assert_tree(&seen, "GET / ▸ orders\n└─ rollback");
    let request = all.one("GET /").attribute("error.type", "cancelled");
    assert!(!request.is_error());
}

#[tokio::test]
async fn a_client_that_disconnects_in_the_body_is_marked() {
    let (tracer, all) = tracer("orders");
    let endless = || async {
        Body::from_stream(stream::repeat_with(|| {
            Ok::<_, Infallible>(vec![b'x'; 65_536])
        }))
    };
    let address = serve(Router::new().route("/", get(endless)).layer(layer(&tracer))).await;
    let mut socket = TcpStream::connect(&address).await.unwrap();
    socket
        .write_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        .await
        .unwrap();
    socket.read_exact(&mut [0; 1024]).await.unwrap();
    drop(socket);
    let span = one(&all).await;
    assert_eq!(
        (span.text("error.type"), span.is_error()),
        (Some("cancelled"), false)
    );
    assert_eq!(integer(&span, "http.response.status_code"), Some(200));
}

#[tokio::test]
async fn a_panic_is_an_error_and_continues() {
    let (tracer, all) = tracer("orders");
    let panics = || async {
        if true {
            panic!("handler's bug")
        }
    };
    let address = serve(Router::new().route("/", get(panics)).layer(layer(&tracer))).await;
    assert!(reqwest::get(format!("http://{address}/")).await.is_err());
    one(&all).await;
    all.one("GET /").failed("panic");
}

#[tokio::test]
async fn a_timeout_outside_cancels_and_one_inside_answers() {
    async fn give_up(request: Request, next: middleware::Next) -> Response {
        let answer = tokio::time::timeout(Duration::from_millis(10), next.run(request)).await;
        answer.unwrap_or_else(|_| Response::builder().status(504).body(Body::empty()).unwrap())
    }
    let (tracer, all) = tracer("orders");
    let never = || get(std::future::pending::<()>);
    let app = Router::new()
        .route(
            "/inside",
            never()
                .layer::<_, Infallible>(middleware::from_fn(give_up))
                .layer(layer(&tracer)),
        )
        .route(
            "/outside",
            never()
                .layer(layer(&tracer))
                .layer(middleware::from_fn(give_up)),
        );
    let address = serve(app).await;
    for path in ["inside", "outside"] {
        assert_eq!(
            reqwest::get(format!("http://{address}/{path}"))
                .await
                .unwrap()
                .status(),
            504
        );
    }
    spans(&all, 2).await;
    all.one("GET /inside").failed("504");
    assert!(
        !all.one("GET /outside")
            .attribute("error.type", "cancelled")
            .is_error()
    );
}

#[tokio::test]
async fn applied_twice_it_records_once() {
    let (tracer, all) = tracer("orders");
    let inner = Router::new()
        .route("/{id}", get(|| async { span("work").end() }))
        .layer(layer(&tracer));
    let app = Router::new()
        .nest_service("/orders", inner)
        .layer(layer(&tracer));
    let address = serve(app).await;
    reqwest::get(format!("http://{address}/orders/1"))
        .await
        .unwrap();
    assert_tree(
        &spans(&all, 2).await,
        "GET /orders/{id} ▸ orders  200\n└─ work",
    );
}

#[tokio::test]
async fn a_filtered_request_is_not_recorded_but_passes_on() {
    let (tracer, all) = tracer("orders");
    let headers = |TraceContext(context): TraceContext| async move {
        let mut headers = std::collections::HashMap::<String, String>::new();
        context.inject(&mut headers);
        headers.remove("traceparent").unwrap_or_default()
    };
    let app = Router::new()
        .route("/health", get(headers))
        .route("/", get(|| async {}));
    let address = serve(app.layer(layer(&tracer).filter(|_, uri| uri.path() != "/health"))).await;
    let call = reqwest::Client::new()
        .get(format!("http://{address}/health"))
        .header("traceparent", PARENT);
    assert_eq!(call.send().await.unwrap().text().await.unwrap(), PARENT);
    reqwest::get(format!("http://{address}/")).await.unwrap();
    assert_eq!(one(&all).await.name, "GET /");
}

#[tokio::test]
async fn head_and_bodyless_answers_end_without_a_body() {
    let (tracer, all) = tracer("orders");
    let app = Router::new()
        .route("/", get(|| async { "body" }))
        .route("/204", get(|| async { StatusCode::NO_CONTENT }));
    let address = serve(app.layer(layer(&tracer))).await;
    reqwest::Client::new()
        .head(format!("http://{address}/"))
        .send()
        .await
        .unwrap();
    reqwest::get(format!("http://{address}/204")).await.unwrap();
    spans(&all, 2).await;
    all.one("HEAD /").succeeded();
    all.one("GET /204").succeeded();
}

#[tokio::test]
async fn the_context_is_current_in_middleware_handler_and_tasks() {
    async fn check(request: Request, next: middleware::Next) -> Response {
        assert!(Context::current().is_recording());
        span("middleware").end();
        next.run(request).in_span(span("inner")).await
    }
    let (tracer, all) = tracer("orders");
    let handler = || async {
        let task = tokio::spawn(async { span("task").end() }.in_current_context());
        task.await.unwrap();
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(middleware::from_fn(check))
        .layer(layer(&tracer));
    let address = serve(app).await;
    reqwest::get(format!("http://{address}/")).await.unwrap();
    let seen = spans(&all, 4).await;
    assert_tree(
        &seen,
        "GET / ▸ orders  200\n├─ middleware\n└─ inner\n   └─ task",
    );
}

#[tokio::test]
async fn a_stream_of_a_promised_length_ends_with_its_last_byte() {
    let (tracer, all) = tracer("orders");
    let proxied = || async {
        let parts = stream::iter(["half", "half"]).map(Ok::<_, Infallible>);
        ([("content-length", "8")], Body::from_stream(parts))
    };
    let address = serve(Router::new().route("/", get(proxied)).layer(layer(&tracer))).await;
    let text = reqwest::get(format!("http://{address}/"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(text, "halfhalf");
    one(&all).await;
    all.one("GET /").succeeded();
}

#[tokio::test]
async fn a_public_edge_takes_nothing_over_where_it_does_not_record_either() {
    let (tracer, all) = tracer("orders");
    let passed = |TraceContext(context): TraceContext| async move {
        format!("{}{}", context.span_context().unwrap(), context.baggage())
    };
    let app = Router::new().route("/health", get(passed));
    let edge = TraceLayer::public()
        .tracer(tracer)
        .filter(|_, uri| uri.path() != "/health");
    let address = serve(app.layer(edge)).await;
    let call = reqwest::Client::new()
        .get(format!("http://{address}/health"))
        .header("traceparent", PARENT);
    let answer = call
        .header("baggage", "tenant_id=other")
        .send()
        .await
        .unwrap();
    let passed = answer.text().await.unwrap();
    assert!(
        passed.ends_with("-02") && !passed.contains(&PARENT[3..35]),
        "{passed}: a new trace that is not sampled, and no baggage"
    );
    assert_eq!(all.all().len(), 0);
}
