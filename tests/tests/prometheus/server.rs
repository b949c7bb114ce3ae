//! A Prometheus of its own, which scrapes services each second and is asked over its HTTP API.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hopline_test_support::folder::TempFolder;
use hopline_test_support::ports::free_ports;
use serde_json::Value;

/// Values of series, by the values of some labels.
pub(crate) type Values = BTreeMap<Vec<String>, f64>;

/// Ended when the test ends, by its own pid.
pub(crate) struct Prometheus {
    process: Child,
    url: String,
    client: reqwest::Client,
    _folder: TempFolder,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Prometheus {
    /// Starts it with exemplar storage on, and a job for each service.
    pub(crate) fn scraping(services: impl Iterator<Item = (&'static str, u16)>) -> Self {
        let own = free_ports(1);
        let mut config = String::from("global: {scrape_interval: 1s}\nscrape_configs:\n");
        for (name, port) in services {
            let targets = format!("static_configs: [{{targets: ['127.0.0.1:{port}']}}]");
            writeln!(config, "  - {{job_name: {name}, {targets}}}").unwrap();
        }
        let folder = TempFolder::new();
        std::fs::create_dir_all(&folder.0).unwrap();
        std::fs::write(folder.0.join("prometheus.yml"), config).unwrap();
        let process = Command::new("prometheus")
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .args(["--enable-feature=exemplar-storage", "--log.level=error"])
            .arg(format!("--web.listen-address=127.0.0.1:{own}"))
            .current_dir(&folder.0)
            .stdout(Stdio::null())
            .spawn()
            .expect("prometheus is missing: `cargo xtask services` installs it");
        Self {
            process,
            url: format!("http://127.0.0.1:{own}/api/v1"),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            _folder: folder,
        }
    }

    async fn ask(&self, path: &str, query: &str) -> Option<Value> {
        let now = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_secs();
        let (start, end) = (now - 600, now + 600);
        let url = format!(
            "{}/{path}?query={}&start={start}&end={end}",
            self.url,
            encoded(query)
        );
        let answer: Value = self.client.get(url).send().await.ok()?.json().await.ok()?;
        Some(answer["data"].clone())
    }

    /// The values of an instant query, by these labels; a missing label is empty.
    pub(crate) async fn values(&self, query: &str, labels: &[&str]) -> Values {
        let data = self.ask("query", query).await.unwrap_or_default();
        let series = data["result"].as_array().cloned().unwrap_or_default();
        let value = |series: &Value| {
            let label = |name: &&str| {
                series["metric"][*name]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            let number = series["value"][1].as_str()?.parse().ok()?;
            Some((labels.iter().map(label).collect(), number))
        };
        series.iter().filter_map(value).collect()
    }

    /// Waits until a query has these values: Prometheus scrapes each second.
    #[track_caller]
    pub(crate) fn until(
        &self,
        query: &str,
        labels: &[&str],
        expected: &Values,
    ) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let mut last = Values::new();
            for _ in 0..300 {
                last = self.values(query, labels).await;
                if last == *expected {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            panic!("{caller}: {query}\n got {last:?}\nwant {expected:?}");
        }
    }

    /// The trace ids of all exemplars of a query, each with the job of its series.
    pub(crate) async fn exemplars(&self, query: &str) -> Vec<(String, String)> {
        let data = self.ask("query_exemplars", query).await.unwrap();
        let mut found = Vec::new();
        for series in data.as_array().unwrap() {
            let job = series["seriesLabels"]["job"].as_str().unwrap();
            for exemplar in series["exemplars"].as_array().unwrap() {
                let id = exemplar["labels"]["trace_id"].as_str().unwrap();
                found.push((job.to_owned(), id.to_owned()));
            }
        }
        found
    }
}

fn encoded(query: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    query.bytes().map(byte).collect()
}
