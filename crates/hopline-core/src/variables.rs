//! Environment variables: lookup, parsing, and one notice for all wrong values.
//!
//! The exporter and the facade read their settings with it. The lookup is a function, so that tests pass their own
//! variables and none changes the environment of the process.

use std::time::Duration;

use crate::notice::line::notify;

/// Reads variables, and collects a warning for each value that cannot be used.
///
/// As the [OpenTelemetry specification] asks, an empty value counts as unset, and a value that cannot be parsed is ignored.
/// Values are trimmed.
///
/// # Examples
///
/// ```
/// use hopline_core::variables::Variables;
///
/// let lookup = |name: &str| match name {
///     "OTEL_SERVICE_NAME" => Some(" orders ".to_owned()),
///     "OTEL_BSP_SCHEDULE_DELAY" => Some("soon".to_owned()),
///     _ => None,
/// };
/// let mut variables = Variables::new(&lookup);
/// assert_eq!(variables.text("OTEL_SERVICE_NAME").as_deref(), Some("orders"));
/// assert_eq!(variables.millis("OTEL_BSP_SCHEDULE_DELAY"), None);
/// assert_eq!(variables.warnings(), ["OTEL_BSP_SCHEDULE_DELAY is not a whole number and is ignored"]);
/// variables.notify("orders-variables"); // one notice with all warnings
/// ```
///
/// [OpenTelemetry specification]: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
pub struct Variables<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    warnings: Vec<String>,
}

impl<'a> Variables<'a> {
    /// Reads variables through `lookup`, for example `&|name| std::env::var(name).ok()`.
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            warnings: Vec::new(),
        }
    }

    /// The trimmed value of a variable; `None` if it is unset or empty.
    pub fn text(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// A whole number; warns about any other value.
    pub fn number(&mut self, name: &str) -> Option<u64> {
        let number = self.text(name)?.parse().ok();
        if number.is_none() {
            self.warn(format!("{name} is not a whole number and is ignored"));
        }
        number
    }

    /// A whole number above zero, such as a capacity; warns about any other value.
    pub fn count(&mut self, name: &str) -> Option<usize> {
        let number = self.number(name)?;
        if number == 0 {
            self.warn(format!("{name} is 0 and is ignored"));
        }
        usize::try_from(number).ok().filter(|number| *number > 0)
    }

    /// A duration in milliseconds; warns if the value is not a whole number.
    pub fn millis(&mut self, name: &str) -> Option<Duration> {
        self.number(name).map(Duration::from_millis)
    }

    /// True if the value is `true` in any case. Defaults to false; warns about values other than `true` and `false`.
    pub fn is_true(&mut self, name: &str) -> bool {
        match self.text(name) {
            Some(text) if text.eq_ignore_ascii_case("true") => true,
            Some(text) if !text.eq_ignore_ascii_case("false") => {
                self.warn(format!(
                    "{name} is neither `true` nor `false`; false is used"
                ));
                false
            }
            _ => false,
        }
    }

    /// Adds a warning: the variable, the effect, and the remedy.
    pub fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// The warnings so far.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Gives one notice of this kind with all warnings; none if there are no warnings.
    pub fn notify(&self, kind: &'static str) {
        if !self.warnings.is_empty() {
            notify(kind, || self.warnings.join("; "));
        }
    }
}

/// Prints no values, which may be secrets.
impl std::fmt::Debug for Variables<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Variables")
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_values_are_ignored_with_a_warning_each() {
        let lookup = |name: &str| (name != "UNSET").then(|| name.to_owned());
        let mut variables = Variables::new(&lookup);
        assert_eq!(variables.number("-1"), None);
        assert_eq!(variables.count("0"), None);
        assert_eq!(variables.count(" 7 "), Some(7));
        assert_eq!(variables.millis("1.5"), None);
        assert!(variables.is_true("TRUE") && !variables.is_true("False"));
        assert!(!variables.is_true("1"));
        assert_eq!(variables.warnings().len(), 4, "{variables:?}");
        assert_eq!(variables.text("UNSET"), None);
        assert_eq!(variables.text("  "), None);
        assert_eq!(variables.number("UNSET"), None);
        assert_eq!(variables.warnings().len(), 4, "unset is not wrong");
    }
}
