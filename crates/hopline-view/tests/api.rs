//! The page's routes: hosts, headers, answers, the live stream.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use futures_util::StreamExt as _;
use hopline_core::export::{OwnedValue, SpanData, StatusData};
use hopline_core::{SpanId, SpanKind, TraceId};
use hopline_view::{View, ViewLimits};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

fn id(number: u128) -> TraceId {
    TraceId::from_u128(number).unwrap()
}

fn span(trace: u128, number: u64, parent: Option<u64>, name: &str) -> SpanData {
    let mut span = SpanData::new(name, id(trace), SpanId::from_u64(number).unwrap());
    span.parent = parent.and_then(SpanId::from_u64);
    (span.start_unix_nanos, span.end_unix_nanos) = (1_000_000 * number, 100_000_000 - number);
    span
}

/// Two traces, one failed.
fn filled() -> View {
    let view = View::new();
    let mut query = span(1, 2, Some(1), "db.query");
    query
        .attributes
        .push(("db.query.text".into(), "SELECT * FROM orders".into()));
    let mut failed = span(2, 1, None, "POST /pay");
    failed.status = StatusData::Error {
        message: "declined <b>".into(),
    };
    view.add(
        &[
            span(1, 1, None, "GET /orders"),
            query,
            failed,
            span(2, 3, Some(77), "lost"),
        ],
        &[],
    );
    view
}

fn request(method: Method, path: &str, host: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(format!("/_trace{path}"))
        .header(header::HOST, host)
        .body(Body::empty())
        .unwrap()
}

async fn get(app: &Router, path: &str) -> Response<Body> {
    app.clone()
        .oneshot(request(Method::GET, path, "localhost:3000"))
        .await
        .unwrap()
}

async fn json(response: Response<Body>) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

async fn answer(app: &Router, path: &str) -> Value {
    let response = get(app, path).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    json(response).await
}

#[tokio::test]
async fn a_foreign_host_is_refused_everywhere() {
    let app: Router = filled().router();
    for host in [
        "evil.example",
        "localhost.evil.example",
        "192.168.1.7",
        "",
        "127.0.0.1.nip.io",
        "user@localhost@evil",
    ] {
        for path in [
            "/",
            "/api/traces",
            "/api/live",
            "/t/00000000000000000000000000000001",
            "/index.html",
        ] {
            let response = app
                .clone()
                .oneshot(request(Method::GET, path, host))
                .await
                .unwrap();
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{host} {path}");
        }
    }
    for host in [
        "localhost",
        "localhost:1",
        "shop.localhost:3000",
        "127.0.0.1:3000",
        "[::1]:3000",
        "127.9.9.9",
    ] {
        let response = app
            .clone()
            .oneshot(request(Method::GET, "/api/info", host))
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{host}");
    }
    let app: Router = filled().router_for(&["shop.test".to_owned()]);
    let response = app
        .oneshot(request(Method::GET, "/api/info", "shop.test:3000"))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn each_answer_has_the_headers_that_keep_it_safe() {
    let app: Router = filled().router();
    for path in ["/", "/api/info", "/nothing", "/api/traces?q=is:what"] {
        let response = get(&app, path).await;
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"));
        assert_eq!(
            response.headers()[header::X_CONTENT_TYPE_OPTIONS],
            "nosniff"
        );
        assert!(
            !response
                .headers()
                .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        );
    }
}

#[tokio::test]
async fn the_document_has_its_base_and_is_known_by_its_tag() {
    let app: Router = filled().router();
    let response = get(&app, "/t/00000000000000000000000000000001").await;
    let tag = response.headers()[header::ETAG].clone();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("<base href=\"/_trace/\">"));
    let mut again = request(Method::GET, "/", "localhost");
    again.headers_mut().insert(header::IF_NONE_MATCH, tag);
    assert_eq!(
        app.clone().oneshot(again).await.unwrap().status(),
        StatusCode::NOT_MODIFIED
    );
    assert_eq!(
        get(&app, "/nothing.js").await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_change_needs_the_own_header_and_the_own_origin() {
    let view = filled();
    let app: Router = view.router();
    let clear = |own: bool, origin: Option<&str>| {
        let mut request = request(Method::DELETE, "/api/traces", "localhost:3000");
        if own {
            request
                .headers_mut()
                .insert("x-hopline-view", "1".parse().unwrap());
        }
        if let Some(origin) = origin {
            request
                .headers_mut()
                .insert(header::ORIGIN, origin.parse().unwrap());
        }
        app.clone().oneshot(request)
    };
    for (own, origin) in [
        (false, None),
        (true, Some("http://evil.example")),
        (true, Some("http://localhost:9")),
        (true, Some("null")),
    ] {
        assert_eq!(
            clear(own, origin).await.unwrap().status(),
            StatusCode::FORBIDDEN,
            "{own} {origin:?}"
        );
    }
    assert_eq!(view.counts().traces, 2);
    assert_eq!(
        clear(true, Some("http://localhost:3000"))
            .await
            .unwrap()
            .status(),
        StatusCode::NO_CONTENT
    );
    assert_eq!(view.counts().traces, 0);
}

#[tokio::test]
async fn lists_filter_and_sort() {
    let app: Router = filled().router();
    let all = answer(&app, "/api/traces").await;
    assert_eq!(
        (&all["total"], &all["matched"]),
        (&Value::from(2), &Value::from(2))
    );
    let failed = answer(&app, "/api/traces?q=status:error").await;
    assert_eq!(failed["traces"][0]["name"], "POST /pay");
    assert_eq!(failed["traces"][0]["incomplete"], true);
    for (query, matched) in [
        ("select", 1),
        ("-select", 1),
        ("%3E98ms", 2),
        ("%3E1s", 0),
        ("db.query.text:*orders", 1),
        ("is:incomplete", 1),
        ("00000000000000000000000000000001", 1),
    ] {
        assert_eq!(
            answer(&app, &format!("/api/traces?q={query}")).await["matched"],
            matched,
            "{query}"
        );
    }
    let bad = get(&app, "/api/traces?q=a%20is:what").await;
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
    let bad = json(bad).await;
    assert_eq!(
        (&bad["error"]["code"], &bad["error"]["at"]),
        (&Value::from("bad_query"), &Value::from(2))
    );
    assert_eq!(
        answer(&app, "/api/scatter").await["points"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn a_trace_is_shown_in_tree_order_with_its_marks() {
    let app: Router = filled().router();
    let trace = answer(&app, "/api/traces/00000000000000000000000000000001").await;
    assert_eq!(trace["spans"][0]["below"], 1);
    assert_eq!(
        (&trace["spans"][1]["parent"], &trace["spans"][1]["depth"]),
        (&Value::from(0), &Value::from(1))
    );
    let path = trace["criticalPath"].as_array().unwrap();
    assert_eq!(
        (&path[0][1], &path[path.len() - 1][2]),
        (&Value::from(0), &trace["summary"]["duration"])
    );
    let other = answer(&app, "/api/traces/00000000000000000000000000000002").await;
    assert_eq!(other["spans"][1]["missingParent"], "000000000000004d");
    assert_eq!(other["spans"][0]["errorText"], "declined <b>");
    let span = answer(
        &app,
        "/api/traces/00000000000000000000000000000001/spans/0000000000000002",
    )
    .await;
    assert_eq!(span["sql"], "SELECT * FROM orders");
    let found = answer(
        &app,
        "/api/traces/00000000000000000000000000000001/search?q=FROM",
    )
    .await;
    assert_eq!(found["rows"], serde_json::json!([1]));
    for path in [
        "/api/traces/xyz",
        "/api/traces/00000000000000000000000000000001/spans/zz",
    ] {
        assert_eq!(get(&app, path).await.status(), StatusCode::BAD_REQUEST);
    }
    assert_eq!(
        get(&app, "/api/traces/00000000000000000000000000000009")
            .await
            .status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn maps_services_comparison_and_reasons_answer() {
    let app: Router = filled().router();
    let map = answer(&app, "/api/map").await;
    assert_eq!(map["nodes"][0]["name"], "unknown_service");
    assert!(answer(&app, "/api/services?window=60").await["services"].is_array());
    let a = "00000000000000000000000000000001";
    let same = answer(&app, &format!("/api/diff?a={a}&b={a}")).await;
    assert_eq!(
        (
            &same["counts"]["same"],
            same["rows"].as_array().unwrap().len()
        ),
        (&Value::from(2), 2)
    );
    assert_eq!(
        get(&app, "/api/diff?a=1").await.status(),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(answer(&app, "/api/why").await["traces"], 1);
}

#[tokio::test]
async fn what_is_exported_is_imported_again() {
    let view = filled();
    let app: Router = view.router();
    let file = get(
        &app,
        "/api/traces/00000000000000000000000000000002/otlp.json",
    )
    .await;
    assert!(
        file.headers()[header::CONTENT_DISPOSITION]
            .to_str()
            .unwrap()
            .starts_with("attachment")
    );
    let body = file.into_body();
    let other = View::new();
    let mut import = request(Method::POST, "/api/import", "localhost");
    import
        .headers_mut()
        .insert("x-hopline-view", "1".parse().unwrap());
    *import.body_mut() = body;
    let imported = other.router::<()>().oneshot(import).await.unwrap();
    assert_eq!(json(imported).await["spans"], 2);
    assert_eq!(other.spans(id(2)), view.spans(id(2)));
    let events = answer(
        &app,
        "/api/traces/00000000000000000000000000000001/perfetto.json",
    )
    .await;
    assert_eq!(events["traceEvents"].as_array().unwrap().len(), 5);
}

/// Reads events until the one of this name; gives its id and data.
async fn event(
    body: &mut axum::body::BodyDataStream,
    text: &mut String,
    name: &str,
) -> (String, Value) {
    loop {
        while let Some(end) = text.find("\n\n") {
            let event: String = text.drain(..end + 2).collect();
            let field = |field: &str| {
                let lines = event.lines().filter_map(|line| line.strip_prefix(field));
                lines.collect::<String>()
            };
            if field("event: ") == name {
                return (
                    field("id: "),
                    serde_json::from_str(&field("data: ")).unwrap(),
                );
            }
        }
        text.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
    }
}

#[tokio::test]
async fn a_stream_resumes_after_the_last_event() {
    let view = View::with_limits(ViewLimits::default().traces(2));
    let app: Router = view.router();
    let mut stream = get(&app, "/api/live").await.into_body().into_data_stream();
    let mut text = String::new();
    event(&mut stream, &mut text, "stats").await;
    view.add(&[span(1, 1, None, "first")], &[]);
    let (last, data) = event(&mut stream, &mut text, "trace").await;
    assert_eq!(data["name"], "first");
    drop(stream);

    view.add(&[span(2, 1, None, "second")], &[]);
    view.add(&[span(3, 1, None, "third")], &[]);
    let mut again = request(Method::GET, "/api/live", "localhost");
    again
        .headers_mut()
        .insert("last-event-id", last.parse().unwrap());
    let mut stream = app
        .clone()
        .oneshot(again)
        .await
        .unwrap()
        .into_body()
        .into_data_stream();
    let mut text = String::new();
    let (_, gone) = event(&mut stream, &mut text, "gone").await;
    assert_eq!(gone["ids"][0], id(1).to_string());
    assert_eq!(
        event(&mut stream, &mut text, "trace").await.1["name"],
        "second"
    );
    assert_eq!(
        event(&mut stream, &mut text, "trace").await.1["name"],
        "third"
    );

    for unknown in ["other-1", "nonsense", &format!("{last}99")] {
        let path = format!("/api/live?last={unknown}");
        let mut stream = get(&app, &path).await.into_body().into_data_stream();
        event(&mut stream, &mut String::new(), "reset").await;
    }
}

#[tokio::test]
async fn a_stream_shows_what_matches_only() {
    let view = View::new();
    let app: Router = view.router();
    let mut stream = get(&app, "/api/live?q=orders")
        .await
        .into_body()
        .into_data_stream();
    let mut text = String::new();
    event(&mut stream, &mut text, "stats").await;
    view.add(
        &[span(1, 1, None, "other"), span(2, 1, None, "orders")],
        &[],
    );
    assert_eq!(
        event(&mut stream, &mut text, "trace").await.1["name"],
        "orders"
    );
    assert_eq!(
        get(&app, "/api/live?q=is:what").await.status(),
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn the_number_of_streams_is_bounded_and_given_back() {
    let app: Router = View::new().router();
    let mut streams = Vec::new();
    for _ in 0..64 {
        streams.push(get(&app, "/api/live").await);
    }
    assert_eq!(
        get(&app, "/api/live").await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    streams.pop();
    assert_eq!(get(&app, "/api/live").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_deep_a_wide_and_a_circular_trace_are_answered() {
    let view = View::new();
    let deep = (1..=5_000).map(|number| {
        span(
            1,
            number,
            Some(number - 1).filter(|parent| *parent > 0),
            "deep",
        )
    });
    let wide = (1..=5_000).map(|number| span(2, number, (number > 1).then_some(1), "wide"));
    let circle = [span(3, 1, Some(2), "a"), span(3, 2, Some(1), "b")];
    view.add(&deep.chain(wide).chain(circle).collect::<Vec<_>>(), &[]);
    let app: Router = view.router();
    for (trace, spans) in [(1, 5_000), (2, 5_000), (3, 2)] {
        let trace = answer(&app, &format!("/api/traces/{}", id(trace))).await;
        assert_eq!(trace["spans"].as_array().unwrap().len(), spans);
        assert_eq!(trace["spans"][0]["below"], spans - 1);
    }
    let circle = answer(&app, &format!("/api/traces/{}", id(3))).await;
    assert_eq!(circle["spans"][0]["cycle"], true);
}

#[tokio::test]
async fn large_integers_are_text() {
    let view = View::new();
    let mut large = span(1, 1, None, "x");
    large
        .attributes
        .push(("n".into(), OwnedValue::I64(i64::MAX)));
    large.attributes.push(("m".into(), OwnedValue::I64(7)));
    view.add(&[large], &[]);
    let span = answer(
        &view.router(),
        &format!("/api/traces/{}/spans/0000000000000001", id(1)),
    )
    .await;
    assert_eq!(
        span["attributes"],
        serde_json::json!([["n", i64::MAX.to_string()], ["m", 7]])
    );
}

#[tokio::test]
async fn a_server_whose_clock_differs_is_offered_a_shift_and_keeps_its_times() {
    let view = View::new();
    let mut call = span(1, 1, None, "POST");
    call.kind = SpanKind::Client;
    (call.start_unix_nanos, call.end_unix_nanos) = (1_000, 1_100);
    let mut served = span(1, 2, Some(1), "POST /orders");
    served.kind = SpanKind::Server;
    served.parent_is_remote = true;
    // 700 ns behind, 40 ns long: its place is the middle of the call
    (served.start_unix_nanos, served.end_unix_nanos) = (300, 340);
    view.add(&[call, served], &[]);
    let trace = answer(&view.router(), &format!("/api/traces/{}", id(1))).await;
    let row = |name: &str| {
        let rows = trace["spans"].as_array().unwrap();
        rows.iter().position(|row| row["name"] == name).unwrap()
    };
    let served = row("POST /orders");
    assert_eq!(trace["align"], serde_json::json!([[served, 730]]));
    assert_eq!(trace["spans"][served]["start"], 0);
    assert_eq!(trace["spans"][row("POST")]["start"], 700);
}
