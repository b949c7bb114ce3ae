//! A Grafana dashboard: rate, errors and duration by route, burn rates of the objectives, links from exemplars to traces.
//! The application or `hopline slo --dashboard` calls it; Grafana imports the result.

use serde_json::{Value, json};

use crate::slo::burn::WINDOWS;
use crate::slo::objective::{Slo, Span};

/// A Grafana dashboard as JSON: rate, errors and duration of each service and route, and burn rates of these objectives.
///
/// It asks for a Prometheus data source when it is imported. Points on the duration panel are exemplars; they link to
/// traces if that data source has a link for the label `trace_id`.
///
/// # Examples
///
/// ```
/// use hopline_metrics::slo::{Slo, dashboard};
///
/// let json = dashboard(&Slo::parse_all("SLO POST /checkout 99.9% < 500ms over 30d")?);
/// assert!(json.contains("hopline:slo_errors:ratio_rate1h"));
/// # Ok::<(), hopline_metrics::slo::ParseSloError>(())
/// ```
///
/// Panels of requests count each route; panels of burn rates need the recording rules of [`rules`](super::rules()). Units
/// are seconds, parts of 1 and requests per second.
pub fn dashboard(slos: &[Slo]) -> String {
    // families of the page: `names` makes the same from `http.server.request.duration`
    let requests = "http_server_request_duration_seconds";
    let chosen = "job=~\"$service\",http_route=~\"$route\"";
    let by = "job, http_request_method, http_route";
    let legend = "{{job}} {{http_request_method}} {{http_route}}";
    let mut panels = vec![
        panel(
            0,
            "Requests a second",
            "reqps",
            &[(
                format!("sum by ({by}) (rate({requests}_count{{{chosen}}}[$__rate_interval]))"),
                legend,
            )],
        ),
        panel(
            1,
            "Errors",
            "percentunit",
            &[(
                format!(
                    "sum by ({by}) (rate({requests}_count{{{chosen},error_type!=\"\"}}[$__rate_interval])) / \
                     sum by ({by}) (rate({requests}_count{{{chosen}}}[$__rate_interval]))"
                ),
                legend,
            )],
        ),
        panel(
            2,
            "Duration, 50th and 99th percentile",
            "s",
            &[0.5, 0.99].map(|quantile| {
                let rate = format!(
                    "sum by (le, {by}) (rate({requests}_bucket{{{chosen}}}[$__rate_interval]))"
                );
                (format!("histogram_quantile({quantile}, {rate})"), legend)
            }),
        ),
    ];
    for (at, slo) in slos.iter().enumerate() {
        let burns = WINDOWS.map(|window| {
            let name = super::rules::quoted(&slo.name());
            let rate = format!(
                "hopline:slo_errors:ratio_rate{}{{slo={name}}} / {}",
                Span(window),
                slo.budget()
            );
            (rate, "")
        });
        panels.push(panel(3 + at, &format!("Burn rate: {slo}"), "none", &burns));
    }
    let dashboard = json!({
        "title": "hopline: requests and objectives",
        "uid": "hopline-red",
        "schemaVersion": 39,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "tags": ["hopline"],
        "templating": {"list": [
            {"name": "datasource", "type": "datasource", "query": "prometheus"},
            variable("service", &format!("label_values({requests}_count, job)")),
            variable("route", &format!("label_values({requests}_count{{job=~\"$service\"}}, http_route)")),
        ]},
        "panels": panels,
    });
    format!("{dashboard:#}\n")
}

/// Makes a panel of half the width, 12 of Grafana's 24 columns, at place `at` from the top left.
///
/// Queries have the letters A to Z, which Grafana requires to be unique in a panel; no panel here has more than five. A
/// legend that is empty is chosen by Grafana.
fn panel(at: usize, title: &str, unit: &str, queries: &[(String, &str)]) -> Value {
    let targets = queries.iter().enumerate().map(|(query, (expr, legend))| {
        let letter = char::from(b'A' + (query % 26) as u8).to_string();
        let legend = if legend.is_empty() { "__auto" } else { legend };
        json!({"refId": letter, "expr": expr, "legendFormat": legend, "exemplar": true})
    });
    json!({
        "id": at + 1,
        "title": title,
        "type": "timeseries",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "gridPos": {"h": 9, "w": 12, "x": (at % 2) * 12, "y": (at / 2) * 9},
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "targets": targets.collect::<Vec<_>>(),
    })
}

/// Makes a drop-down list whose values a query finds. It permits several values, and all of them.
fn variable(name: &str, query: &str) -> Value {
    json!({
        "name": name,
        "type": "query",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "query": query,
        "includeAll": true,
        "multi": true,
        "refresh": 2,
        "current": {"text": "All", "value": "$__all"},
    })
}
