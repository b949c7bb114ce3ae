//! The environment variables of OpenTelemetry.

use hopline_core::notify;

use crate::bytes_text::percent_decoded;

/// Looks variables up and gathers what is wrong with them, to be said in one notice.
pub(crate) struct Env<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    warnings: Vec<String>,
}

impl<'a> Env<'a> {
    pub(crate) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            warnings: Vec::new(),
        }
    }

    /// The trimmed value of a variable; an empty one counts as unset.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    pub(crate) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    pub(crate) fn say_warnings(&self, kind: &'static str) {
        if !self.warnings.is_empty() {
            notify(kind, || self.warnings.join("; "));
        }
    }

    #[cfg(test)]
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

#[cfg(feature = "http")]
impl Env<'_> {
    /// The first of these variables that is set, and its name.
    pub(crate) fn first(&self, names: [&'static str; 2]) -> Option<(&'static str, String)> {
        names
            .into_iter()
            .find_map(|name| Some((name, self.text(name)?)))
    }

    /// A whole number; a warning where it is something else.
    pub(crate) fn number(&mut self, name: &str, text: &str) -> Option<u64> {
        let number = text.parse().ok();
        if number.is_none() {
            self.warn(format!("{name} is not a whole number and is ignored"));
        }
        number
    }

    pub(crate) fn millis(&mut self, name: &str, text: &str) -> Option<std::time::Duration> {
        self.number(name, text)
            .map(std::time::Duration::from_millis)
    }
}

/// The members of `key=value,key=value`, percent-decoded; `None` in place of one that is not so.
pub(crate) fn pairs(list: &str) -> impl Iterator<Item = Option<(String, String)>> {
    members(list).map(|member| {
        let (key, value) = member?;
        let key = percent_decoded(key)?;
        Some((key, percent_decoded(value)?))
    })
}

/// The members of `key=value,key=value` as they were written; `None` in place of one that is not so.
pub(crate) fn members(list: &str) -> impl Iterator<Item = Option<(&str, &str)>> {
    let members = list
        .split(',')
        .map(str::trim)
        .filter(|member| !member.is_empty());
    members.map(|member| {
        let (key, value) = member.split_once('=')?;
        let key = key.trim();
        (!key.is_empty()).then_some((key, value.trim()))
    })
}
