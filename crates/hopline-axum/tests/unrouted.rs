//! A layer that cannot see routes: outside the router, or around a router of another version of axum.

mod support;

use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use hopline_axum::{Axum, HoplineLayer, RouteLayer};
use hopline_core::{Notice, semconv::OlderNames, set_notice_hook};
use hopline_testing::tracer;
use hopline_tower::server::{ResponseBody, TraceService};
use support::spans;
use tokio::net::TcpListener;
use tower::Layer;
use tower::util::MapResponse;

static NOTICES: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn keep(notice: &Notice<'_>) {
    if notice.kind == "route" {
        NOTICES.lock().unwrap().push(notice.message.to_owned());
    }
}

#[tokio::test]
async fn a_layer_that_never_sees_a_route_is_reported_once_with_the_remedy() {
    set_notice_hook(keep);
    let (tracer, all) = tracer("orders");
    let layer = HoplineLayer::new()
        .tracer(tracer)
        .older_names(OlderNames::NONE);
    let routes = || Router::new().route("/orders/{id}", get(|| async { "order" }));
    let notices = || {
        assert!(Notice::flush(Duration::from_secs(20)));
        NOTICES.lock().unwrap().clone()
    };
    let ask = async |address: &str, path: &str| {
        let answer = reqwest::get(format!("http://{address}{path}"))
            .await
            .unwrap();
        answer.text().await.unwrap();
    };

    // inside a router there is a route, and a fallback has none; outside, something inside may fill it in
    let inside = routes().fallback(|| async { "page" }).layer(layer.clone());
    let address = support::serve(inside).await;
    ask(&address, "/orders/7").await;
    ask(&address, "/any").await;
    let address = serve(layer.layer(routes().layer(RouteLayer::new()))).await;
    ask(&address, "/orders/7").await;
    spans(&all, 3).await;
    assert_eq!(notices(), [""; 0]);

    let address = serve(layer.layer(routes())).await;
    ask(&address, "/missing").await;
    spans(&all, 4).await;
    assert_eq!(notices(), [""; 0], "no router has a route for everything");
    for _ in 0..3 {
        ask(&address, "/orders/7").await;
    }
    let seen = spans(&all, 7).await;
    assert_eq!(seen[6].name, "GET");
    let notices = notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    for part in [
        "no route",
        "named by the method alone",
        "cargo tree -d",
        "RouteLayer",
    ] {
        assert!(notices[0].contains(part), "{notices:?}");
    }
}

/// Serves a router with a layer around it as a whole.
async fn serve(service: TraceService<Router, Axum>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let service = MapResponse::new(service, |answer: Response<ResponseBody<Body>>| {
        answer.map(Body::new)
    });
    let service = axum::ServiceExt::<Request>::into_make_service(service);
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}
