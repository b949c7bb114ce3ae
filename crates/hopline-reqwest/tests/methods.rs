//! Methods of request builders that need a feature of reqwest and one of reqwest-middleware, and what a wrapped response
//! can still do.

mod support;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::routing::any;
use hopline_reqwest::{ClientBuilder, ClientWithMiddleware, RequestBuilder, TraceMiddleware};
use hopline_testing::tracer;
use reqwest::multipart::{Form, Part};
use support::outcome::outcome;
use support::{lines, serve, sorted, trace};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};

async fn shown(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> String {
    let body = String::from_utf8_lossy(&body).into_owned();
    format!("{method} {uri} [{body}]\n{}", lines(&headers))
}

fn client(trace: TraceMiddleware) -> ClientWithMiddleware {
    let builder = ClientBuilder::new().configure(|client| client.no_proxy());
    let builder = builder.trace(trace).no_headers_to(["127.0.0.1"]);
    builder.build().unwrap()
}

#[tokio::test]
async fn json_query_form_and_multipart_are_there_with_this_crate_s_features() {
    let url = serve(Router::new().fallback(any(shown))).await;
    let (tracer, _spans) = tracer("gateway");
    let plain = reqwest::Client::builder().no_proxy().build().unwrap();
    type Change = fn(RequestBuilder) -> RequestBuilder;
    let calls: [(Change, &str); 5] = [
        (|call| call.json(&["a", "b"]), "[[\"a\",\"b\"]]"),
        (|call| call.query(&[("a", "b c")]), "POST /?a=b+c []"),
        (|call| call.form(&[("a", "b c")]), "[a=b+c]"),
        (
            |call| call.header("content-type", "text/x").json(&1),
            "content-type: text/x",
        ),
        (
            |call| {
                let part = Part::text("text").file_name("a.txt");
                let form = Form::new().text("key", "value").part("file", part);
                call.multipart(form)
            },
            "multipart/form-data",
        ),
    ];
    for (change, has) in calls {
        // the parts are separated by a random text
        let boundary = |text: String| {
            let line = text.lines().find_map(|line| line.split("boundary=").nth(1));
            match line.map(str::to_owned) {
                Some(boundary) => text.replace(&boundary, "BOUNDARY"),
                None => text,
            }
        };
        let theirs =
            boundary(outcome(change(ClientWithMiddleware::from(plain.clone()).post(&url))).await);
        let ours = boundary(outcome(change(client(trace(&tracer)).post(&url))).await);
        assert!(theirs.contains(has), "{theirs}");
        assert_eq!(sorted(&ours), sorted(&theirs));
    }
}

#[tokio::test]
async fn a_connection_is_upgraded_also_where_the_span_is_in_the_body() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let mut connection = BufStream::new(listener.accept().await.unwrap().0);
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                connection.read_line(&mut line).await.unwrap();
            }
            let head =
                b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
            connection.write_all(head).await.unwrap();
            connection.flush().await.unwrap();
            let mut asked = [0; 4];
            connection.read_exact(&mut asked).await.unwrap();
            connection.write_all(&asked).await.unwrap();
            connection.flush().await.unwrap();
        }
    });
    let (tracer, spans) = tracer("gateway");
    for trace in [trace(&tracer), trace(&tracer).until_body_end()] {
        let call = client(trace).get(&url).header("upgrade", "echo");
        let response = call.header("connection", "upgrade").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        let mut io = response.upgrade().await.unwrap();
        io.write_all(b"ping").await.unwrap();
        let mut answer = [0; 4];
        io.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"ping");
        spans.one("GET").succeeded();
        spans.take();
    }
}
