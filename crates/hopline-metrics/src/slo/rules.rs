//! Prometheus rules of objectives: error ratios by window, the budget that is left, and multi-window alerts.

use std::fmt::Write;
use std::time::Duration;

use crate::names;
use crate::slo::burn::{ALERTS, REQUESTS, WINDOWS};
use crate::slo::objective::{Slo, Span};
use hopline_core::metrics::InstrumentKind;

/// Prometheus recording and alerting rules of these objectives, as a YAML rule file.
///
/// For each objective: `hopline:slo_errors:ratio_rate5m` … `rate3d`, `hopline:slo_budget:remaining`, and the alerts
/// `SloBurnsFast`, `SloBurns` and `SloBurnsSlowly`. They count all instances of a service together, by the label `job`.
///
/// # Examples
///
/// ```
/// use hopline_metrics::slo::{Slo, rules};
///
/// let rules = rules(&Slo::parse_all("SLO POST /checkout 99.9% < 500ms over 30d")?);
/// assert!(rules.contains("record: hopline:slo_errors:ratio_rate1h"));
/// assert!(rules.contains("alert: SloBurnsFast"));
/// # Ok::<(), hopline_metrics::slo::ParseSloError>(())
/// ```
pub fn rules(slos: &[Slo]) -> String {
    let mut text = String::from("groups:\n");
    if slos.is_empty() {
        return "groups: []\n".to_owned();
    }
    for slo in slos {
        // a `String` takes all that is written to it
        let _ = write_group(&mut text, slo);
    }
    text
}

fn write_group(text: &mut String, slo: &Slo) -> std::fmt::Result {
    let name = slo.name();
    writeln!(text, "  - name: {}", quoted(&format!("hopline slo {name}")))?;
    writeln!(text, "    rules:")?;
    for window in WINDOWS {
        writeln!(text, "      - record: {}", errors(window))?;
        writeln!(text, "        expr: {}", quoted(&ratio(slo, window)))?;
        write_labels(text, &[("slo", &name)])?;
    }
    let left = format!("1 - ({}) / {}", ratio(slo, slo.window()), slo.budget());
    writeln!(text, "      - record: hopline:slo_budget:remaining")?;
    writeln!(text, "        expr: {}", quoted(&left))?;
    write_labels(text, &[("slo", &name)])?;
    for (alert, title) in ALERTS
        .iter()
        .zip(["SloBurnsFast", "SloBurns", "SloBurnsSlowly"])
    {
        // six digits are enough for an objective of four decimals
        let most = format!("{:.6}", alert.rate * slo.budget());
        let burns = |window| format!("{}{{slo={}}} > {most}", errors(window), quoted(&name));
        writeln!(text, "      - alert: {title}")?;
        writeln!(
            text,
            "        expr: {}",
            quoted(&format!("{} and {}", burns(alert.long), burns(alert.short)))
        )?;
        write_labels(text, &[("slo", &name), ("severity", alert.severity)])?;
        let summary = format!(
            "{name} uses its error budget {} times as fast as allowed ({} and {})",
            alert.rate,
            Span(alert.long),
            Span(alert.short)
        );
        writeln!(text, "        annotations:")?;
        writeln!(text, "          summary: {}", quoted(&summary))?;
    }
    Ok(())
}

fn write_labels(text: &mut String, labels: &[(&str, &str)]) -> std::fmt::Result {
    writeln!(text, "        labels:")?;
    labels
        .iter()
        .try_for_each(|(key, value)| writeln!(text, "          {key}: {}", quoted(value)))
}

fn errors(window: Duration) -> String {
    format!("hopline:slo_errors:ratio_rate{}", Span(window))
}

/// The part of an objective's requests that were bad in a window.
fn ratio(slo: &Slo, window: Duration) -> String {
    let (family, _) = names::family(REQUESTS, "s", InstrumentKind::Histogram);
    let covered = selector(slo);
    let good = match slo.limit() {
        // one format of the page writes a bound as `1`, the other as `1.0`
        Some(limit) => {
            let bound = limit.as_secs_f64().to_string().replace('.', "\\\\.");
            let whole = if bound.contains('.') { "" } else { "(\\\\.0)?" };
            format!(
                "{family}_bucket{{{}}}",
                joined(&covered, &format!("error_type=\"\",le=~\"{bound}{whole}\""))
            )
        }
        None => format!("{family}_count{{{}}}", joined(&covered, "error_type=\"\"")),
    };
    let window = Span(window);
    let total = format!("sum by (job) (rate({family}_count{{{covered}}}[{window}]))");
    format!("1 - (sum by (job) (rate({good}[{window}])) or {total} * 0) / {total}")
}

/// The labels of an objective's series.
pub(crate) fn selector(slo: &Slo) -> String {
    let labels = [
        ("http_request_method", &slo.method),
        ("http_route", &slo.route),
    ];
    let labels = labels
        .iter()
        .filter_map(|(key, value)| Some(format!("{key}={}", quoted(value.as_deref()?))));
    labels.collect::<Vec<_>>().join(",")
}

fn joined(labels: &str, more: &str) -> String {
    if labels.is_empty() {
        more.to_owned()
    } else {
        format!("{labels},{more}")
    }
}

/// Text in double quotes, as YAML, PromQL and JSON read it alike.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
