//! The environment variables of OpenTelemetry.

use hopline_core::{Resource, notify};

use crate::bytes_text::percent_decoded;

/// Reads the resource of a service from the environment.
///
/// `OTEL_SERVICE_NAME` beats the `service.name` of `OTEL_RESOURCE_ATTRIBUTES`, and that beats
/// `default_service`. Attributes are `key=value`, separated by commas, percent-encoded where needed;
/// if one of them cannot be read none is taken and a notice says so, as the OpenTelemetry resource
/// specification asks.
///
/// # Examples
///
/// ```
/// let resource = hopline_otlp::resource_from_env("orders");
/// # if std::env::var_os("OTEL_SERVICE_NAME").is_none() && std::env::var_os("OTEL_RESOURCE_ATTRIBUTES").is_none() {
/// assert_eq!(resource.service_name(), "orders");
/// # }
/// ```
pub fn resource_from_env(default_service: &str) -> Resource {
    let mut env = Env::new(&|name| std::env::var(name).ok());
    let resource = resource(&mut env, default_service);
    env.say_warnings();
    resource
}

fn resource(env: &mut Env<'_>, default_service: &str) -> Resource {
    let mut resource = Resource::new(default_service);
    if let Some(list) = env.text("OTEL_RESOURCE_ATTRIBUTES") {
        match pairs(&list).collect::<Option<Vec<_>>>() {
            Some(pairs) => {
                resource = pairs
                    .into_iter()
                    .fold(resource, |all, (key, value)| all.with(key, value))
            }
            None => env.warn(
                "OTEL_RESOURCE_ATTRIBUTES is not a list of key=value and is ignored".to_owned(),
            ),
        }
    }
    if let Some(name) = env.text("OTEL_SERVICE_NAME") {
        resource = resource.with("service.name", name);
    }
    resource
}

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

    pub(crate) fn say_warnings(&self) {
        if !self.warnings.is_empty() {
            notify("otlp-env", || self.warnings.join("; "));
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
    let members = list
        .split(',')
        .map(str::trim)
        .filter(|member| !member.is_empty());
    members.map(|member| {
        let (key, value) = member.split_once('=')?;
        let key = percent_decoded(key.trim())?;
        let value = percent_decoded(value.trim())?;
        (!key.is_empty()).then_some((key, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource_of(variables: &[(&str, &str)]) -> (Resource, usize) {
        let lookup = |name: &str| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let mut env = Env::new(&lookup);
        let resource = resource(&mut env, "argument");
        (resource, env.warnings().len())
    }

    #[test]
    fn the_service_name_comes_from_the_first_that_says_one() {
        let name = |variables: &[_]| resource_of(variables).0.service_name().to_owned();
        let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=listed");
        assert_eq!(name(&[]), "argument");
        assert_eq!(name(&[attributes]), "listed");
        assert_eq!(
            name(&[attributes, ("OTEL_SERVICE_NAME", " named ")]),
            "named"
        );
        assert_eq!(name(&[attributes, ("OTEL_SERVICE_NAME", "")]), "listed");
    }

    #[test]
    fn attributes_are_percent_decoded() {
        let (resource, warnings) =
            resource_of(&[("OTEL_RESOURCE_ATTRIBUTES", "a=1%2C2, b = x y ,")]);
        let text = |key| {
            resource
                .iter()
                .find(|(k, _)| *k == key)
                .map(|(_, value)| value.to_string())
        };
        assert_eq!(text("a").as_deref(), Some("1,2"));
        assert_eq!(text("b").as_deref(), Some("x y"));
        assert_eq!(warnings, 0);
    }

    #[test]
    fn one_bad_attribute_discards_all_and_is_said() {
        for list in ["a=1,b", "=1,a=1", "a=%zz"] {
            let (resource, warnings) = resource_of(&[("OTEL_RESOURCE_ATTRIBUTES", list)]);
            assert!(resource.iter().all(|(key, _)| key != "a"), "{list}");
            assert_eq!(warnings, 1, "{list}");
        }
    }
}
