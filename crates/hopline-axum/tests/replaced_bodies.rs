//! Bodies that a layer outside replaces, over real sockets.

mod support;

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use futures_util::stream;
use hopline_testing::tracer;
use support::{integer, layer, serve, spans};

/// A layer outside that answers with a body of its own, as pages for errors and comparisons of ETags do.
async fn with_other_body(request: Request, next: middleware::Next) -> Response {
    let answer = next.run(request).await;
    let (parts, _) = answer.into_parts();
    Response::from_parts(parts, Body::from("a page"))
}

#[tokio::test]
async fn a_body_that_a_layer_outside_replaces_is_not_cancelled() {
    let (tracer, all) = tracer("orders");
    let streamed = || async {
        let chunks = stream::iter(["a", "b"].map(Ok::<_, Infallible>));
        Body::from_stream(chunks)
    };
    let app = Router::new()
        .route("/text", get(|| async { "a text" }))
        .route("/stream", get(streamed))
        .route(
            "/error",
            get(|| async { StatusCode::NOT_FOUND.into_response() }),
        )
        .layer(layer(&tracer))
        .layer(middleware::from_fn(with_other_body));
    let address = serve(app).await;
    for path in ["text", "stream", "error"] {
        let answer = reqwest::get(format!("http://{address}/{path}"))
            .await
            .unwrap();
        assert_eq!(answer.text().await.unwrap(), "a page");
    }
    for span in spans(&all, 3).await {
        assert_eq!(
            (span.text("error.type"), span.is_error()),
            (None, false),
            "{}",
            span.name
        );
        assert!(integer(&span, "http.response.status_code").is_some());
    }
}
