//! Prometheus with the configuration of `deploy/prometheus`, in which only the targets and the intervals are others.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use checkout::drive;
use hopline_test_support::ports::free_ports;
use serde_json::Value;

use crate::process::Process;
use crate::shop::Shop;
use crate::{LONG, Result, deploy};

/// A running Prometheus that scrapes a shop each second.
pub(crate) struct Prometheus {
    _process: Process,
    url: String,
    client: reqwest::Client,
}

/// Checks both configurations and the rules with Prometheus' own tool, on copies in `folder`.
///
/// Debian's Prometheus is built without the discovery of Kubernetes, so that part of `kubernetes.yml` is left out.
pub(crate) fn check_files(folder: &Path) -> Result<()> {
    let (source, copy) = (deploy().join("prometheus"), folder.join("check"));
    fs::create_dir_all(&copy)?;
    for name in ["prometheus.yml", "targets.yml", "rules.yml"] {
        fs::copy(source.join(name), copy.join(name))?;
    }
    let kubernetes = fs::read_to_string(source.join("kubernetes.yml"))?;
    let discovery = kubernetes.split_once("    kubernetes_sd_configs:");
    let (before, rest) = discovery.ok_or("kubernetes.yml has no kubernetes_sd_configs")?;
    let relabel = rest
        .find("    relabel_configs:")
        .ok_or("kubernetes.yml has no relabel_configs")?;
    let targets = "    static_configs: [{targets: ['127.0.0.1:1']}]\n";
    fs::write(
        copy.join("kubernetes.yml"),
        format!("{before}{targets}{}", &rest[relabel..]),
    )?;
    for words in [
        ["check", "config", "prometheus.yml"],
        ["check", "config", "kubernetes.yml"],
        ["check", "rules", "rules.yml"],
    ] {
        let output = Command::new("promtool")
            .args(words)
            .current_dir(&copy)
            .output();
        let output = output.map_err(|error| format!("promtool: {error}"))?;
        if !output.status.success() {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (out, err) = (text(&output.stdout), text(&output.stderr));
            return Err(format!("promtool {}: {out}{err}", words.join(" ")).into());
        }
    }
    Ok(())
}

impl Prometheus {
    /// Starts it with a copy of the configuration in `folder`.
    pub(crate) fn start(shop: &Shop, folder: &Path) -> Result<Self> {
        let (source, copy) = (deploy().join("prometheus"), folder.join("prometheus"));
        fs::create_dir_all(&copy)?;
        let config = fs::read_to_string(source.join("prometheus.yml"))?;
        let quick = config.replace("_interval: 15s", "_interval: 1s");
        if quick == config {
            return Err("prometheus.yml has no interval of 15s, which this replaces".into());
        }
        fs::write(copy.join("prometheus.yml"), quick)?;
        fs::copy(source.join("rules.yml"), copy.join("rules.yml"))?;
        let mut targets = String::new();
        for (name, port) in shop.ports() {
            writeln!(
                targets,
                "- targets: ['127.0.0.1:{port}']\n  labels: {{job: {name}}}"
            )?;
        }
        fs::write(copy.join("targets.yml"), targets)?;

        let port = free_ports(1);
        let mut command = Command::new("prometheus");
        command
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .args(["--enable-feature=exemplar-storage", "--log.level=error"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(&copy)
            .stdout(Stdio::null());
        Ok(Self {
            _process: Process::spawn(&mut command)?,
            url: format!("http://127.0.0.1:{port}/api/v1"),
            client: reqwest::Client::builder().no_proxy().build()?,
        })
    }

    /// Waits until it has counted the requests of this many rounds at the gateway.
    pub(crate) async fn await_requests(&self, rounds: usize) -> Result<()> {
        let query = "sum(http_server_request_duration_seconds_count{job=\"gateway\"})";
        let expected = (rounds * drive::REQUESTS) as f64;
        self.until(query, |value| value == expected).await?;
        Ok(())
    }

    /// Waits until the rule of the objective gives about the part of bad requests that the counters give, and returns it.
    ///
    /// Not exactly that: Prometheus extrapolates each series by itself to the ends of the window.
    pub(crate) async fn await_errors(&self) -> Result<f64> {
        let of = "job=\"gateway\",http_request_method=\"POST\",http_route=\"/checkout\"";
        let family = "http_server_request_duration_seconds";
        let good = format!("sum({family}_bucket{{{of},error_type=\"\",le=\"0.5\"}})");
        let bad = self
            .until(
                &format!("1 - {good} / sum({family}_count{{{of}}})"),
                |value| value >= 0.25,
            )
            .await?;
        let query = "hopline:slo_errors:ratio_rate5m{job=\"gateway\",slo=\"POST /checkout\"}";
        self.until(query, |value| (value - bad).abs() < 0.1).await
    }

    /// The trace ids of all exemplars of the gateway.
    pub(crate) async fn exemplars(&self) -> Result<Vec<String>> {
        let now = SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
        let query = "http_server_request_duration_seconds_bucket{job=\"gateway\"}";
        let range = [
            ("start", (now - 600).to_string()),
            ("end", (now + 600).to_string()),
        ];
        let answer = self.ask("query_exemplars", query, &range).await?;
        let series = answer["data"].as_array().ok_or("no exemplars")?;
        let exemplars = series
            .iter()
            .filter_map(|series| series["exemplars"].as_array())
            .flatten();
        Ok(exemplars
            .filter_map(|one| Some(one["labels"]["trace_id"].as_str()?.to_owned()))
            .collect())
    }

    /// Waits until the only value of a query is as wanted.
    async fn until(&self, query: &str, wanted: impl Fn(f64) -> bool) -> Result<f64> {
        let begun = Instant::now();
        loop {
            let answer = self.ask("query", query, &[]).await;
            let value = answer.ok().and_then(|answer| {
                answer["data"]["result"][0]["value"][1]
                    .as_str()?
                    .parse()
                    .ok()
            });
            match value {
                Some(value) if wanted(value) => return Ok(value),
                _ if begun.elapsed() > LONG => {
                    return Err(format!("{query} is {value:?} after {LONG:?}").into());
                }
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    async fn ask(&self, path: &str, query: &str, more: &[(&str, String)]) -> Result<Value> {
        let mut parameters = vec![("query", query.to_owned())];
        parameters.extend(more.iter().cloned());
        let url = reqwest::Url::parse_with_params(&format!("{}/{path}", self.url), parameters)?;
        Ok(self.client.get(url).send().await?.json().await?)
    }
}
