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
    (family, unit)
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
        ] {
            assert_eq!(family(name, unit, kind).0, expected);
        }
    }
}
