//! Names as Prometheus has them, by OpenTelemetry's rules for compatibility with Prometheus.
//! The Prometheus formats and the rules of objectives call it, so that a rule names the series that the page has.
//!
//! Rules: [OpenTelemetry's compatibility page](https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/),
//! section "Metric metadata"; labels follow the same rules as names.

use std::borrow::Cow;

use hopline_core::metrics::InstrumentKind;

/// A family's name with its unit, without the suffix of its samples; and the unit.
///
/// | instrument | unit | family | unit of the family |
/// |---|---|---|---|
/// | `http.server.request.duration` | `s` | `http_server_request_duration_seconds` | `seconds` |
/// | `shop.orders` | `{order}` | `shop_orders` | none |
/// | `db.client.connection.count`, an up-down counter | `{connection}` | `db_client_connection_count_current` | none |
///
/// The suffixes `_total`, `_count`, `_sum` and `_bucket` belong to the samples of counters and histograms: a gauge or up-down
/// counter whose family would end with one of them gets `_current`, without which `promtool` refuses the page.
///
/// A counter's `_total` is removed here, because the sample has it and the family of OpenMetrics does not. A unit that the
/// name ends with is not repeated.
///
/// The result is the same for each instance of a service, as it depends on the instrument alone.
///
/// A gauge and a counter may get the same family: the page shows the first and reports the second.
pub(crate) fn family(
    name: &str,
    unit: &str,
    kind: InstrumentKind,
) -> (String, Option<Cow<'static, str>>) {
    let mut family = valid(name);
    if kind == InstrumentKind::Counter {
        family.truncate(family.trim_end_matches("_total").len());
    }
    let unit = unit_word(unit, kind);
    if let Some(unit) = &unit
        && !family.ends_with(&**unit)
    {
        family.push('_');
        family.push_str(unit);
    }
    let is_reserved = ["_total", "_count", "_sum", "_bucket"]
        .iter()
        .any(|suffix| family.ends_with(suffix));
    let is_current = matches!(kind, InstrumentKind::Gauge | InstrumentKind::UpDownCounter);
    if is_current && is_reserved {
        family.push_str("_current");
    }
    (family, unit)
}

/// The name of a label.
///
/// `le` and `quantile` are the labels of buckets and quantiles. An attribute with that key gets the prefix with which
/// Prometheus itself resolves such conflicts: two labels of one name make it refuse the whole page.
pub(crate) fn label(key: &str) -> String {
    let name = valid(key);
    match name.as_str() {
        "le" | "quantile" => format!("exported_{name}"),
        _ => name,
    }
}

/// Letters, digits and `_`, none of them doubled; a name does not begin with a digit.
///
/// Each other character becomes `_`, and several in a row become one. Two names may become the same one: the page reports
/// that, and shows the first. A name without a valid character becomes `unnamed`.
///
/// Allocates one string. It runs at each collection and never at a measurement, so nothing is cached.
pub(crate) fn valid(name: &str) -> String {
    let mut valid = String::with_capacity(name.len());
    for letter in name.chars() {
        let letter = if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '_'
        };
        if letter == '_' && (valid.is_empty() || valid.ends_with('_')) {
            continue;
        }
        if valid.is_empty() && letter.is_ascii_digit() {
            valid.push('_');
        }
        valid.push(letter);
    }
    valid.truncate(valid.trim_end_matches('_').len());
    if valid.is_empty() {
        "unnamed".to_owned()
    } else {
        valid
    }
}

/// The word for a UCUM unit. Annotations such as `{request}` are no unit.
///
/// `1` is a `ratio` for a gauge only: a counter with that unit is a number of things. A unit without a word in this table is
/// used as it is, with the characters of a name.
///
/// The words are those of the compatibility page; OpenMetrics requires a family to end with its unit, so `family` appends them.
///
/// Returns `None` for an instrument without a unit, whose family has no `# UNIT` line.
fn unit_word(unit: &str, kind: InstrumentKind) -> Option<Cow<'static, str>> {
    let word = match unit {
        "" => return None,
        "1" if kind == InstrumentKind::Gauge => "ratio",
        "1" => return None,
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "min" => "minutes",
        "h" => "hours",
        "d" => "days",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "%" => "percent",
        annotation if annotation.starts_with('{') => return None,
        other => return Some(valid(other).into()),
    };
    Some(word.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_compatibility() {
        for (name, unit, kind, expected) in [
            (
                "http.server.request.duration",
                "s",
                InstrumentKind::Histogram,
                "http_server_request_duration_seconds",
            ),
            (
                "messaging.client.sent.messages",
                "{message}",
                InstrumentKind::Counter,
                "messaging_client_sent_messages",
            ),
            (
                "process.cpu.time",
                "s",
                InstrumentKind::Counter,
                "process_cpu_time_seconds",
            ),
            ("load", "1", InstrumentKind::Gauge, "load_ratio"),
            ("queue_bytes", "By", InstrumentKind::Gauge, "queue_bytes"),
            ("done_total", "", InstrumentKind::Counter, "done"),
            ("2nd  try!", "", InstrumentKind::Gauge, "_2nd_try"),
            ("…", "", InstrumentKind::Gauge, "unnamed"),
            (
                "db.client.connection.count",
                "{connection}",
                InstrumentKind::UpDownCounter,
                "db_client_connection_count_current",
            ),
            (
                "stock.total",
                "",
                InstrumentKind::Gauge,
                "stock_total_current",
            ),
            ("stock.sum", "By", InstrumentKind::Gauge, "stock_sum_bytes"),
            ("items.count", "", InstrumentKind::Histogram, "items_count"),
            ("items.count", "", InstrumentKind::Counter, "items_count"),
        ] {
            assert_eq!(family(name, unit, kind).0, expected);
        }
    }

    #[test]
    fn the_labels_of_buckets_and_quantiles_stay_free() {
        for (key, expected) in [
            ("le", "exported_le"),
            ("quantile", "exported_quantile"),
            ("__name__", "name"),
            ("http.route", "http_route"),
        ] {
            assert_eq!(label(key), expected);
        }
    }
}
