//! The resource: service, host and process, from the environment and the system.
//!
//! Applications call it for their tracer; the facade does so in `init`.

use std::env::consts;

use hopline_core::Resource;
use hopline_core::variables::Variables;

use crate::lists::pairs;

/// The resource of this process: its service, attributes from the environment, host and process.
///
/// `OTEL_SERVICE_NAME` wins over `service.name` in `OTEL_RESOURCE_ATTRIBUTES`, and that over `default_service`. Attributes
/// are `key=value`, separated by commas, percent-encoded if needed. If one of them is malformed, all are ignored with a
/// notice, as the OpenTelemetry resource specification asks.
///
/// It also has `service.instance.id` (random), `host.name`, `host.arch`, `os.type`, `process.pid`,
/// `process.executable.name` and `telemetry.sdk.*`, each unless `OTEL_RESOURCE_ATTRIBUTES` sets it. Command lines, users
/// and paths are left out: they may hold secrets.
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
    resource_from_variables(default_service, &|name| std::env::var(name).ok())
}

/// The same from variables that `variable` looks up; an empty value counts as unset.
///
/// # Examples
///
/// ```
/// let set = |name: &str| match name {
///     "OTEL_RESOURCE_ATTRIBUTES" => Some("deployment.environment.name=test".to_owned()),
///     _ => None,
/// };
/// let resource = hopline_otlp::resource_from_variables("orders", &set);
/// assert_eq!(resource.service_name(), "orders");
/// assert!(resource.iter().any(|(key, _)| key == "deployment.environment.name"));
/// ```
pub fn resource_from_variables(
    default_service: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Resource {
    let mut variables = Variables::new(variable);
    let resource = resource(&mut variables, default_service);
    variables.notify("otlp-resource");
    resource
}

fn resource(variables: &mut Variables<'_>, default_service: &str) -> Resource {
    let mut resource = detected(Resource::new(default_service));
    if let Some(list) = variables.text("OTEL_RESOURCE_ATTRIBUTES") {
        match pairs(&list).collect::<Option<Vec<_>>>() {
            Some(pairs) => {
                resource = pairs
                    .into_iter()
                    .fold(resource, |all, (key, value)| all.with(key, value))
            }
            None => variables.warn(
                "OTEL_RESOURCE_ATTRIBUTES is not a list of key=value and is ignored".to_owned(),
            ),
        }
    }
    if let Some(name) = variables.text("OTEL_SERVICE_NAME") {
        resource = resource.with("service.name", name);
    }
    resource
}

/// Adds attributes of the host and the process.
fn detected(resource: Resource) -> Resource {
    let architecture = match consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        other => other,
    };
    let system = match consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let executable = std::env::current_exe().ok();
    let executable = executable.as_deref().and_then(|path| path.file_name());
    let detected = [
        ("service.instance.id", instance_id()),
        ("host.name", host_name()),
        ("host.arch", Some(architecture.to_owned())),
        ("os.type", Some(system.to_owned())),
        (
            "process.executable.name",
            executable.map(|name| name.to_string_lossy().into_owned()),
        ),
    ];
    let resource = detected
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .fold(resource, |all, (key, value)| all.with(key, value));
    resource.with("process.pid", i64::from(std::process::id()))
}

/// A random UUID, version 4, as the semantic conventions recommend.
fn instance_id() -> Option<String> {
    let bits = random_bits() & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let mut parts = Vec::new();
    let mut rest = hex.as_str();
    for len in [8, 4, 4, 4, 12] {
        let (part, tail) = rest.split_at_checked(len)?;
        parts.push(part);
        rest = tail;
    }
    Some(parts.join("-"))
}

/// Random bits from the keys that std draws for its hash maps: another source would be a dependency.
fn random_bits() -> u128 {
    use std::hash::{BuildHasher as _, RandomState};
    let word = |number: u8| u128::from(RandomState::new().hash_one(number));
    word(0) << 64 | word(1)
}

fn host_name() -> Option<String> {
    // from the kernel, else from a shell's variable
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let shell = || {
        ["HOSTNAME", "COMPUTERNAME"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok())
    };
    kernel
        .or_else(shell)
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
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
        let mut variables = Variables::new(&lookup);
        let resource = resource(&mut variables, "argument");
        (resource, variables.warnings().len())
    }

    fn text(resource: &Resource, key: &str) -> Option<String> {
        resource
            .iter()
            .find(|(known, _)| *known == key)
            .map(|(_, value)| value.to_string())
    }

    #[test]
    fn the_service_name_is_of_the_first_source_that_sets_one() {
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
        assert_eq!(text(&resource, "a").as_deref(), Some("1,2"));
        assert_eq!(text(&resource, "b").as_deref(), Some("x y"));
        assert_eq!(warnings, 0);
    }

    #[test]
    fn one_malformed_attribute_discards_all_with_a_warning() {
        for list in ["a=1,b", "=1,a=1", "a=%zz"] {
            let (resource, warnings) = resource_of(&[("OTEL_RESOURCE_ATTRIBUTES", list)]);
            assert!(resource.iter().all(|(key, _)| key != "a"), "{list}");
            assert_eq!(warnings, 1, "{list}");
        }
    }

    #[test]
    fn host_and_process_are_detected_unless_the_operator_sets_them() {
        let (resource, _) = resource_of(&[]);
        let pid = std::process::id().to_string();
        assert_eq!(text(&resource, "process.pid"), Some(pid));
        for key in [
            "host.arch",
            "os.type",
            "process.executable.name",
            "telemetry.sdk.name",
        ] {
            assert!(text(&resource, key).is_some(), "{key}");
        }
        let id = text(&resource, "service.instance.id").unwrap();
        assert_eq!((id.len(), id.as_bytes()[14]), (36, b'4'), "{id}");
        assert_ne!(text(&resource_of(&[]).0, "service.instance.id"), Some(id));

        let list = (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.instance.id=a,host.name=b",
        );
        let (resource, _) = resource_of(&[list]);
        assert_eq!(text(&resource, "service.instance.id").as_deref(), Some("a"));
        assert_eq!(text(&resource, "host.name").as_deref(), Some("b"));
    }
}
