//! Every documented error of every constructor: outside a runtime, in runtimes of both kinds, and in tasks.
#![cfg(feature = "http")]

use std::process::Command;

use hopline_otlp::{Exporter, FileSink};
use hopline_test_support::folder::TempFolder;
use tokio::runtime::Builder;

/// Runs it everywhere a constructor may be called, and gives what each call returned.
fn everywhere<T: Send + 'static>(run: impl Fn() -> T + Copy + Send + Sync + 'static) -> Vec<T> {
    let current = Builder::new_current_thread().enable_all().build().unwrap();
    let multi = Builder::new_multi_thread()
        .worker_threads(1)
        // printed, so that the test without threads can have these
        .thread_stack_size(2 << 20)
        .enable_all()
        .build()
        .unwrap();
    let mut returned = vec![run()];
    for runtime in [&current, &multi] {
        returned.push(runtime.block_on(async move { run() }));
        let spawned = runtime.block_on(async move { tokio::spawn(async move { run() }).await });
        returned.push(spawned.unwrap());
    }
    returned
}

#[track_caller]
fn assert_errors(message: &str, build: impl Fn() -> Option<String> + Copy + Send + Sync + 'static) {
    for error in everywhere(build) {
        let error = error.unwrap_or_else(|| panic!("no error with {message:?}"));
        assert!(
            error.contains(message),
            "{error:?} does not contain {message:?}"
        );
    }
}

/// The error of an exporter that these variables describe.
fn of_variables(variables: &[(&str, &str)]) -> Option<String> {
    let lookup = |name: &str| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let error = Exporter::from_variables(&lookup).err()?;
    assert_eq!(error.to_string(), format!("{error:?}"));
    Some(error.to_string())
}

#[test]
fn every_error_of_an_exporter_is_returned_in_every_runtime() {
    assert_errors("is not an absolute http or https URL", || {
        let exporter = Exporter::builder().endpoint("u:s3cret@h:4318").build();
        exporter.err().map(|error| error.to_string())
    });
    assert_errors("is not an absolute http or https URL", || {
        of_variables(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "h:4318")])
    });
    assert_errors("has an invalid name or an invalid value", || {
        let exporter = Exporter::builder().headers([("a b", "c")]).build();
        exporter.err().map(|error| error.to_string())
    });
    assert_errors("cannot be read", || {
        of_variables(&[("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nonexistent/ca.pem")])
    });
    assert_errors("is half of a client's certificate and key", || {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        of_variables(&[("OTEL_EXPORTER_OTLP_CLIENT_KEY", manifest)])
    });
    #[cfg(not(feature = "grpc"))]
    assert_errors("`grpc`", || {
        of_variables(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")])
    });
    #[cfg(not(feature = "tls"))]
    assert_errors("`tls`", || {
        of_variables(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://h")])
    });
}

#[cfg(feature = "tls")]
#[test]
fn unusable_certificates_are_errors_in_every_runtime() {
    for protocol in ["http/protobuf", "grpc"] {
        if protocol == "grpc" && cfg!(not(feature = "grpc")) {
            continue;
        }
        assert_errors("OTEL_EXPORTER_OTLP_CERTIFICATE is `", move || {
            of_variables(&[
                ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:9"),
                (
                    "OTEL_EXPORTER_OTLP_CERTIFICATE",
                    concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
                ),
            ])
        });
    }
    assert_errors("the client's certificate or key", || {
        let builder = Exporter::builder().endpoint("https://127.0.0.1:9");
        let exporter = builder.client_certificate("no", "PEM").build();
        exporter.err().map(|error| error.to_string())
    });
}

#[cfg(feature = "spool")]
#[test]
fn a_spool_in_use_or_that_cannot_be_created_is_an_error_in_every_runtime() {
    let folder = TempFolder::new();
    let spool: &'static str = folder.0.to_str().unwrap().to_owned().leak();
    let file: &'static str = format!("{spool}/file/below").leak();
    let spooling = |folder: &'static str| {
        Exporter::builder()
            .endpoint("http://127.0.0.1:9")
            .spool(folder, 1 << 20)
    };
    let _first = spooling(spool).build().unwrap();
    assert_errors("another exporter uses it", move || {
        let exporter = spooling(spool).build();
        exporter.err().map(|error| error.to_string())
    });
    std::fs::write(folder.0.join("file"), b"").unwrap();
    assert_errors("HOPLINE_SPOOL is `", move || {
        of_variables(&[("HOPLINE_SPOOL", file)])
    });
}

#[test]
fn every_error_of_a_file_is_returned_in_every_runtime() {
    assert_errors("No such file", || {
        let sink = FileSink::create("/nonexistent/spans.jsonl");
        sink.err().map(|error| error.to_string())
    });
    assert_errors("No such file", || {
        let sink = FileSink::rotated("/nonexistent/spans.jsonl", 1000, 1);
        sink.err().map(|error| error.to_string())
    });
}

const STACK: &str = "RUST_MIN_STACK";

/// In a process of its own, in which std can start no thread: no stack has room for that.
#[cfg(target_os = "linux")]
#[test]
fn an_export_thread_that_cannot_be_started_is_an_error_in_every_runtime() {
    let name = "an_export_thread_that_cannot_be_started_is_an_error_in_every_runtime";
    if std::env::var_os(STACK).is_none() {
        let mut child = Command::new(std::env::current_exe().unwrap());
        // one thread of tests is the main one
        child.args(["--exact", name, "--test-threads=1", "--nocapture"]);
        let child = child
            .env(STACK, (1_u64 << 62).to_string())
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&child.stdout);
        assert!(
            child.status.success() && printed.contains("1 passed"),
            "{child:?}"
        );
        return;
    }
    assert_errors("the export thread cannot be started", || {
        let exporter = Exporter::builder().endpoint("http://127.0.0.1:9").build();
        exporter.err().map(|error| error.to_string())
    });
    let errors = everywhere(|| FileSink::to_writer(std::io::sink()).is_err());
    assert_eq!(errors, [true; 5]);
    let errors = everywhere(|| FileSink::text_to(std::io::sink(), |_| String::new()).is_err());
    assert_eq!(errors, [true; 5]);
}
