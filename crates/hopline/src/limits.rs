//! What the environment says to all of telemetry.

use hopline_core::{Limits, notify};

/// Looks variables up, and gathers what is wrong with them for one notice at the start.
pub(crate) struct Variables<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    wrong: Vec<String>,
}

impl<'a> Variables<'a> {
    pub(crate) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            wrong: Vec::new(),
        }
    }

    /// The trimmed value of a variable; an empty one counts as unset.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// True only if it says so; a warning where it is neither `true` nor `false`.
    pub(crate) fn is_true(&mut self, name: &str) -> bool {
        match self
            .text(name)
            .map(|text| text.to_ascii_lowercase())
            .as_deref()
        {
            Some("true") => true,
            None | Some("false") => false,
            Some(_) => {
                self.wrong
                    .push(format!("{name} is `true` or `false`; false is taken"));
                false
            }
        }
    }

    /// The limits that variables set, over those that hold without them; none if they set nothing.
    ///
    /// What is meant for spans beats what is meant for everything. Lengths are in bytes here, so that no
    /// text of other characters takes more memory than told.
    pub(crate) fn limits(&mut self, given: Option<Limits>) -> Option<Limits> {
        let mut limits = given.unwrap_or_default();
        let before = limits;
        if let Some(count) = self.first_number([
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
            "OTEL_ATTRIBUTE_COUNT_LIMIT",
        ]) {
            limits.attributes_per_span = small(count);
        }
        if let Some(length) = self.first_number([
            "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
            "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        ]) {
            limits.value_bytes = usize::try_from(length).unwrap_or(usize::MAX);
        }
        if let Some(count) = self.number("OTEL_SPAN_EVENT_COUNT_LIMIT") {
            limits.events_per_span = small(count);
        }
        if let Some(count) = self.number("OTEL_SPAN_LINK_COUNT_LIMIT") {
            limits.links_per_span = small(count);
        }
        if let Some(count) = self.number("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT") {
            limits.attributes_per_event = small(count);
        }
        // links have no attributes here, so any limit on them is kept
        self.number("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT");
        (given.is_some() || limits != before).then_some(limits)
    }

    /// Says all that was wrong, in one notice.
    pub(crate) fn say_wrong(&self) {
        if !self.wrong.is_empty() {
            notify("variables", || self.wrong.join("; "));
        }
    }

    fn first_number(&mut self, names: [&str; 2]) -> Option<u64> {
        names.into_iter().find_map(|name| self.number(name))
    }

    fn number(&mut self, name: &str) -> Option<u64> {
        let text = self.text(name)?;
        let number = text.parse().ok();
        if number.is_none() {
            self.wrong
                .push(format!("{name} is not a whole number and is ignored"));
        }
        number
    }
}

fn small(count: u64) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(set: &[(&str, &str)], given: Option<Limits>) -> (Option<Limits>, Vec<String>) {
        let lookup = |name: &str| {
            let found = set.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let mut variables = Variables::new(&lookup);
        let limits = variables.limits(given);
        (limits, variables.wrong)
    }

    #[test]
    fn limits_for_spans_beat_those_for_everything_and_both_beat_the_code() {
        let given = Limits {
            attributes_per_span: 7,
            spans_per_trace: 9,
            ..Limits::default()
        };
        let (set, wrong) = limits(
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
        assert_eq!(limits(&[], None).0, None);
        assert_eq!(limits(&[], Some(given)).0, Some(given));
    }

    #[test]
    fn case_30_a_limit_that_is_no_number_is_said_and_ignored() {
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
                let (set, wrong) = limits(&[(name, value)], None);
                assert_eq!(set, None, "{name}={value}");
                assert!(wrong.len() == 1 && wrong[0].contains(name), "{wrong:?}");
            }
        }
    }
}
