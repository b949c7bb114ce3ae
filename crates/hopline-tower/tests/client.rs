//! The layer for clients, around those of hyper and tonic, over real sockets of both versions of HTTP.

use std::convert::Infallible;
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use axum::routing::{any, post};
use bytes::{Buf, BufMut, Bytes};
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use hopline_core::export::SpanData;
use hopline_core::{
    Baggage, Context, FutureExt, SpanBuilder, SpanKind, Tracer, semconv::OlderNames, span,
};
use hopline_testing::{assert_tree, tracer};
use hopline_tower::client::TraceClient;
use hopline_tower::{ClientLayer, ContextLayer, ResendCount, Untraced, UrlTemplate};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{HeaderName, Request, Response, StatusCode, Uri};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{HttpConnector, HttpInfo};
use hyper_util::rt::TokioExecutor;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;

type Hyper = Client<HttpConnector, Empty<Bytes>>;

/// A client of hyper for each version, with its `network.protocol.version`.
fn clients() -> [(&'static str, Hyper); 2] {
    let one = Client::builder(TokioExecutor::new()).build_http();
    let two = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    [("1.1", one), ("2", two)]
}

fn layer(tracer: &Tracer) -> ClientLayer {
    ClientLayer::new()
        .tracer(tracer.clone())
        .older_names(OlderNames::NONE)
        .peer(|extensions| extensions.get().map(HttpInfo::remote_addr))
}

/// Serves on a free port; gives its address.
async fn serve() -> String {
    let shown = |headers: HeaderMap| async move {
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{name}: {}\n", value.to_str().unwrap())
        };
        headers.iter().map(line).collect::<String>()
    };
    let broken = || async {
        let parts = stream::iter([Ok("half"), Err(std::io::Error::other("disk"))]);
        Body::from_stream(parts.then(|part| async {
            tokio::task::yield_now().await;
            part
        }))
    };
    let grpc = |status: &'static str| {
        move || async move {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static(status));
            let frames = [
                Frame::data(Bytes::from_static(&[0, 0, 0, 0, 2, b'o', b'k'])),
                Frame::trailers(trailers),
            ];
            let frames = stream::iter(frames.map(Ok::<_, Infallible>));
            (
                [(CONTENT_TYPE, "application/grpc")],
                Body::new(StreamBody::new(frames)),
            )
        }
    };
    let web = || async {
        [
            ("content-type", "application/grpc-web+proto"),
            ("grpc-status", "14"),
        ]
    };
    let to = |uri: Uri| async move {
        let location = uri.query().unwrap_or_default().to_owned();
        (StatusCode::FOUND, [("location", location)])
    };
    let app = Router::new()
        .route("/404", any(|| async { StatusCode::NOT_FOUND }))
        .route("/broken", any(broken))
        .route("/never", any(std::future::pending::<()>))
        .route("/shop.Orders/Get", post(grpc("0")))
        .route("/shop.Orders/Put", post(grpc("14")))
        .route("/web", post(web))
        .route("/to", any(to))
        .fallback(shown);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn get(url: String) -> Request<Empty<Bytes>> {
    Request::get(url).body(Empty::new()).unwrap()
}

async fn text<B>(answer: Response<B>) -> String
where
    B: http_body::Body<Data: Send, Error: std::fmt::Debug>,
{
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn integer(span: &SpanData, key: &str) -> Option<i64> {
    span.attribute(key).and_then(|value| value.as_i64())
}

#[tokio::test]
async fn a_call_is_a_client_span_with_its_attributes_and_headers() {
    let address = serve().await;
    let port: i64 = address.rsplit_once(':').unwrap().1.parse().unwrap();
    for (version, client) in clients() {
        let (tracer, spans) = tracer("gateway");
        let client = layer(&tracer).layer(client);
        let mut call = get(format!("http://{address}/stock/7?token=hunter2&page=2"));
        call.extensions_mut().insert(UrlTemplate("/stock/{id}"));
        call.extensions_mut().insert(ResendCount(2));
        let sent = text(client.oneshot(call).await.unwrap()).await;
        let span = spans
            .one("GET /stock/{id}")
            .kind(SpanKind::Client)
            .succeeded();
        let parent = format!("traceparent: 00-{}-{}-01\n", span.trace_id, span.span_id);
        assert!(sent.contains(&parent), "{sent}");
        let full = format!("http://{address}/stock/7?token=REDACTED&page=2");
        span.attribute("url.full", full.as_str())
            .attribute("http.request.method", "GET")
            .attribute("http.request.resend_count", 2)
            .attribute("http.response.status_code", 200)
            .attribute("network.protocol.version", version)
            .attribute("network.peer.address", "127.0.0.1")
            .attribute("network.peer.port", port)
            .attribute("server.address", "127.0.0.1")
            .attribute("server.port", port)
            .attribute("url.template", "/stock/{id}");
    }
}

#[tokio::test]
async fn outcomes_depend_on_status_failure_and_body() {
    let address = serve().await;
    for (_, client) in clients() {
        let (tracer, spans) = tracer("gateway");
        let plain = layer(&tracer).layer(client.clone());
        let lasting = layer(&tracer).until_body_end().layer(client);
        let call = |path: &str| get(format!("http://{address}/{path}"));
        text(plain.clone().oneshot(call("404")).await.unwrap()).await;
        spans.one("GET").failed("404");
        spans.take();

        let refused = get("http://127.0.0.1:9/?token=hunter2".to_owned());
        plain.clone().oneshot(refused).await.unwrap_err();
        assert!(!format!("{:?}", *spans.one("GET").failed("request")).contains("hunter2"));
        spans.take();

        let answer = plain.clone().oneshot(call("broken")).await.unwrap();
        spans.one("GET").succeeded();
        spans.take();
        answer.into_body().collect().await.unwrap_err();
        let answer = lasting.clone().oneshot(call("broken")).await.unwrap();
        assert_eq!(spans.all().len(), 0, "the body has not ended");
        answer.into_body().collect().await.unwrap_err();
        spans.one("GET").failed("body");
        spans.take();

        let never = lasting.oneshot(call("never"));
        let waited = tokio::time::timeout(std::time::Duration::from_millis(20), never);
        assert!(waited.await.is_err());
        spans.one("GET").succeeded();
    }
}

#[tokio::test]
async fn baggage_and_headers_are_sent_by_the_lists() {
    let address = serve().await;
    let [(_, client), _] = clients();
    let (tracer, spans) = tracer("gateway");
    let context =
        Context::EMPTY.with_baggage(Baggage::default().with("tenant_id", "acme").unwrap());
    let sent = async |layer: ClientLayer, call: Request<Empty<Bytes>>| {
        let call = layer.layer(client.clone()).oneshot(call);
        text(call.in_context(context.clone()).await.unwrap()).await
    };
    let url = format!("http://{address}/");
    let own = sent(layer(&tracer), get(url.clone())).await;
    assert!(
        own.contains("baggage: tenant_id=acme\n") && own.contains("traceparent: "),
        "{own}"
    );
    let denied = sent(
        layer(&tracer).no_headers_to(["127.0.0.1"]),
        get(url.clone()),
    )
    .await;
    assert!(
        !denied.contains("trace") && !denied.contains("baggage"),
        "{denied}"
    );
    assert_eq!(spans.take().len(), 2);
    let mut call = get(url);
    call.extensions_mut().insert(Untraced);
    let untraced = sent(layer(&tracer), call).await;
    assert!(
        !untraced.contains("trace") && spans.all().is_empty(),
        "{untraced}"
    );
}

/// A connection to one host: the request names it only in a header.
#[tokio::test]
async fn a_host_header_names_the_server_if_the_uri_does_not() {
    let (tracer, spans) = tracer("gateway");
    let inside = tower::service_fn(|request: Request<Empty<Bytes>>| async move {
        span("inside").end();
        Ok::<_, Infallible>(Response::new(
            request.headers().contains_key("baggage").to_string(),
        ))
    });
    let context =
        Context::EMPTY.with_baggage(Baggage::default().with("tenant_id", "acme").unwrap());
    let client = layer(&tracer).layer(inside);
    for (host, full, port, trusted) in [
        (
            "inventory:4002",
            "http://inventory:4002/a?b=1",
            4002,
            "true",
        ),
        ("shop.example", "http://shop.example/a?b=1", 80, "false"),
        ("[::1]:81", "http://[::1]:81/a?b=1", 81, "true"),
    ] {
        let mut call = get("/a?b=1".to_owned());
        call.headers_mut()
            .insert("host", HeaderValue::from_static(host));
        let answer = client.clone().oneshot(call).in_context(context.clone());
        assert_eq!(
            answer
                .await
                .unwrap()
                .into_body()
                .collect()
                .await
                .unwrap()
                .to_bytes(),
            trusted
        );
        let name = host
            .rsplit_once(':')
            .map_or(host, |(name, _)| name)
            .trim_matches(['[', ']']);
        let call = spans
            .one("GET")
            .attribute("url.full", full)
            .attribute("server.address", name);
        assert_eq!(integer(&call, "server.port"), Some(port));
        let spans = spans.take();
        assert_tree(&spans, "GET ▸ gateway  200\n└─ inside");
    }
}

/// Messages of bytes, as a code generator would make a codec for.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

async fn unary(
    channel: TraceClient<tonic::transport::Channel>,
    path: &'static str,
) -> Result<Bytes, tonic::Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let request = tonic::Request::new(Bytes::from_static(b"7"));
    let path = http::uri::PathAndQuery::from_static(path);
    client
        .unary(request, path, Raw)
        .await
        .map(tonic::Response::into_inner)
}

#[tokio::test]
async fn calls_of_tonic_are_named_by_their_method_and_end_with_the_trailers() {
    let address = serve().await;
    let (tracer, spans) = tracer("gateway");
    let endpoint = tonic::transport::Endpoint::new(format!("http://{address}")).unwrap();
    let layer = layer(&tracer).origin(endpoint.uri().clone());
    let channel = layer.layer(endpoint.connect().await.unwrap());
    assert_eq!(
        unary(channel.clone(), "/shop.Orders/Get").await.unwrap(),
        "ok"
    );
    spans
        .one("shop.Orders/Get")
        .kind(SpanKind::Client)
        .succeeded()
        .attribute("rpc.system.name", "grpc")
        .attribute("rpc.method", "shop.Orders/Get")
        .attribute("rpc.response.status_code", "OK")
        .attribute("server.address", "127.0.0.1")
        .attribute(
            "url.full",
            format!("http://{address}/shop.Orders/Get").as_str(),
        );
    let status = unary(channel, "/shop.Orders/Put").await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable);
    spans.one("shop.Orders/Put").failed("UNAVAILABLE");
}

/// Is ready after `poll_ready` was called this many times.
#[derive(Clone)]
struct Busy(u32);

impl Service<Request<Empty<Bytes>>> for Busy {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0 = self.0.saturating_sub(1);
        cx.waker().wake_by_ref();
        if self.0 == 0 {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    fn call(&mut self, _: Request<Empty<Bytes>>) -> Self::Future {
        assert_eq!(self.0, 0, "it was not ready");
        std::future::ready(Ok(Response::default()))
    }
}

#[tokio::test]
async fn a_service_that_is_busy_is_waited_for() {
    let (tracer, spans) = tracer("gateway");
    let client = layer(&tracer).layer(Busy(3));
    client.oneshot(get("http://h/".to_owned())).await.unwrap();
    spans.one("GET").succeeded();
}

/// A buffer makes its calls in a task of its own, where no context is current.
#[tokio::test]
async fn a_call_behind_a_buffer_is_a_child_of_its_caller() {
    let address = serve().await;
    let [(_, client), _] = clients();
    let (tracer, spans) = tracer("gateway");
    let buffered = ServiceBuilder::new()
        .layer(ContextLayer::new())
        .buffer(8)
        .layer(layer(&tracer))
        .service(client);
    let baggage = Baggage::default().with("tenant_id", "acme").unwrap();
    let context = Context::EMPTY.with_baggage(baggage);
    let request = SpanBuilder::new("request")
        .child_of(&context)
        .tracer(&tracer)
        .start();
    let call = buffered.clone().oneshot(get(format!("http://{address}/")));
    let sent = text(call.in_context(request.context()).await.unwrap()).await;
    request.end();
    assert!(sent.contains("baggage: tenant_id=acme\n"), "{sent}");
    assert_tree(&spans.take(), "request ▸ gateway\n└─ GET  200");

    // what is made inside the caller's trace, nearer to the call, is the parent
    let nested = ServiceBuilder::new()
        .layer(ContextLayer::new())
        .map_future(attempt)
        .layer(tower::layer::layer_fn(|inner| Deferred { inner }))
        .layer(layer(&tracer))
        .service(clients()[0].1.clone());
    let request = SpanBuilder::new("request")
        .child_of(&context)
        .tracer(&tracer)
        .start();
    let call = nested.oneshot(get(format!("http://{address}/")));
    call.in_span(request).await.unwrap();
    assert_tree(
        &spans.take(),
        "request ▸ gateway\n└─ attempt\n   └─ GET  200",
    );
}

async fn attempt<F: Future>(call: F) -> F::Output {
    call.in_span(span("attempt")).await
}

/// Calls what is inside when its future is polled.
#[derive(Clone)]
struct Deferred<S> {
    inner: S,
}

impl<S, Q> Service<Q> for Deferred<S>
where
    S: Service<Q, Future: Send> + Clone + Send + 'static,
    Q: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Q) -> Self::Future {
        Box::pin(self.inner.clone().oneshot(request))
    }
}

#[tokio::test]
async fn a_second_layer_makes_the_context_current_behind_a_buffer() {
    let (tracer, spans) = tracer("gateway");
    let inside = tower::service_fn(|_: Request<String>| async {
        span("inside").end();
        Ok::<_, Infallible>(Response::new(String::new()))
    });
    let service = ServiceBuilder::new()
        .layer(ContextLayer::new())
        .buffer(8)
        .layer(ContextLayer::new())
        .service(inside);
    let request = SpanBuilder::new("request")
        .child_of(&Context::EMPTY)
        .tracer(&tracer)
        .start();
    let call = service.oneshot(Request::new(String::new()));
    call.in_span(request).await.unwrap();
    assert_tree(&spans.all(), "request ▸ gateway\n└─ inside");
}

#[tokio::test]
async fn baggage_that_the_application_sets_arrives() {
    let address = serve().await;
    let [(_, client), _] = clients();
    let (tracer, _spans) = tracer("gateway");
    let baggage = Baggage::default().with("tenant_id", "acme").unwrap();
    for (context, wanted) in [
        (
            Context::EMPTY.with_baggage(baggage),
            "baggage: user=7,tenant_id=acme\n",
        ),
        (Context::EMPTY, "baggage: user=7\n"),
    ] {
        let mut call = get(format!("http://{address}/"));
        let own = HeaderValue::from_static("user=7");
        call.headers_mut().insert("baggage", own);
        let call = layer(&tracer).layer(client.clone()).oneshot(call);
        let sent = text(call.in_context(context).await.unwrap()).await;
        assert!(sent.contains(wanted), "{sent}");
    }
}

#[tokio::test]
async fn a_failure_of_grpc_web_is_one_in_any_version_of_http() {
    let address = serve().await;
    for (_, client) in clients() {
        let (tracer, spans) = tracer("gateway");
        let call = Request::post(format!("http://{address}/web"));
        let call = call.body(Empty::new()).unwrap();
        let client = layer(&tracer).layer(client);
        client.oneshot(call).await.unwrap();
        spans
            .one("POST")
            .failed("UNAVAILABLE")
            .attribute("rpc.response.status_code", "UNAVAILABLE");
    }
}

/// An internal host redirects to a stranger.
#[tokio::test]
async fn redirects_outside_the_layer_have_headers_of_their_own() {
    let address = serve().await;
    let [(_, client), _] = clients();
    let (tracer, spans) = tracer("gateway");
    let client = ServiceBuilder::new()
        .layer(FollowRedirectLayer::new())
        .layer(layer(&tracer).no_headers_to(["localhost"]))
        .service(client);
    let baggage = Baggage::default().with("tenant_id", "acme").unwrap();
    let sent = async |host: &str| {
        let to = address.replace("127.0.0.1", host);
        let call = get(format!("http://{address}/to?http://{to}/end"));
        let call = client.clone().oneshot(call);
        let context = Context::EMPTY.with_baggage(baggage.clone());
        text(call.in_context(context).await.unwrap()).await
    };
    let own = sent("127.0.0.1").await;
    let hops = spans.take();
    assert!(own.contains(&hops[1].span_id.to_string()), "{own}");
    assert!(own.contains("baggage: tenant_id=acme\n"), "{own}");
    let denied = sent("localhost").await;
    assert!(
        !denied.contains("trace") && !denied.contains("baggage"),
        "{denied}"
    );
}
