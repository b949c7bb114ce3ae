//! What other protocols make of a request: connections that are upgraded, and calls of gRPC.

mod support;

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{Message, WebSocket};
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, stream};
use hopline_axum::{TraceContext, TraceLayer};
use hopline_core::{FutureExt, Incoming, SpanBuilder, SpanContext, Tracer, no_attrs, span};
use hopline_testing::{assert_tree, tracer};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http_body::Frame;
use http_body_util::StreamBody;
use support::rules::Version;
use support::{integer, layer, one, serve, spans};
use tokio_tungstenite::tungstenite;

/// A chat that says what it hears, on a span of its own that is linked to its request's.
async fn talk(mut socket: WebSocket, tracer: Tracer, request: Option<SpanContext>) {
    let connection = SpanBuilder::new("chat.connection")
        .links(request.as_slice())
        .start_root(Some(&tracer), Incoming::default(), no_attrs);
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

/// A server of gRPC by hand: it knows one method, and says how calls end in trailers.
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
