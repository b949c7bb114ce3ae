//! The page and the generated rules, judged by Prometheus' own tool.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use hopline_core::metrics::{Instrument, Meter};
use hopline_core::{Resource, attr};
use hopline_metrics::Metrics;
use hopline_metrics::slo::{Slo, dashboard, rules};

static REQUESTS: Instrument = Instrument::histogram("http.server.request.duration", "s")
    .description("Duration of \"requests\"\nserved.");
static CARTS: Instrument = Instrument::counter("shop.carts", "{cart}").description("Carts.");
static OPEN: Instrument =
    Instrument::up_down_counter("shop.carts.open", "{cart}").description("Open carts.");
static FREE: Instrument = Instrument::gauge("shop.memory.free", "By").description("Free memory.");
static CONNECTIONS: Instrument =
    Instrument::up_down_counter("db.client.connection.count", "{connection}")
        .description("Connections.");
static STOCK: Instrument = Instrument::gauge("shop.stock.total", "").description("Stock.");
static LEADS: Instrument = Instrument::histogram("shop.lead.count", "").description("Leads.");

const SLOS: &str = "SLO POST /checkout 99.9% < 500ms over 30d; SLO * 99% over 7d; SLO GET /orders/{id} 95.5% < 1s over 1d";

fn promtool(arguments: &[&str], dir: &Path, input: &str) -> Output {
    let mut child = Command::new("promtool")
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is missing: `cargo xtask services` installs it");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn accepted(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

fn folder(name: &str) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn promtool_accepts_the_page() {
    let metrics = Metrics::builder()
        .resource(Resource::new("shop \"one\"\\").with("host.name", "a\nb"))
        .slo("SLO * 99% < 300ms over 7d".parse().unwrap())
        .limit(3)
        .build();
    for route in ["/a", "/b\"", "/c\\", "/d\n", "/e", "/ü"] {
        metrics.record(&REQUESTS, 0.02, &[attr("http.route", route)], None);
    }
    metrics.record(&CARTS, 2.0, &[attr("shop.tier", "gold")], None);
    metrics.record(&OPEN, -1.0, &[], None);
    metrics.record(&FREE, 1.5e12, &[], None);
    metrics.record(&CONNECTIONS, 3.0, &[attr("state", "used")], None);
    metrics.record(&STOCK, 7.0, &[], None);
    let own_labels = [attr("le", "an attribute"), attr("quantile", 0.5)];
    metrics.record(&LEADS, 7.0, &own_labels, None);
    metrics.record(&CARTS, 1.0, &own_labels, None);
    #[cfg(all(feature = "process", target_os = "linux"))]
    metrics.observe_process();
    let page = metrics.render();
    accepted(&promtool(&["check", "metrics"], Path::new("."), &page));
    #[cfg(all(feature = "process", target_os = "linux"))]
    for name in [
        "process_cpu_time_seconds_total{cpu_mode=\"user\"} ",
        "process_memory_usage_bytes ",
        "process_memory_virtual_bytes ",
        "process_thread_count_current ",
        "process_unix_file_descriptor_count_current ",
    ] {
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        let value: f64 = line.unwrap().parse().unwrap();
        assert!(value.is_finite() && value >= 0.0, "{name}{value}");
    }
    let broken = page.replace(
        "# TYPE shop_carts_total counter",
        "# TYPE shop_carts_total nonsense",
    );
    assert!(
        !promtool(&["check", "metrics"], Path::new("."), &broken)
            .status
            .success()
    );
}

#[test]
fn promtool_accepts_the_rules() {
    let dir = folder("check-rules");
    for slos in [SLOS, ""] {
        std::fs::write(dir.join("rules.yml"), rules(&Slo::parse_all(slos).unwrap())).unwrap();
        accepted(&promtool(&["check", "rules", "rules.yml"], &dir, ""));
    }
}

/// A service that serves 100 requests a minute, of which each fifth fails from the second hour on, and another that is slow.
#[test]
fn alerts_are_raised_when_the_budget_burns() {
    let dir = folder("test-rules");
    std::fs::write(dir.join("rules.yml"), rules(&Slo::parse_all(SLOS).unwrap())).unwrap();
    let series = |labels: &str, values: &str| {
        format!(
            "      - series: 'http_server_request_duration_seconds{labels}'\n        values: '{values}'\n"
        )
    };
    let checkout = "http_request_method=\"POST\",http_route=\"/checkout\",job=\"shop\"";
    let order = "http_request_method=\"GET\",http_route=\"/orders/{id}\",job=\"shop\"";
    let mut test = String::from(
        "rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n",
    );
    // good for an hour, then 20 of 100 fail
    test += &series(
        &format!("_bucket{{{checkout},le=\"0.5\"}}"),
        "0+100x60 6080+80x120",
    );
    test += &series(&format!("_count{{{checkout}}}"), "0+100x60 6080+80x120");
    test += &series(
        &format!("_count{{{checkout},error_type=\"500\"}}"),
        "0+0x60 20+20x120",
    );
    // half are slower than a second; the bound as OpenMetrics writes it
    test += &series(&format!("_bucket{{{order},le=\"1.0\"}}"), "0+50x180");
    test += &series(&format!("_count{{{order}}}"), "0+100x180");
    test += "    promql_expr_test:\n";
    for (at, slo, expected) in [
        ("50m", "POST /checkout", "0E+00"),
        ("180m", "POST /checkout", "2E-01"),
        ("180m", "GET /orders/{id}", "5E-01"),
    ] {
        test += &format!(
            "      - expr: 'round(hopline:slo_errors:ratio_rate30m{{slo=\"{slo}\"}}, 0.001)'\n        eval_time: {at}\n        exp_samples:\n          - labels: '{{job=\"shop\",slo=\"{slo}\"}}'\n            value: {expected}\n"
        );
    }
    test += "    alert_rule_test:\n      - eval_time: 50m\n        alertname: SloBurnsFast\n        exp_alerts:\n";
    let alert = |slo: &str| {
        format!(
            "          - exp_labels: {{severity: page, slo: '{slo}', job: shop}}\n            exp_annotations: {{summary: '{slo} uses its error budget 14.4 times as fast as allowed (1h and 5m)'}}\n"
        )
    };
    // half of the orders are too slow, but a budget of 4.5 % does not burn 14.4 times as fast
    test += "      - eval_time: 150m\n        alertname: SloBurnsFast\n        exp_alerts:\n";
    test += &alert("POST /checkout");
    std::fs::write(dir.join("test.yml"), &test).unwrap();
    accepted(&promtool(&["test", "rules", "test.yml"], &dir, ""));
}

#[test]
fn the_dashboard_is_json_with_a_panel_for_each_objective() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&dashboard(&Slo::parse_all(SLOS).unwrap())).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert_eq!(panels.len(), 3 + 3);
    let queries = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries: Vec<&str> = queries
        .map(|target| target["expr"].as_str().unwrap())
        .collect();
    assert_eq!(queries.len(), 4 + 3 * 5);
    // each query is one that Prometheus parses: as a rule it is checked by promtool
    let mut text = String::from("groups: [{name: dashboard, rules: [\n");
    for query in queries {
        let query = query
            .replace("$__rate_interval", "5m")
            .replace("$service", ".*")
            .replace("$route", ".*");
        text += &format!(
            "{{record: \"a:b\", expr: {}}},\n",
            serde_json::Value::from(query)
        );
    }
    text += "]}]\n";
    let dir = folder("dashboard");
    std::fs::write(dir.join("queries.yml"), text).unwrap();
    accepted(&promtool(
        &["check", "rules", "--lint=none", "queries.yml"],
        &dir,
        "",
    ));
}
