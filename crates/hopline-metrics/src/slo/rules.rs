//! Prometheus rules of objectives: error ratios by window, the budget that is left, and multi-window alerts.
//! The application or `hopline slo --rules` calls it, once, when objectives change; Prometheus evaluates the rules.

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
///
/// An alert needs both of its windows above its rate, so that it ends soon after the errors do (SRE workbook, chapter 5):
///
/// | alert | severity | burn rate | windows |
/// |---|---|---|---|
/// | `SloBurnsFast` | `page` | 14.4 | 1 h and 5 min |
/// | `SloBurns` | `page` | 6 | 6 h and 30 min |
/// | `SloBurnsSlowly` | `ticket` | 1 | 3 d and 6 h |
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

/// Writes the rules of one objective, as a group: Prometheus evaluates the rules of a group in order.
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

/// Writes the labels of one rule.
///
/// Values are quoted, because a route may contain characters of YAML.
fn write_labels(text: &mut String, labels: &[(&str, &str)]) -> std::fmt::Result {
    writeln!(text, "        labels:")?;
    labels
        .iter()
        .try_for_each(|(key, value)| writeln!(text, "          {key}: {}", quoted(value)))
}

/// Name of the recorded error ratio of a window.
fn errors(window: Duration) -> String {
    format!("hopline:slo_errors:ratio_rate{}", Span(window))
}

/// The part of an objective's requests that were bad in a window.
///
/// `or … * 0` gives a ratio of 1 where no request is good: a series that is absent would make the whole ratio absent. A
/// limit is compared with the bucket that the objective has added, so the ratio is exact.
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
/// Empty for an objective of all methods and routes.
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

/// Joins two lists of labels; the first may be empty.
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
