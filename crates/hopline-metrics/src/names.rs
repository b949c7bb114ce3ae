//! Names as Prometheus has them, by OpenTelemetry's rules for compatibility with Prometheus.

use std::borrow::Cow;

use hopline_core::metrics::InstrumentKind;

/// A family's name with its unit, without the suffix of its samples; and the unit.
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
