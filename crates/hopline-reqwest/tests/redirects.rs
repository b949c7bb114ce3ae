//! Redirects in sight of the middleware: methods, bodies, credentials and trace headers, hop by hop.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::routing::any;
use hopline_core::{Baggage, Context, FutureExt};
use hopline_reqwest::redirect::Policy;
use hopline_reqwest::{ClientBuilder, UrlTemplate};
use hopline_test_support::http::{BOTH, Version};
use hopline_testing::{Spans, tracer};
use reqwest_middleware::ClientWithMiddleware;
use support::{lines, serve, sorted, trace};

/// Nothing here takes longer, unless it is broken.
const LONG: Duration = Duration::from_secs(20);

/// `/to/{code}/{rest}` redirects to the rest with this code; other paths echo the request.
fn app() -> Router {
    let to = |Path((code, rest)): Path<(u16, String)>, uri: Uri| async move {
        let query = uri
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let location = match rest.split_once("at/") {
            Some(("", place)) => format!("http://{place}{query}"),
            _ => format!("/{rest}{query}"),
        };
        (
            StatusCode::from_u16(code).unwrap(),
            [("location", location)],
        )
    };
    let loops = || async { (StatusCode::FOUND, [("location", "/loop")]) };
    let gopher = || async { (StatusCode::FOUND, [("location", "gopher://h/")]) };
    let shown = |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| async move {
        let body = String::from_utf8_lossy(&body).into_owned();
        format!("{method} {uri} [{body}]\n{}", lines(&headers))
    };
    Router::new()
        .route("/to/{code}/{*rest}", any(to))
        .route("/loop", any(loops))
        .route("/gopher", any(gopher))
        .fallback(shown)
}

/// A client that knows `shop.example` and `other.example` to be at the server's address.
fn client(
    version: Version,
    url: &str,
    change: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> ClientWithMiddleware {
    let address: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
    let builder = ClientBuilder::new().configure(|client| {
        let client = version.configure(client);
        client
            .resolve("shop.example", address)
            .resolve("other.example", address)
    });
    change(builder).build().unwrap()
}

fn counts(spans: &Spans) -> Vec<(String, i64, Option<i64>)> {
    let spans = spans.take();
    let shown = |span: &hopline_core::export::SpanData| {
        let integer = |key| span.attribute(key).and_then(|value| value.as_i64());
        (
            span.name.clone(),
            integer("http.response.status_code").unwrap(),
            integer("http.request.resend_count"),
        )
    };
    spans.iter().map(shown).collect()
}

#[tokio::test]
async fn each_hop_is_a_span() {
    for version in BOTH {
        let url = serve(app()).await;
        let (tracer, spans) = tracer("gateway");
        let client = client(version, &url, |builder| builder.trace(trace(&tracer)));
        let call = client
            .get(format!("{url}/to/302/to/307/end"))
            .with_extension(UrlTemplate("/to/{code}/{rest}"));
        let answer = call.send().await.unwrap();
        assert_eq!(answer.url().path(), "/end");
        assert!(answer.text().await.unwrap().contains("/end []\n"));
        assert_eq!(
            counts(&spans),
            [
                ("GET /to/{code}/{rest}".to_owned(), 302, None),
                ("GET".to_owned(), 307, Some(1)),
                ("GET".to_owned(), 200, Some(2)),
            ]
        );
    }
}

/// The same as a client of reqwest that follows by itself, request by request.
#[tokio::test]
async fn methods_bodies_and_headers_are_as_reqwest_has_them() {
    let url = serve(app()).await;
    let (tracer, _spans) = tracer("gateway");
    let address: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
    let plain = Version::Http1
        .configure(reqwest::Client::builder())
        .resolve("shop.example", address)
        .resolve("other.example", address)
        .build()
        .unwrap();
    let ours = client(Version::Http1, &url, |builder| {
        builder.trace(trace(&tracer)).no_headers_to(["*.example"])
    });
    let shop = url.replacen("127.0.0.1", "shop.example", 1);
    let port = address.port();
    for code in [301, 302, 303, 307, 308, 300, 304] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::HEAD] {
            for path in [
                format!("to/{code}/end?token=1"),
                format!("to/{code}/to/308/end"),
                format!("to/{code}/at/other.example:{port}/end"),
                format!("to/{code}/at/u:p@shop.example:{port}/end"),
            ] {
                let path = format!("{shop}/{path}");
                let theirs = plain.request(method.clone(), &path);
                let own = ours.request(method.clone(), &path);
                let theirs = theirs
                    .header("authorization", "Basic a")
                    .header("cookie", "a=b")
                    .header("content-type", "text/x")
                    .header("x-own", "1")
                    .body("text");
                let own = own
                    .header("authorization", "Basic a")
                    .header("cookie", "a=b")
                    .header("content-type", "text/x")
                    .header("x-own", "1")
                    .body("text");
                let (theirs, own) = (theirs.send().await.unwrap(), own.send().await.unwrap());
                let case = format!("{method} {path}");
                assert_eq!(
                    (own.status(), own.url()),
                    (theirs.status(), theirs.url()),
                    "{case}"
                );
                let (own, theirs) = (own.text().await.unwrap(), theirs.text().await.unwrap());
                assert_eq!(sorted(&own), sorted(&theirs), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn trace_headers_are_decided_anew_for_each_host() {
    let url = serve(app()).await;
    let (tracer, spans) = tracer("gateway");
    let port = url.rsplit_once(':').unwrap().1;
    let context =
        Context::EMPTY.with_baggage(Baggage::default().with("tenant_id", "acme").unwrap());
    let sent = async |host: &str, denied: &[&'static str]| {
        let client = client(Version::Http1, &url, |builder| {
            let builder = builder.trace(trace(&tracer));
            builder.no_headers_to(denied.iter().copied())
        });
        let call = client.get(format!("{url}/to/302/at/{host}:{port}/end"));
        let answer = call.send().in_context(context.clone()).await.unwrap();
        answer.text().await.unwrap()
    };
    let own = sent("127.0.0.1", &[]).await;
    assert!(own.contains("baggage: tenant_id=acme\n"), "{own}");
    spans.take();
    let foreign = sent("other.example", &[]).await;
    assert!(
        foreign.contains("traceparent: ") && !foreign.contains("baggage"),
        "{foreign}"
    );
    let last = spans.take().pop().unwrap();
    assert!(
        foreign.contains(&last.span_id.to_string()),
        "the hop's own id"
    );
    let denied = sent("other.example", &["other.example"]).await;
    assert!(
        !denied.contains("trace") && !denied.contains("baggage"),
        "{denied}"
    );
}

#[tokio::test]
async fn a_redirect_that_is_refused_is_the_failure_of_its_hop() {
    let url = serve(app()).await;
    let (tracer, spans) = tracer("gateway");
    let ours = client(Version::Http1, &url, |builder| {
        builder.trace(trace(&tracer))
    });
    let error = ours.get(format!("{url}/loop")).send().await.unwrap_err();
    assert!(error.is_redirect(), "{error:?}");
    let hops = spans.take();
    assert_eq!(hops.len(), 11);
    assert_eq!(hops[10].text("error.type"), Some("redirect"));
    let error = ours.get(format!("{url}/gopher")).send().await.unwrap_err();
    assert!(error.is_builder(), "{error:?}");
    assert_eq!(spans.take()[0].text("error.type"), Some("builder"));
}

/// A time-out for each hop would never end this loop: it ends by the number of hops then.
#[tokio::test]
async fn a_time_out_is_one_for_all_hops() {
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(40)).await;
        (StatusCode::FOUND, [("location", "/slow")])
    };
    let url = serve(Router::new().route("/slow", any(slow))).await;
    let (tracer, spans) = tracer("gateway");
    let (short, none) = (Some(Duration::from_millis(100)), None);
    for (of_client, of_request) in [(none, short), (short, none), (Some(LONG), short)] {
        let mut client = ClientBuilder::new()
            .configure(|client| client.no_proxy())
            .trace(trace(&tracer));
        if let Some(timeout) = of_client {
            client = client.timeout(timeout);
        }
        let mut call = client.build().unwrap().get(format!("{url}/slow"));
        if let Some(timeout) = of_request {
            call = call.timeout(timeout);
        }
        let error = call.send().await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        let spans = spans.take();
        assert_eq!(spans.last().unwrap().text("error.type"), Some("timeout"));
    }
}

#[tokio::test]
async fn a_call_that_follows_nothing_has_its_time_out_too() {
    let hangs = || std::future::pending::<()>();
    let url = serve(Router::new().route("/hangs", any(hangs))).await;
    let (tracer, _spans) = tracer("gateway");
    let client = ClientBuilder::new()
        .configure(|client| client.no_proxy())
        .trace(trace(&tracer))
        .redirect(Policy::none())
        .timeout(Duration::from_millis(50));
    let call = client.build().unwrap().get(format!("{url}/hangs"));
    let error = tokio::time::timeout(LONG, call.send()).await.unwrap();
    assert!(error.unwrap_err().is_timeout());
}

#[tokio::test]
async fn a_retry_repeats_the_call_with_all_its_hops() {
    let url = serve(app()).await;
    let (tracer, spans) = tracer("gateway");
    let policy = reqwest_retry::policies::ExponentialBackoff::builder()
        .retry_bounds(Duration::from_millis(1), Duration::from_millis(2))
        .build_with_max_retries(1);
    let client = ClientBuilder::new()
        .configure(|client| client.no_proxy())
        .with(reqwest_retry::RetryTransientMiddleware::new_with_policy(
            policy,
        ))
        .trace(trace(&tracer))
        .build()
        .unwrap();
    let answer = client
        .get(format!("{url}/to/302/to/503/end"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 503);
    let get = || "GET".to_owned();
    assert_eq!(
        counts(&spans),
        [
            (get(), 302, None),
            (get(), 503, Some(1)),
            (get(), 302, Some(2)),
            (get(), 503, Some(3))
        ]
    );
}
