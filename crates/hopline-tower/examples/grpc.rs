//! A client of tonic and a server behind tower: one trace over gRPC, named by service and method.
//!
//! ```sh
//! cargo run -p hopline-tower --example grpc
//! ```
//!
//! ```text
//! checkout ▸ gateway
//! └─ shop.Orders/Get  200
//!    └─ shop.Orders/Get ▸ orders  200
//! ```

#![expect(clippy::print_stdout, reason = "it shows the trace")]

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::IntoResponse;
use axum::{Router, routing::post};
use bytes::{Buf, BufMut, Bytes};
use futures_util::stream;
use hopline_core::{FutureExt, Incoming, SpanBuilder};
use hopline_tower::{ClientLayer, TraceLayer};
use http_body::Frame;
use http_body_util::StreamBody;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Endpoint;
use tower::Layer;

/// The server's answer; a server of tonic takes the layer by `Server::builder().layer(…)`.
async fn order() -> impl IntoResponse {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let message = Frame::data(Bytes::from_static(b"\0\0\0\0\x03tea"));
    let frames = [message, Frame::trailers(trailers)].map(Ok::<_, Infallible>);
    let body = Body::new(StreamBody::new(stream::iter(frames)));
    ([("content-type", "application/grpc")], body)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // tests' tracers, so that the spans can be shown; services leave them out and call `hopline::init`
    let (gateway, spans) = hopline_testing::tracer("gateway");
    let orders = hopline_core::Tracer::builder()
        .service("orders")
        .sink(spans.sink())
        .build();

    let server = Router::new().route("/shop.Orders/Get", post(order)).layer(
        TraceLayer::new()
            .grpc_methods(["shop.Orders/Get"])
            .tracer(orders),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = Endpoint::new(format!("http://{}", listener.local_addr()?))?;
    tokio::spawn(async move { axum::serve(listener, server).await });

    let layer = ClientLayer::new()
        .origin(endpoint.uri().clone())
        .tracer(gateway.clone());
    let channel = layer.layer(endpoint.connect().await?);
    // generated clients take the channel, too: `OrdersClient::new(channel)`
    let mut client = tonic::client::Grpc::new(channel);
    let checkout = SpanBuilder::new("checkout")
        .tracer(&gateway)
        .parent(Incoming::default())
        .start();
    let call = async {
        client.ready().await?;
        let path = http::uri::PathAndQuery::from_static("/shop.Orders/Get");
        let request = tonic::Request::new(Bytes::from_static(b"7"));
        let answer = client.unary(request, path, Raw).await?;
        assert_eq!(answer.into_inner(), "tea");
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    call.in_span(checkout).await?;

    spans.wait(3).await;
    print!("{}", spans.tree());
    Ok(())
}

/// Messages as they are; generated clients have a codec for protobuf.
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
