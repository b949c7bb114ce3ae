//! The outcomes of requests: one row for each, over real sockets of both versions of HTTP.

mod support;

use std::convert::Infallible;
use std::future::{Future, pending};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::error_handling::HandleErrorLayer;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{BoxError, Router};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use hopline_axum::{RouteLayer, TraceLayer};
use hopline_core::export::OwnedValue;
use hopline_core::{FutureExt, span};
use hopline_test_support::http::{BOTH, Version};
use hopline_testing::{assert_tree, tracer};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use support::{integer, layer, one, serve, spans};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tower::{ServiceBuilder, service_fn};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::normalize_path::NormalizePathLayer;
use tower_http::timeout::TimeoutLayer;

/// Reports that a handler was entered.
type Entered = UnboundedSender<()>;

/// The part of a response that the client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    All,
    Head,
    FirstBytes,
    /// Leaves when the handler has begun.
    Nothing,
}

struct Row {
    case: &'static str,
    app: fn(TraceLayer, Entered) -> Router,
    method: Method,
    takes: Takes,
    path: &'static str,
    name: &'static str,
    code: Option<i64>,
    /// `error.type`.
    error_type: Option<&'static str>,
    is_error: bool,
    /// The minimum duration of the span in milliseconds.
    least_ms: u64,
    has: &'static [&'static str],
    has_not: &'static [&'static str],
}

/// A request that succeeds; each row changes a part of it.
fn fine(case: &'static str, app: fn(TraceLayer, Entered) -> Router) -> Row {
    Row {
        case,
        app,
        method: Method::GET,
        takes: Takes::All,
        path: "/",
        name: "GET /",
        code: Some(200),
        error_type: None,
        is_error: false,
        least_ms: 0,
        has: &[],
        has_not: &["hopline.http.stream", "hopline.http.time_to_first_byte"],
    }
}

fn failed(row: Row, error_type: &'static str) -> Row {
    Row {
        error_type: Some(error_type),
        is_error: true,
        ..row
    }
}

fn cancelled(row: Row) -> Row {
    Row {
        error_type: Some("cancelled"),
        ..row
    }
}

const FIRST_BYTE: &[&str] = &["hopline.http.time_to_first_byte"];
const SSE: &[&str] = &["hopline.http.stream", "hopline.http.time_to_first_byte"];

fn rows() -> Vec<Row> {
    vec![
        fine("a body of known length", |layer, _| {
            app(layer, || async { "whole" })
        }),
        fine("an empty body", |layer, _| app(layer, || async {})),
        Row {
            least_ms: 40,
            has: FIRST_BYTE,
            has_not: &["hopline.http.stream"],
            ..fine("a stream of unknown length", |layer, _| {
                app(layer, || async { slow_stream() })
            })
        },
        Row {
            least_ms: 40,
            has: FIRST_BYTE,
            has_not: &[],
            ..fine("a stream of a promised length", |layer, _| {
                app(layer, || async {
                    ([("content-length", "9")], slow_stream())
                })
            })
        },
        Row {
            least_ms: 40,
            has: SSE,
            has_not: &[],
            ..fine("server-sent events to their end", |layer, _| {
                app(layer, || async { events(slow_stream()) })
            })
        },
        cancelled(Row {
            takes: Takes::FirstBytes,
            has: SSE,
            has_not: &[],
            ..fine("server-sent events until the client leaves", |layer, _| {
                app(layer, || async { events(endless()) })
            })
        }),
        Row {
            has: FIRST_BYTE,
            has_not: &[],
            ..fine("trailers", |layer, _| {
                app(layer, || async { with_trailers() })
            })
        },
        Row {
            method: Method::HEAD,
            name: "HEAD /",
            ..fine("HEAD", |layer, _| app(layer, || async { "whole" }))
        },
        Row {
            code: Some(204),
            ..fine("204", |layer, _| {
                app(layer, || async { StatusCode::NO_CONTENT })
            })
        },
        Row {
            code: Some(304),
            ..fine("304", |layer, _| {
                app(layer, || async { StatusCode::NOT_MODIFIED })
            })
        },
        failed(
            Row {
                has: FIRST_BYTE,
                has_not: &[],
                ..fine("a body that fails half way", |layer, _| {
                    app(layer, || async { broken() })
                })
            },
            "body_error",
        ),
        cancelled(Row {
            takes: Takes::Nothing,
            code: None,
            ..fine("a client that leaves before the head", |layer, entered| {
                app(layer, move || never(entered))
            })
        }),
        cancelled(Row {
            takes: Takes::FirstBytes,
            has: FIRST_BYTE,
            has_not: &[],
            ..fine("a client that disconnects in the body", |layer, _| {
                app(layer, || async { endless() })
            })
        }),
        cancelled(Row {
            takes: Takes::Head,
            has_not: &[],
            ..fine("a client that takes the head alone", |layer, _| {
                app(layer, || async { endless() })
            })
        }),
        failed(
            Row {
                code: None,
                ..fine("a handler that panics", |layer, _| app(layer, panics))
            },
            "panic",
        ),
        failed(
            Row {
                code: Some(500),
                ..fine("a panic that is caught inside", |layer, _| {
                    let inner = Router::new().route("/", get(panics));
                    inner.layer(CatchPanicLayer::new()).layer(layer)
                })
            },
            "500",
        ),
        failed(
            Row {
                code: None,
                ..fine("a panic that is caught outside", |layer, _| {
                    app(layer, panics).layer(CatchPanicLayer::new())
                })
            },
            "panic",
        ),
        failed(
            Row {
                code: Some(504),
                least_ms: 30,
                ..fine("a time-out inside", |layer, entered| {
                    let inner = Router::new().route("/", get(move || never(entered)));
                    inner.layer(time_out()).layer(layer)
                })
            },
            "504",
        ),
        cancelled(Row {
            code: None,
            least_ms: 30,
            ..fine("a time-out outside", |layer, entered| {
                app(layer, move || never(entered)).layer(time_out())
            })
        }),
        cancelled(Row {
            code: None,
            least_ms: 30,
            ..fine(
                "a time-out outside, without axum's boxes",
                |layer, entered| {
                    let slow = Router::new().route("/", get(move || never(entered)));
                    let layers = ServiceBuilder::new().layer(time_out()).layer(layer);
                    Router::new().fallback_service(layers.service(slow))
                },
            )
            .renamed("GET")
        }),
        failed(
            Row {
                code: None,
                ..fine("a service that fails instead of answering", |layer, _| {
                    let answers = HandleErrorLayer::new(|_: BoxError| async {
                        StatusCode::INTERNAL_SERVER_ERROR
                    });
                    let fails = service_fn(|_: axum::extract::Request| async {
                        Err::<http::Response<Body>, BoxError>("hunter2".into())
                    });
                    let layers = ServiceBuilder::new().layer(answers).layer(layer);
                    Router::new().route_service("/", layers.service(fails))
                })
            },
            "service_error",
        ),
        fine("compression outside", |layer, _| {
            app(layer, || async { "whole ".repeat(100) }).layer(CompressionLayer::new())
        }),
        Row {
            has_not: &[],
            ..fine("compression and a limit inside", |layer, _| {
                let inner = Router::new().route("/", get(|| async { "whole ".repeat(100) }));
                let inner = inner.layer(RequestBodyLimitLayer::new(10));
                inner.layer(CompressionLayer::new()).layer(layer)
            })
        },
        Row {
            ..fine("a router that is wrapped as a whole", |layer, _| {
                let inner = Router::new().route("/{id}", get(|| async { "whole" }));
                let inner = inner.layer(RouteLayer::new());
                let layers = ServiceBuilder::new().layer(layer);
                let layers = layers.layer(NormalizePathLayer::trim_trailing_slash());
                Router::new().fallback_service(layers.service(inner))
            })
            .at_name()
        },
        failed(
            Row {
                code: None,
                ..fine("a panic behind a late route", |layer, _| {
                    let inner = Router::new().route("/{id}", get(panics));
                    let inner = inner.layer(RouteLayer::new());
                    Router::new()
                        .fallback_service(ServiceBuilder::new().layer(layer).service(inner))
                })
                .at_name()
            },
            "panic",
        ),
        cancelled(Row {
            takes: Takes::Nothing,
            code: None,
            ..fine(
                "a client that leaves behind a late route",
                |layer, entered| {
                    let inner = Router::new().route("/{id}", get(move || never(entered)));
                    let inner = inner.layer(RouteLayer::new());
                    Router::new()
                        .fallback_service(ServiceBuilder::new().layer(layer).service(inner))
                },
            )
            .at_name()
        }),
    ]
}

impl Row {
    fn renamed(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    fn at_name(self) -> Self {
        Self {
            path: "/7",
            ..self.renamed("GET /{id}")
        }
    }
}

fn app<H, F>(layer: TraceLayer, handler: H) -> Router
where
    H: FnOnce() -> F + Clone + Send + Sync + 'static,
    F: Future<Output: IntoResponse> + Send + 'static,
{
    Router::new().route("/", get(handler)).layer(layer)
}

/// Three times three bytes, with 20 milliseconds between.
fn slow_stream() -> Body {
    let parts = stream::iter(0..3).then(|index| async move {
        if index > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok::<_, Infallible>("abc")
    });
    Body::from_stream(parts)
}

fn endless() -> Body {
    Body::from_stream(stream::repeat_with(|| {
        Ok::<_, Infallible>(vec![b'x'; 65_536])
    }))
}

fn broken() -> Body {
    let parts = stream::iter([Ok("half"), Err(std::io::Error::other("hunter2"))]);
    Body::from_stream(parts.then(|part| async {
        tokio::task::yield_now().await;
        part
    }))
}

fn with_trailers() -> Body {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", HeaderValue::from_static("1"));
    let frames = [
        Frame::data(Bytes::from_static(b"whole")),
        Frame::trailers(trailers),
    ];
    Body::new(StreamBody::new(stream::iter(
        frames.map(Ok::<_, Infallible>),
    )))
}

fn events(body: Body) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/event-stream")], body)
}

fn never(entered: Entered) -> impl Future<Output = ()> {
    let _ = entered.send(());
    pending()
}

async fn panics() {
    if true {
        panic!("a handler's bug")
    }
}

fn time_out() -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_millis(30))
}

/// Reads the part of the response that the row names.
async fn call(row: &Row, version: Version, url: String, mut entered: UnboundedReceiver<()>) {
    let call = version.client().request(row.method.clone(), url).send();
    if row.takes == Takes::Nothing {
        tokio::select! {
            _ = call => panic!("{}: it was answered", row.case),
            _ = entered.recv() => return,
        }
    }
    // a panic closes the connection, or the stream
    let Ok(mut answer) = call.await else { return };
    match row.takes {
        Takes::All => drop(answer.bytes().await),
        Takes::FirstBytes => drop(answer.chunk().await.unwrap()),
        Takes::Head | Takes::Nothing => {}
    }
}

async fn check(row: &Row, version: Version) {
    let (tracer, spans) = tracer("orders");
    let (enter, entered) = unbounded_channel();
    let address = serve((row.app)(layer(&tracer), enter)).await;
    let begun = Instant::now();
    call(
        row,
        version,
        format!("http://{address}{}", row.path),
        entered,
    )
    .await;
    let span = one(&spans).await;
    let took = begun.elapsed().as_nanos() as u64;
    let is = format!("{}, {version:?}: {span:#?}", row.case);
    assert_eq!(span.name, row.name, "{is}");
    assert_eq!(
        integer(&span, "http.response.status_code"),
        row.code,
        "{is}"
    );
    assert_eq!(
        (span.text("error.type"), span.is_error()),
        (row.error_type, row.is_error),
        "{is}"
    );
    assert!(!is.contains("hunter2"), "{is}");
    let least = row.least_ms * 1_000_000;
    assert!((least..=took).contains(&span.duration_nanos()), "{is}");
    for key in row.has {
        assert!(span.attribute(key).is_some(), "{key}: {is}");
    }
    for key in row.has_not {
        assert!(span.attribute(key).is_none(), "{key}: {is}");
    }
    if let Some(time) = span.attribute("hopline.http.time_to_first_byte") {
        let OwnedValue::F64(seconds) = time else {
            panic!("a number of seconds: {is}");
        };
        let whole = span.duration_nanos() as f64 / 1e9;
        assert!(*seconds > 0.0 && *seconds <= whole, "{is}");
        let slow = row.least_ms as f64 / 1e3;
        assert!(*seconds <= whole - slow + 0.02, "{is}");
    }
}

#[tokio::test]
async fn every_end_of_a_request_has_one_outcome_in_both_versions() {
    for version in BOTH {
        for row in rows() {
            check(&row, version).await;
        }
    }
}

/// Spans that start while the response's body is made are children of the request.
#[tokio::test]
async fn work_of_a_body_belongs_to_its_request() {
    for version in BOTH {
        let (tracer, all) = tracer("orders");
        let pages = || async {
            let pages = stream::iter(0..2).then(|_| async {
                async { tokio::task::yield_now().await }
                    .in_span(span("page"))
                    .await;
                Ok::<_, Infallible>("page")
            });
            Body::from_stream(pages)
        };
        let address = serve(app(layer(&tracer), pages)).await;
        let answer = version.client().get(format!("http://{address}/")).send();
        answer.await.unwrap().bytes().await.unwrap();
        let seen = spans(&all, 3).await;
        assert_tree(&seen, "GET / ▸ orders  200\n├─ page\n└─ page");
    }
}
