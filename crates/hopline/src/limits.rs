//! Limits on what is recorded, from the OpenTelemetry variables.
//!
//! Read once by the builder when telemetry starts; values of variables win over those in code.

use hopline_core::Limits;
use hopline_core::variables::Variables;

/// The limits in force: `given` by code, changed by variables. `None` if neither sets any, so that the defaults hold.
///
/// A variable for spans wins over the one for all signals. Lengths are counted in bytes, and not in characters as the
/// specification has them, so that text outside ASCII takes no more memory than the operator allows.
pub(crate) fn limits(variables: &mut Variables<'_>, given: Option<Limits>) -> Option<Limits> {
    let mut limits = given.unwrap_or_default();
    let before = limits;
    if let Some(count) = first_number(
        variables,
        [
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
            "OTEL_ATTRIBUTE_COUNT_LIMIT",
        ],
    ) {
        limits.attributes_per_span = saturated(count);
    }
    if let Some(length) = first_number(
        variables,
        [
            "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
            "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        ],
    ) {
        limits.value_bytes = usize::try_from(length).unwrap_or(usize::MAX);
    }
    if let Some(count) = variables.number("OTEL_SPAN_EVENT_COUNT_LIMIT") {
        limits.events_per_span = saturated(count);
    }
    if let Some(count) = variables.number("OTEL_SPAN_LINK_COUNT_LIMIT") {
        limits.links_per_span = saturated(count);
    }
    if let Some(count) = variables.number("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT") {
        limits.attributes_per_event = saturated(count);
    }
    // links have no attributes here, so each limit on them holds; read for the warning about a wrong value
    variables.number("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT");
    (given.is_some() || limits != before).then_some(limits)
}

/// The number of the first of these variables that is set to one.
fn first_number(variables: &mut Variables<'_>, names: [&str; 2]) -> Option<u64> {
    names.into_iter().find_map(|name| variables.number(name))
}

/// The count as the engine holds it; larger ones become the largest.
fn saturated(count: u64) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)], given: Option<Limits>) -> (Option<Limits>, Vec<String>) {
        let lookup = |name: &str| {
            let found = set.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let mut variables = Variables::new(&lookup);
        let limits = limits(&mut variables, given);
        (limits, variables.warnings().to_vec())
    }

    #[test]
    fn limits_for_spans_win_over_those_for_all_signals_and_both_over_the_code() {
        let given = Limits {
            attributes_per_span: 7,
            spans_per_trace: 9,
            ..Limits::default()
        };
        let (set, wrong) = read(
            &[
                ("OTEL_ATTRIBUTE_COUNT_LIMIT", "10"),
                ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "20"),
                ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "30"),
                ("OTEL_SPAN_EVENT_COUNT_LIMIT", "40"),
                ("OTEL_SPAN_LINK_COUNT_LIMIT", "99999999"),
                ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "0"),
            ],
            Some(given),
        );
        let expected = Limits {
            attributes_per_span: 20,
            value_bytes: 30,
            events_per_span: 40,
            links_per_span: u16::MAX,
            attributes_per_event: 0,
            ..given
        };
        assert_eq!((set, wrong), (Some(expected), Vec::new()));
        assert_eq!(read(&[], None).0, None);
        assert_eq!(read(&[], Some(given)).0, Some(given));
    }

    #[test]
    fn a_limit_that_is_not_a_number_is_ignored_with_a_warning() {
        for name in [
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
            "OTEL_ATTRIBUTE_COUNT_LIMIT",
            "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
            "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
            "OTEL_SPAN_EVENT_COUNT_LIMIT",
            "OTEL_SPAN_LINK_COUNT_LIMIT",
            "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
            "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
        ] {
            for value in ["many", "-1", "1.5"] {
                let (set, wrong) = read(&[(name, value)], None);
                assert_eq!(set, None, "{name}={value}");
                assert!(wrong.len() == 1 && wrong[0].contains(name), "{wrong:?}");
            }
        }
    }
}
