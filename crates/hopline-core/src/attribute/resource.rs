//! The resource: attributes of the service, sent once with each batch of its spans.

use crate::attribute::owned::OwnedValue;

/// The attributes of the service that records spans, the same for all of its spans.
///
/// See [OpenTelemetry, resource](https://opentelemetry.io/docs/specs/otel/resource/sdk/). A tracer has one; exporters
/// send it with each request.
///
/// # Examples
///
/// ```
/// use hopline_core::Resource;
///
/// let resource = Resource::new("orders").with("deployment.environment.name", "staging");
/// assert_eq!(resource.service_name(), "orders");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    attributes: Vec<(String, OwnedValue)>,
}

const SERVICE_NAME: &str = "service.name";

impl Resource {
    /// Creates the resource of a service: `service.name`, and the attributes that OpenTelemetry requires of every SDK,
    /// `telemetry.sdk.name`, `telemetry.sdk.language` and `telemetry.sdk.version`.
    pub fn new(service: &str) -> Self {
        Self::empty()
            .with(SERVICE_NAME, service)
            .with("telemetry.sdk.name", "hopline")
            .with("telemetry.sdk.language", "rust")
            .with("telemetry.sdk.version", env!("CARGO_PKG_VERSION"))
    }

    /// Creates a resource without attributes, to be filled by a decoder.
    pub fn empty() -> Self {
        Self {
            attributes: Vec::new(),
        }
    }

    /// Returns the resource with this attribute, which replaces one of the same key.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<OwnedValue>) -> Self {
        let (key, value) = (key.into(), value.into());
        match self.attributes.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => self.attributes.push((key, value)),
        }
        self
    }

    /// The value of `service.name`. Defaults to `unknown_service`.
    pub fn service_name(&self) -> &str {
        let name = self.iter().find(|(key, _)| *key == SERVICE_NAME);
        name.and_then(|(_, value)| value.as_str())
            .unwrap_or("unknown_service")
    }

    /// The attributes in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &OwnedValue)> {
        self.attributes
            .iter()
            .map(|(key, value)| (key.as_str(), value))
    }
}

/// The resource of an unknown service.
impl Default for Resource {
    fn default() -> Self {
        Self::new("unknown_service")
    }
}
