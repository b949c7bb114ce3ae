//! A real Prometheus scrapes a service under load: its answers are those of an independent count of the same requests.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use hopline::axum::TraceLayer;
use hopline_metrics::Metrics;
use hopline_test_support::folder::TempFolder;
use hopline_testing::{Spans, tracer_with};
use serde_json::Value;

/// Ended when the test ends, by its own pid.
struct Prometheus {
    process: Child,
    url: String,
    client: reqwest::Client,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Prometheus {
    fn scraping(port: u16, folder: &TempFolder) -> Self {
        let own = free_port();
        let config = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: shop\n    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
        );
        std::fs::create_dir_all(&folder.0).unwrap();
        std::fs::write(folder.0.join("prometheus.yml"), config).unwrap();
        let process = Command::new("prometheus")
            .args([
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                "--enable-feature=exemplar-storage",
                "--log.level=error",
            ])
            .arg(format!("--web.listen-address=127.0.0.1:{own}"))
            .current_dir(&folder.0)
            .stdout(Stdio::null())
            .spawn()
            .expect("prometheus is missing: `cargo xtask services` installs it");
        Self {
            process,
            url: format!("http://127.0.0.1:{own}/api/v1"),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    async fn ask(&self, path: &str, query: &str) -> Option<Value> {
        let (start, end) = (unix_seconds() - 600, unix_seconds() + 600);
        let url = format!(
            "{}/{path}?query={}&start={start}&end={end}",
            self.url,
            encoded(query)
        );
        let answer: Value = self.client.get(url).send().await.ok()?.json().await.ok()?;
        Some(answer["data"].clone())
    }

    /// The values of an instant query, by these labels.
    async fn values(&self, query: &str, labels: &[&str]) -> BTreeMap<Vec<String>, u64> {
        let data = self.ask("query", query).await.unwrap_or_default();
        let series = data["result"].as_array().cloned().unwrap_or_default();
        let value = |series: &Value| {
            let label = |name: &&str| {
                series["metric"][*name]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            let number: f64 = series["value"][1].as_str()?.parse().ok()?;
            Some((labels.iter().map(label).collect(), number as u64))
        };
        series.iter().filter_map(value).collect()
    }
}

/// Waits until `answer` is what is expected; Prometheus scrapes each second.
async fn until<T: PartialEq + std::fmt::Debug>(expected: T, answer: impl AsyncFn() -> T) {
    let mut last = answer().await;
    for _ in 0..300 {
        if last == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        last = answer().await;
    }
    assert_eq!(last, expected);
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn unix_seconds() -> u64 {
    std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs()
}

fn encoded(query: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    query.bytes().map(byte).collect()
}

async fn order(Path(id): Path<u32>) -> Result<String, StatusCode> {
    match id % 10 {
        0 => Err(StatusCode::BAD_GATEWAY),
        1 => Err(StatusCode::NOT_FOUND),
        2 => {
            tokio::time::sleep(Duration::from_millis(30)).await;
            Ok("slow".to_owned())
        }
        _ => Ok("an order".to_owned()),
    }
}

/// A service of which every trace is exported, or only those that failed.
async fn serve(plan: &str) -> (u16, Spans) {
    let metrics = Metrics::builder().service("shop").build();
    let (tracer, spans) =
        tracer_with(|tracer| tracer.plan(plan.parse().unwrap()).meter(metrics.clone()));
    let app = Router::new()
        .route("/orders/{id}", get(order).post(order))
        .layer(TraceLayer::new().tracer(tracer))
        .merge(metrics.router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (port, spans)
}

/// Sends requests from several tasks, and counts what they answer, by method and status.
async fn load(port: u16) -> BTreeMap<Vec<String>, u64> {
    let counts = Mutex::new(BTreeMap::new());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = async |task: u32| {
        for id in 0..200 {
            let method = if (id + task).is_multiple_of(3) {
                reqwest::Method::POST
            } else {
                reqwest::Method::GET
            };
            let url = format!("http://127.0.0.1:{port}/orders/{id}");
            let status = client
                .request(method.clone(), url)
                .send()
                .await
                .unwrap()
                .status();
            let key = vec![method.to_string(), status.as_str().to_owned()];
            *counts.lock().unwrap().entry(key).or_default() += 1;
        }
    };
    tokio::join!(send(0), send(1), send(2), send(3));
    counts.into_inner().unwrap()
}

const COUNT: &str = "http_server_request_duration_seconds_count";

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_answers_as_an_independent_count_does() {
    let (port, spans) = serve("* 100%").await;
    let folder = TempFolder::new();
    let prometheus = Prometheus::scraping(port, &folder);
    let counted = load(port).await;
    assert_eq!(counted.values().sum::<u64>(), 800);
    until(counted.clone(), async || {
        let query = format!("{COUNT}{{http_route=\"/orders/{{id}}\"}}");
        prometheus
            .values(
                &query,
                &["http_request_method", "http_response_status_code"],
            )
            .await
    })
    .await;

    // errors, by the label that spans have as well
    let errors = counted
        .iter()
        .filter(|(key, _)| key[1] == "502")
        .map(|(_, count)| count)
        .sum::<u64>();
    let query = format!("sum({COUNT}{{error_type!=\"\"}})");
    assert_eq!(
        prometheus
            .values(&query, &[])
            .await
            .into_values()
            .sum::<u64>(),
        errors
    );

    // quantiles are made of buckets: each is what the exported spans give
    let seconds: Vec<f64> = spans
        .all()
        .iter()
        .map(|span| (span.end_unix_nanos - span.start_unix_nanos) as f64 / 1e9)
        .collect();
    let query = "sum by (le) (http_server_request_duration_seconds_bucket)";
    let buckets = prometheus.values(query, &["le"]).await;
    assert_eq!(buckets.len(), 15);
    for (bound, count) in buckets {
        let bound: f64 = bound[0].parse().unwrap_or(f64::INFINITY);
        let below = seconds.iter().filter(|seconds| **seconds <= bound).count();
        assert_eq!(count, below as u64, "up to {bound} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_exemplar_is_of_an_exported_trace_and_all_requests_are_counted() {
    let (port, spans) = serve("* 1%; keep errors").await;
    let folder = TempFolder::new();
    let prometheus = Prometheus::scraping(port, &folder);
    let counted = load(port).await;
    let query = format!("sum({COUNT})");
    until(800, async || {
        prometheus
            .values(&query, &[])
            .await
            .into_values()
            .sum::<u64>()
    })
    .await;
    assert_eq!(counted.values().sum::<u64>(), 800);

    let exported: Vec<String> = spans
        .all()
        .iter()
        .map(|span| span.trace_id.to_string())
        .collect();
    assert!(
        (80..200).contains(&exported.len()),
        "errors and 1 %: {}",
        exported.len()
    );
    let data = prometheus
        .ask(
            "query_exemplars",
            "http_server_request_duration_seconds_bucket",
        )
        .await
        .unwrap();
    let series = data.as_array().unwrap();
    let exemplars = series
        .iter()
        .flat_map(|series| series["exemplars"].as_array().unwrap());
    let ids: Vec<&str> = exemplars
        .map(|exemplar| exemplar["labels"]["trace_id"].as_str().unwrap())
        .collect();
    assert!(!ids.is_empty());
    for id in ids {
        assert!(
            exported.iter().any(|exported| exported == id),
            "{id} was not exported"
        );
    }
}
