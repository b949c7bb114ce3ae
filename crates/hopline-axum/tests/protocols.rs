//! Other protocols: upgraded connections, and gRPC calls.

mod support;

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::ws::{Message, WebSocket};
use axum::extract::{Request, WebSocketUpgrade};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Router, middleware};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, stream};
use hopline_axum::{TraceContext, TraceLayer};
use hopline_core::{FutureExt, Incoming, SpanBuilder, SpanContext, Tracer, span};
use hopline_test_support::http::{BOTH, Version};
use hopline_testing::{assert_tree, tracer};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use http_body_util::StreamBody;
use support::{integer, layer, one, serve, spans};
use tokio_tungstenite::tungstenite;

/// A chat that echoes messages. Its connection has a span that is linked to the request's.
async fn talk(mut socket: WebSocket, tracer: Tracer, request: Option<SpanContext>) {
    let connection = SpanBuilder::new("chat.connection")
        .links(request.as_slice())
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
    let chat = async {
        while let Some(Ok(Message::Text(text))) = socket.recv().await {
            span("chat.message").end();
            socket.send(Message::Text(text)).await.unwrap();
        }
    };
    chat.in_span(connection).await;
}

#[tokio::test]
async fn an_upgrade_ends_the_request_and_the_connection_is_linked_to_it() {
    let (tracer, all) = tracer("chat");
    let own = tracer.clone();
    let upgrade = move |TraceContext(context): TraceContext, upgrade: WebSocketUpgrade| async move {
        upgrade.on_upgrade(move |socket| talk(socket, own, context.span_context()))
    };
    let app = Router::new()
        .route("/chat", get(upgrade))
        .layer(layer(&tracer));
    let address = serve(app).await;
    let url = format!("ws://{address}/chat");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let request = one(&all).await;
    assert_eq!(
        (
            request.name.as_str(),
            integer(&request, "http.response.status_code")
        ),
        ("GET /chat", Some(101)),
        "it has ended, and the connection has not"
    );
    assert_eq!(request.text("error.type"), None);

    let sent = tungstenite::Message::text("hello");
    socket.send(sent.clone()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), sent);
    socket.close(None).await.unwrap();
    let seen = spans(&all, 3).await;
    assert_tree(&seen[1..], "chat.connection ▸ chat\n└─ chat.message");
    let connection = all.one("chat.connection").root();
    assert_ne!(connection.trace_id, request.trace_id);
    assert_eq!(connection.links[0].span_context.span_id(), request.span_id);
}

/// A hand-written gRPC server with one method, which sends the status in trailers.
fn grpc(layer: TraceLayer) -> Router {
    let get = |status: &'static str| {
        move || async move {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static(status));
            let frames = [
                Frame::data(Bytes::from_static(&[0; 5])),
                Frame::trailers(trailers),
            ];
            let frames = stream::iter(frames.map(Ok::<_, Infallible>));
            (
                [(CONTENT_TYPE, "application/grpc")],
                Body::new(StreamBody::new(frames)),
            )
        }
    };
    let unknown = || async { [("content-type", "application/grpc"), ("grpc-status", "12")] };
    let page = || async { [("content-type", "text/html")] };
    Router::new()
        .route("/shop.Orders/Get", post(get("0")))
        .route("/shop.Orders/{*rest}", post(get("14")))
        .route("/page/{any}", post(page))
        .fallback(unknown)
        .layer(layer)
}

#[tokio::test]
async fn calls_of_grpc_are_named_by_methods_that_the_server_knows() {
    let (tracer, all) = tracer("orders");
    let address = serve(grpc(layer(&tracer))).await;
    let client = Version::Http2.client();
    for path in [
        "shop.Orders/Get",
        "shop.Orders/Put",
        "made.Up/Method",
        "page/made-up",
    ] {
        let call = client
            .post(format!("http://{address}/{path}"))
            .header(CONTENT_TYPE, "application/grpc+proto");
        call.send().await.unwrap().bytes().await.unwrap();
    }
    let seen = spans(&all, 4).await;
    let seen: Vec<_> = seen
        .iter()
        .map(|span| {
            let texts = [
                "rpc.system.name",
                "rpc.method",
                "rpc.response.status_code",
                "error.type",
            ];
            (span.name.as_str(), texts.map(|key| span.text(key)))
        })
        .collect();
    let grpc = Some("grpc");
    assert_eq!(
        seen,
        [
            (
                "shop.Orders/Get",
                [grpc, Some("shop.Orders/Get"), Some("OK"), None]
            ),
            (
                "shop.Orders/Put",
                [
                    grpc,
                    Some("shop.Orders/Put"),
                    Some("UNAVAILABLE"),
                    Some("UNAVAILABLE")
                ]
            ),
            (
                "POST",
                [
                    grpc,
                    Some("_OTHER"),
                    Some("UNIMPLEMENTED"),
                    Some("UNIMPLEMENTED")
                ]
            ),
            ("POST /page/{any}", [None; 4]),
        ]
    );
}

/// Answers before any routing, without a body, with a status that the request asks for.
fn shedding(layer: TraceLayer) -> Router {
    let shed = |request: Request, next: middleware::Next| async move {
        let status = request.headers().get("x-shed").cloned();
        match status {
            Some(status) => {
                let kind = HeaderValue::from_static("application/grpc");
                ([
                    (CONTENT_TYPE, kind),
                    (HeaderName::from_static("grpc-status"), status),
                ])
                .into_response()
            }
            None => next.run(request).await,
        }
    };
    let ok = || async { grpc_answer(&[Frame::data(Bytes::from_static(&[0; 5]))], "0") };
    let not_found = || async { [("content-type", "application/grpc"), ("grpc-status", "5")] };
    // a server that never sends its status in the head
    let late = || async { grpc_answer(&[], "8") };
    Router::new()
        .route("/shed.Orders/Get", post(ok))
        .route("/shed.Orders/Find", post(not_found))
        .route("/shed.Late/{any}", post(late))
        .layer(middleware::from_fn(shed))
        .layer(layer)
}

fn grpc_answer(frames: &[Frame<Bytes>], status: &'static str) -> impl IntoResponse + use<> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    let data = frames
        .iter()
        .filter_map(|frame| frame.data_ref().cloned().map(Frame::data));
    let frames: Vec<_> = data
        .chain([Frame::trailers(trailers)])
        .map(Ok::<_, Infallible>)
        .collect();
    let body = Body::new(StreamBody::new(stream::iter(frames)));
    ([(CONTENT_TYPE, "application/grpc")], body)
}

#[tokio::test]
async fn methods_that_the_server_has_not_shown_to_know_name_no_span() {
    let (tracer, all) = tracer("orders");
    let address = serve(shedding(layer(&tracer))).await;
    let client = Version::Http2.client();
    let call = async |path: &str, shed: Option<&'static str>| {
        let mut call = client
            .post(format!("http://{address}/{path}"))
            .header(CONTENT_TYPE, "application/grpc");
        if let Some(status) = shed {
            call = call.header("x-shed", status);
        }
        call.send().await.unwrap().bytes().await.unwrap();
    };
    // RESOURCE_EXHAUSTED, UNAVAILABLE, UNAUTHENTICATED and the like come before routing
    for (at, status) in ["1", "2", "4", "7", "8", "12", "14", "16"]
        .into_iter()
        .enumerate()
    {
        call(&format!("made.Up{at}/Method"), Some(status)).await;
    }
    call("shed.Late/MadeUp", None).await;
    call("shed.Orders/Get", Some("8")).await;
    for span in spans(&all, 10).await {
        assert!(
            !span.name.contains("adeUp") && !span.name.starts_with("made"),
            "{}",
            span.name
        );
        assert_eq!(span.text("rpc.method"), Some("_OTHER"));
        let path = span.text("url.path").unwrap();
        assert_eq!(span.text("rpc.method_original"), path.strip_prefix('/'));
    }
    all.take();

    call("shed.Orders/Get", None).await;
    call("shed.Orders/Find", None).await;
    call("shed.Orders/Get", Some("8")).await;
    call("shed.Orders/Find", Some("16")).await;
    let seen = spans(&all, 4).await;
    let seen: Vec<_> = seen
        .iter()
        .map(|span| {
            assert_eq!(span.text("rpc.method"), Some(span.name.as_str()));
            assert_eq!(span.text("rpc.method_original"), None);
            (
                span.name.as_str(),
                span.text("rpc.response.status_code").unwrap(),
            )
        })
        .collect();
    let (get, find) = ("shed.Orders/Get", "shed.Orders/Find");
    assert_eq!(
        seen,
        [
            (get, "OK"),
            (find, "NOT_FOUND"),
            (get, "RESOURCE_EXHAUSTED"),
            (find, "UNAUTHENTICATED")
        ]
    );
}

#[tokio::test]
async fn a_message_that_looks_like_trailers_of_grpc_web_is_a_message() {
    let (tracer, all) = tracer("orders");
    let text = b"grpc-status:14\r\n";
    let bytes = [&[0x80, 0, 0, 0, 16], &text[..]].concat();
    let bytes = Bytes::from(bytes);
    let app = Router::new()
        .route(
            "/piece.Orders/Get",
            post(|| async move { grpc_answer(&[Frame::data(bytes)], "0") }),
        )
        .layer(layer(&tracer));
    let address = serve(app).await;
    let call = Version::Http2
        .client()
        .post(format!("http://{address}/piece.Orders/Get"))
        .header(CONTENT_TYPE, "application/grpc");
    call.send().await.unwrap().bytes().await.unwrap();
    let span = one(&all).await;
    assert_eq!(span.name, "piece.Orders/Get");
    assert_eq!(span.text("rpc.response.status_code"), Some("OK"));
    assert!(!span.is_error());
}

#[tokio::test]
async fn methods_that_are_declared_name_spans_from_the_start() {
    let (tracer, all) = tracer("orders");
    let layer = layer(&tracer).grpc_methods(["declared.Orders/Get"]);
    let address = serve(shedding(layer)).await;
    let call = Version::Http2
        .client()
        .post(format!("http://{address}/declared.Orders/Get"))
        .header(CONTENT_TYPE, "application/grpc")
        .header("x-shed", "8");
    call.send().await.unwrap().bytes().await.unwrap();
    let span = one(&all).await;
    assert_eq!(span.name, "declared.Orders/Get");
    assert_eq!(span.text("rpc.method"), Some("declared.Orders/Get"));
}

#[tokio::test]
async fn failures_of_grpc_web_are_failures_wherever_their_status_is() {
    let (tracer, all) = tracer("orders");
    let kind = "application/grpc-web+proto";
    let head = move || async move { [("content-type", kind), ("grpc-status", "13")] };
    // the trailers are the body's last message, marked by its first bit
    let body = move || async move {
        let trailers = b"grpc-status:14\r\ngrpc-message:gone\r\n";
        let length = u32::try_from(trailers.len()).unwrap().to_be_bytes();
        let last = [&[0x80], &length[..], trailers].concat();
        let frames = [Bytes::from_static(&[0; 5]), Bytes::from(last)];
        let frames = stream::iter(frames.map(Ok::<_, Infallible>));
        ([("content-type", kind)], Body::from_stream(frames))
    };
    let app = Router::new()
        .route("/web.Orders/Head", post(head))
        .route("/web.Orders/Body", post(body))
        .layer(layer(&tracer));
    let address = serve(app).await;
    for version in BOTH {
        for method in ["Head", "Body"] {
            let call = version
                .client()
                .post(format!("http://{address}/web.Orders/{method}"))
                .header(CONTENT_TYPE, kind);
            let answer = call.send().await.unwrap();
            assert_eq!(answer.status(), 200);
            answer.bytes().await.unwrap();
        }
        let seen = spans(&all, 2).await;
        for (span, (name, status)) in seen.iter().zip([
            ("web.Orders/Head", "INTERNAL"),
            ("web.Orders/Body", "UNAVAILABLE"),
        ]) {
            assert_eq!(span.name, name);
            assert_eq!(span.text("rpc.system.name"), Some("grpc"));
            assert_eq!(span.text("rpc.response.status_code"), Some(status));
            assert_eq!(
                (span.text("error.type"), span.is_error()),
                (Some(status), true)
            );
        }
        all.take();
    }
}
