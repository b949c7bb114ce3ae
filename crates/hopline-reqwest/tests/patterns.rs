//! The usage patterns of reqwest's own documentation and examples, with a client of `ClientBuilder` in the place of
//! `reqwest::Client`: each compiles, runs against a real server, and is one span.
//!
//! Making requests, response bodies (text, JSON, bytes, chunks, stream), POST of text, forms, JSON and multipart,
//! uploads of a stream, headers, authentication, query, `error_for_status`, cookies, time-outs, redirect policies, default
//! headers and agent, requests that are built first, cloned or sent later, shared clients, tower's `Service`.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::any;
use futures_util::{TryStreamExt, stream};
use hopline_reqwest::redirect::Policy;
use hopline_reqwest::{ClientBuilder, ClientWithMiddleware, TraceMiddleware};
use hopline_testing::tracer;
use reqwest::{Method, Request, Url, header, multipart};
use tower_service::Service;

type Outcome = Result<String, Box<dyn Error>>;

async fn answer(uri: Uri, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let status = match uri.path() {
        "/404" => StatusCode::NOT_FOUND,
        _ => StatusCode::OK,
    };
    let names = [
        "authorization",
        "content-type",
        "cookie",
        "user-agent",
        "x-own",
    ];
    let seen = names.map(|name| {
        headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    });
    let body = String::from_utf8_lossy(&body).into_owned();
    (
        status,
        serde_json::json!([uri.to_string(), seen, body]).to_string(),
    )
}

struct Shop {
    url: String,
    client: ClientWithMiddleware,
}

impl Shop {
    async fn making_a_request(&self) -> Outcome {
        Ok(self.client.get(&self.url).send().await?.text().await?)
    }

    async fn reading_json(&self) -> Outcome {
        let (uri, seen, body): (String, Vec<String>, String) =
            self.client.get(&self.url).send().await?.json().await?;
        Ok(format!("{uri} {seen:?} {body}"))
    }

    async fn reading_bytes(&self) -> Outcome {
        let bytes = self.client.get(&self.url).send().await?.bytes().await?;
        Ok(String::from_utf8(bytes.to_vec())?)
    }

    async fn reading_chunks(&self) -> Outcome {
        let mut response = self.client.get(&self.url).send().await?;
        let mut all = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(String::from_utf8(all)?)
    }

    async fn reading_a_stream(&self) -> Outcome {
        let stream = self.client.get(&self.url).send().await?.bytes_stream();
        let all: Vec<_> = stream.try_collect().await?;
        Ok(String::from_utf8(all.concat())?)
    }

    async fn posting_text(&self) -> Outcome {
        let call = self
            .client
            .post(&self.url)
            .body("the exact body that is sent");
        Ok(call.send().await?.text().await?)
    }

    async fn posting_a_form(&self) -> Outcome {
        let call = self
            .client
            .post(&self.url)
            .form(&[("foo", "bar"), ("baz", "quux")]);
        Ok(call.send().await?.text().await?)
    }

    async fn posting_json(&self) -> Outcome {
        let map = HashMap::from([("lang", "rust")]);
        let call = self.client.post(&self.url).json(&map);
        Ok(call.send().await?.text().await?)
    }

    async fn posting_parts(&self) -> Outcome {
        let form = multipart::Form::new().text("username", "seanmonstar");
        let form = form.part(
            "file",
            multipart::Part::bytes(vec![b'a']).file_name("a.txt"),
        );
        Ok(self
            .client
            .post(&self.url)
            .multipart(form)
            .send()
            .await?
            .text()
            .await?)
    }

    async fn uploading_a_stream(&self) -> Outcome {
        let chunks = stream::iter(["hello", " world"].map(Ok::<_, std::io::Error>));
        let body = reqwest::Body::wrap_stream(chunks);
        Ok(self
            .client
            .put(&self.url)
            .body(body)
            .send()
            .await?
            .text()
            .await?)
    }

    async fn setting_headers(&self) -> Outcome {
        let mut headers = HeaderMap::new();
        headers.insert("x-own", "1".parse()?);
        let call = self
            .client
            .get(&self.url)
            .headers(headers)
            .header(header::COOKIE, "a=b");
        Ok(call.send().await?.text().await?)
    }

    async fn authenticating(&self) -> Outcome {
        let call = self
            .client
            .delete(&self.url)
            .basic_auth("admin", Some("good password"));
        let basic = call.send().await?.text().await?;
        let none = self.client.get(&self.url).basic_auth("admin", None::<&str>);
        drop(none);
        Ok(basic)
    }

    async fn adding_a_query(&self) -> Outcome {
        let call = self.client.get(&self.url).query(&[("lang", "rust")]);
        Ok(call
            .query(&[("browser", "servo")])
            .send()
            .await?
            .text()
            .await?)
    }

    async fn a_status_as_an_error(&self) -> Outcome {
        let response = self.client.get(format!("{}404", self.url)).send().await?;
        match response.error_for_status() {
            Ok(_) => Err("no error".into()),
            Err(error) => Ok(format!("{:?}", error.status())),
        }
    }

    async fn a_time_out_of_its_own(&self) -> Outcome {
        let call = self.client.get(&self.url).timeout(Duration::from_secs(60));
        Ok(call.send().await?.text().await?)
    }

    async fn building_first(&self) -> Outcome {
        let request = self
            .client
            .request(Method::PATCH, &self.url)
            .body("later")
            .build()?;
        Ok(self.client.execute(request).await?.text().await?)
    }

    async fn a_request_by_hand(&self) -> Outcome {
        let mut request = Request::new(Method::GET, Url::parse(&self.url)?);
        request.headers_mut().insert("x-own", "2".parse()?);
        Ok(self.client.execute(request).await?.text().await?)
    }

    async fn cloning_a_request(&self) -> Outcome {
        let call = self.client.post(&self.url).body("from a &str");
        let clone = call.try_clone().ok_or("a stream")?;
        drop(call);
        Ok(clone.send().await?.text().await?)
    }

    async fn a_head(&self) -> Outcome {
        let response = self.client.head(&self.url).send().await?;
        Ok(format!(
            "{} {:?}",
            response.status(),
            response.content_length()
        ))
    }

    async fn a_client_shared_by_tasks(&self) -> Outcome {
        let client = Arc::new(self.client.clone());
        let url = self.url.clone();
        let task = tokio::spawn(async move {
            client
                .get(url)
                .send()
                .await?
                .text()
                .await
                .map_err(hopline_reqwest::Error::from)
        });
        Ok(task.await??)
    }

    async fn a_tower_service(&self) -> Outcome {
        let mut client = self.client.clone();
        std::future::poll_fn(|cx| Service::<Request>::poll_ready(&mut client, cx)).await?;
        let request = Request::new(Method::GET, Url::parse(&self.url)?);
        Ok(client.call(request).await?.text().await?)
    }
}

#[tokio::test]
async fn every_pattern_of_reqwest_s_guides_is_a_span() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(any(answer))).await });
    let (tracer, spans) = tracer("shop");
    let mut defaults = HeaderMap::new();
    defaults.insert("x-own", header::HeaderValue::from_static("0"));
    let client = ClientBuilder::new()
        .configure(|client| {
            let client = client.no_proxy().user_agent("shop/1").cookie_store(true);
            client
                .connect_timeout(Duration::from_secs(60))
                .pool_max_idle_per_host(4)
        })
        .default_headers(defaults)
        .redirect(Policy::limited(3))
        .timeout(Duration::from_secs(60))
        .trace(TraceMiddleware::new().tracer(tracer))
        .build()
        .unwrap();
    let shop = Shop { url, client };
    macro_rules! rows {
        ($($pattern:ident: $has:literal,)*) => {$(
            let text = shop.$pattern().await.unwrap();
            assert!(text.contains($has), "{}: {text}", stringify!($pattern));
            assert_eq!(spans.take().len(), 1, "{}", stringify!($pattern));
        )*};
    }
    rows! {
        making_a_request: "shop/1",
        reading_json: "shop/1",
        reading_bytes: "shop/1",
        reading_chunks: "shop/1",
        reading_a_stream: "shop/1",
        posting_text: "the exact body that is sent",
        posting_a_form: "foo=bar&baz=quux",
        posting_json: "lang",
        posting_parts: "multipart/form-data",
        uploading_a_stream: "hello world",
        setting_headers: "a=b",
        authenticating: "Basic YWRtaW46Z29vZCBwYXNzd29yZA==",
        adding_a_query: "/?lang=rust&browser=servo",
        a_status_as_an_error: "404",
        a_time_out_of_its_own: "shop/1",
        building_first: "later",
        a_request_by_hand: "\"2\"",
        cloning_a_request: "from a &str",
        a_head: "200 OK",
        a_client_shared_by_tasks: "shop/1",
        a_tower_service: "shop/1",
    }
}
