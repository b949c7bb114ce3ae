use std::time::Duration;

use super::*;

fn read(variables: &[(&str, &str)]) -> (Result<Option<Settings>, ConfigError>, Vec<String>) {
    let lookup = |name: &str| {
        variables
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let mut variables = Variables::new(&lookup);
    let settings = Settings::read(&mut variables);
    (settings, variables.warnings().to_vec())
}

fn settings(variables: &[(&str, &str)]) -> Settings {
    let (settings, warnings) = read(variables);
    assert_eq!(warnings, [""; 0]);
    settings.unwrap().unwrap()
}

fn endpoint_of(variables: &[(&str, &str)]) -> String {
    settings(variables).endpoint.to_string()
}

#[test]
fn the_path_is_appended_to_a_base_url_only() {
    assert_eq!(endpoint_of(&[]), "http://localhost:4318/v1/traces");
    for (base, expected) in [
        ("http://c:1", "http://c:1/v1/traces"),
        ("http://c:1/", "http://c:1/v1/traces"),
        ("http://c:1/otlp", "http://c:1/otlp/v1/traces"),
        ("http://c:1/otlp/", "http://c:1/otlp/v1/traces"),
        ("http://c:1/otlp?key=1", "http://c:1/otlp/v1/traces?key=1"),
    ] {
        assert_eq!(
            endpoint_of(&[("OTEL_EXPORTER_OTLP_ENDPOINT", base)]),
            expected
        );
    }
    let both = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://b:2/mine"),
    ];
    assert_eq!(endpoint_of(&both), "http://b:2/mine");
    assert_eq!(
        endpoint_of(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://b:2")]),
        "http://b:2/"
    );
}

#[test]
fn the_variable_for_traces_wins_and_an_empty_one_is_unset() {
    let set = settings(&[
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2500"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", ""),
        ("OTEL_BSP_SCHEDULE_DELAY", "70"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "9"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "800"),
        ("HOPLINE_MAX_QUEUE_BYTES", "1000"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip"),
    ]);
    assert_eq!(set.timeout, Duration::from_millis(2500));
    assert_eq!(set.protocol, Protocol::HttpJson);
    assert_eq!(set.schedule_delay, Duration::from_millis(70));
    assert_eq!((set.bounds.spans, set.bounds.bytes), (9, 1000));
    // a request cannot hold more than the queue
    assert_eq!(set.spans_at_once, 9);
    assert_eq!(set.give_up_after, Duration::from_millis(800));
    assert!(set.gzip);
}

#[test]
fn the_batch_size_variable_limits_requests() {
    let set = settings(&[("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100")]);
    assert_eq!((set.spans_at_once, set.bounds.spans), (100, 2048));
}

#[test]
fn certificates_are_read_at_the_start_or_are_errors() {
    let missing = "/nonexistent/ca.pem";
    for variable in [
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    ] {
        let (settings, _) = read(&[(variable, missing)]);
        let error = settings.unwrap_err();
        assert!(
            error.is_certificate() && error.variable() == Some(variable),
            "{error}"
        );
        let expected = format!("{variable} is `{missing}`, which cannot be read: ");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
    let alone = [(
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
    )];
    let error = read(&alone).0.unwrap_err().to_string();
    assert!(
        error.contains("half of a client's certificate and key"),
        "{error}"
    );
    // the content of the file in place of its name
    let key = [(
        "OTEL_EXPORTER_OTLP_CLIENT_KEY",
        "-----BEGIN PRIVATE KEY-----\ns3cret\n",
    )];
    let error = read(&key).0.unwrap_err();
    assert!(
        error.is_certificate() && !format!("{error} {error:?}").contains("s3cret"),
        "{error}"
    );
}

#[cfg(feature = "grpc")]
#[test]
fn a_grpc_endpoint_is_a_host_whose_scheme_may_be_left_out() {
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let endpoint = |url, insecure| {
        endpoint_of(&[
            grpc,
            ("OTEL_EXPORTER_OTLP_ENDPOINT", url),
            ("OTEL_EXPORTER_OTLP_INSECURE", insecure),
        ])
    };
    assert_eq!(endpoint_of(&[grpc]), "http://localhost:4317/");
    assert_eq!(endpoint("http://c:1/v1/traces", ""), "http://c:1/");
    assert_eq!(endpoint("c:1", "true"), "http://c:1/");
    #[cfg(feature = "tls")]
    {
        assert_eq!(endpoint("c:1", "false"), "https://c:1/");
        assert_eq!(endpoint("https://c:1", "true"), "https://c:1/");
    }
    assert_eq!(settings(&[grpc]).protocol, Protocol::Grpc);
}

#[cfg(feature = "spool")]
#[test]
fn a_spool_is_a_folder_and_a_size() {
    use crate::export::spool::{DEFAULT_BYTES, SpoolSettings};
    let folder = ("HOPLINE_SPOOL", "/var/spool/orders");
    let expected = |bytes| Some(SpoolSettings::new("/var/spool/orders", bytes));
    assert_eq!(settings(&[folder]).spool, expected(DEFAULT_BYTES));
    assert_eq!(
        settings(&[folder, ("HOPLINE_SPOOL_BYTES", "7")]).spool,
        expected(7)
    );
    assert_eq!(settings(&[]).spool, None);
    let (settings, warnings) = read(&[("HOPLINE_SPOOL_BYTES", "7")]);
    assert_eq!(settings.unwrap().unwrap().spool, None);
    assert!(warnings[0].contains("HOPLINE_SPOOL"), "{warnings:?}");
}

#[test]
fn headers_are_decoded_and_hidden() {
    let set = settings(&[("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s%20ecret,x=1")]);
    assert_eq!(set.headers["api-key"], "s ecret");
    assert_eq!(set.headers["x"], "1");
    let debug = format!("{set:?} {:?}", set.headers);
    assert!(
        debug.contains("api-key") && !debug.contains("ecret"),
        "{debug}"
    );
}

#[test]
fn enumeration_values_are_read_in_any_case() {
    let set = settings(&[
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "HTTP/JSON"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "GZIP"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "TRUE"),
        ("OTEL_TRACES_EXPORTER", "Otlp"),
    ]);
    assert_eq!((set.protocol, set.gzip), (Protocol::HttpJson, true));
    assert!(!settings(&[("OTEL_EXPORTER_OTLP_COMPRESSION", "None")]).gzip);
    #[cfg(feature = "grpc")]
    assert_eq!(
        settings(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "GRPC")]).protocol,
        Protocol::Grpc
    );
}

#[test]
fn a_header_is_sent_raw_where_an_escape_is_malformed_and_keys_are_not_decoded() {
    let set = settings(&[(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "api-key=50%off,x%2Dkey=v,spaced=a%20b,latin=%ff,cut=a%20b%2",
    )]);
    assert_eq!(set.headers["api-key"], "50%off");
    assert_eq!(set.headers["x%2dkey"], "v");
    assert!(!set.headers.contains_key("x-key"));
    assert_eq!(set.headers["spaced"], "a b");
    assert_eq!(set.headers["latin"], "%ff");
    assert_eq!(set.headers["cut"], "a%20b%2");
    let (settings, warnings) = read(&[("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret%0a,ok=1")]);
    assert_eq!(settings.unwrap().unwrap().headers.len(), 1);
    assert!(
        warnings[0].contains("api-key") && !warnings[0].contains("s3cret"),
        "{warnings:?}"
    );
}

#[test]
fn a_user_and_password_become_a_header_and_are_in_no_url() {
    for (variable, url) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:s3%40cret@c:1"),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://me:s3%40cret@c:1/v1/traces",
        ),
    ] {
        let set = settings(&[(variable, url)]);
        assert_eq!(set.endpoint.as_str(), "http://c:1/v1/traces");
        // me:s3@cret
        assert_eq!(set.headers["authorization"], "Basic bWU6czNAY3JldA==");
        assert!(set.headers["authorization"].is_sensitive());
        let given = settings(&[
            (variable, url),
            ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer x"),
        ]);
        assert_eq!(given.headers.get_all("authorization").iter().count(), 1);
        assert_eq!(given.headers["authorization"], "Bearer x");
    }
}

#[test]
fn an_unusable_endpoint_is_an_error() {
    for endpoint in [
        "localhost:4318",
        "collector",
        "ftp://c",
        "http://",
        "unix:///run/x",
        "http://c:99999",
    ] {
        let (settings, _) = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]);
        let error = settings.unwrap_err();
        assert!(error.is_endpoint(), "{endpoint}: {error}");
        assert_eq!(error.variable(), Some("OTEL_EXPORTER_OTLP_ENDPOINT"));
    }
}

#[cfg(not(feature = "tls"))]
#[test]
fn an_endpoint_that_needs_tls_is_an_error_that_names_the_feature() {
    let (settings, _) = read(&[(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "https://user:secret@c/x?token=secret",
    )]);
    let error = settings.unwrap_err();
    assert!(
        error.is_missing_feature() && error.remedy().contains("`tls`"),
        "{error}"
    );
    let error = error.to_string();
    assert!(
        error.contains("https://c/x") && !error.contains("secret"),
        "{error}"
    );
}

#[cfg(not(feature = "grpc"))]
#[test]
fn grpc_is_an_error_that_names_the_feature() {
    let (settings, _) = read(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
    let error = settings.unwrap_err();
    assert!(error.is_missing_feature());
    assert_eq!(
        error.to_string(),
        "OTEL_EXPORTER_OTLP_PROTOCOL is `grpc`, which this build cannot speak; enable the feature `grpc` of \
         hopline-otlp (`otlp-grpc` of hopline), or use http/protobuf, whose usual port is 4318"
    );
}

#[test]
fn other_bad_values_are_ignored_with_a_warning() {
    for (variable, value) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier/pigeon"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "no-value"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "bad name=1"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "yes"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1e3"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "30s"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
    ] {
        let (settings, warnings) = read(&[(variable, value)]);
        let settings = settings.unwrap().unwrap();
        assert!(
            warnings.len() == 1 && warnings[0].contains(variable),
            "{variable}={value}: {warnings:?}"
        );
        assert_eq!(
            format!("{settings:?}"),
            format!(
                "{:?}",
                Settings::for_endpoint(base_endpoint(DEFAULT_BASE, Signal::Traces).unwrap())
            )
        );
    }
}

#[test]
fn other_exporters_alone_disable_export() {
    for (list, exports) in [
        ("none", false),
        ("None", false),
        ("CONSOLE", false),
        ("console", false),
        ("otlp", true),
        ("console, otlp", true),
        ("OTLP,", true),
        ("", true),
    ] {
        let (settings, _) = read(&[("OTEL_TRACES_EXPORTER", list)]);
        assert_eq!(settings.unwrap().is_some(), exports, "{list:?}");
    }
}
