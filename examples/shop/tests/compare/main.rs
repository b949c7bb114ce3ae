//! The plain shop and the traced one, driven with the same requests: same answers, exit codes and log lines, and each
//! request is one right trace.

mod collector;
mod payments;
mod program;
mod requests;

use std::process::Command;

use hopline_analysis::{Expectations, self_check, traces};

use crate::collector::Collector;
use crate::program::Shop;

const FORMS: [(&str, &str); 2] = [
    ("plain", env!("CARGO_BIN_EXE_plain")),
    ("traced", env!("CARGO_BIN_EXE_traced")),
];

#[tokio::test]
async fn both_forms_answer_log_and_end_the_same() {
    let collector = Collector::start().await;
    let mut seen = Vec::new();
    for (form, program) in FORMS {
        let shop = Shop::start(form, program, &collector.endpoint()).await;
        let answers = requests::drive(&shop).await;
        let ended = shop.interrupt().await;
        seen.push((answers, ended));
    }
    let [(plain, plain_end), (traced, traced_end)] = <[_; 2]>::try_from(seen).unwrap();
    assert_eq!(plain.len(), 32, "requests sent");
    for (plain, traced) in plain.iter().zip(&traced) {
        assert_eq!(plain, traced);
    }
    assert_eq!(plain_end.status, traced_end.status);
    assert_eq!(plain_end.status, Some(0));
    assert!(plain_end.log.len() > 20, "{:#?}", plain_end.log);
    assert_eq!(plain_end.log, traced_end.log);

    each_request_is_one_right_trace(&collector, &traced);
}

fn each_request_is_one_right_trace(collector: &Collector, answers: &[requests::Answer]) {
    let spans = collector.spans();
    let report = self_check(&spans, &Expectations::new());
    assert!(report.is_ok(), "{report}");
    let traces = traces(&spans);
    let mut roots: Vec<&str> = traces
        .iter()
        .flat_map(|trace| trace.roots())
        .filter(|root| root.attribute("http.request.method").is_some())
        .map(|root| root.name.as_str())
        .collect();
    let mut expected: Vec<&str> = answers.iter().map(|answer| answer.span).collect();
    roots.sort_unstable();
    expected.sort_unstable();
    assert_eq!(roots, expected);

    let placed = traces
        .iter()
        .find(|trace| {
            let names = || trace.spans().iter().map(|span| &span.name);
            names().any(|name| name == "publish.message")
        })
        .expect("the trace of an order");
    let names: Vec<&str> = placed
        .spans()
        .iter()
        .map(|span| span.name.as_str())
        .collect();
    for name in [
        "db.begin",
        "db.query",
        "db.commit",
        "POST",
        "publish.message",
        "process.message",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
}

#[test]
fn both_forms_fail_the_same() {
    for variables in [
        &[][..],
        &[("SHOP_DATABASE_URL", "postgres://127.0.0.1:9/none")],
        &[("SHOP_LISTEN", "here")],
    ] {
        let ends: Vec<_> = FORMS
            .iter()
            .map(|(_, program)| {
                let mut command = Command::new(program);
                for name in ["SHOP_DATABASE_URL", "SHOP_AMQP_URL", "SHOP_PAYMENTS_URL"] {
                    command.env_remove(name);
                }
                let output = command
                    .envs(variables.iter().copied())
                    .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
                    .env("RUST_BACKTRACE", "0")
                    .output()
                    .unwrap();
                let log = String::from_utf8(output.stdout).unwrap();
                (output.status.code(), program::normal(&log))
            })
            .collect();
        assert_eq!(ends[0], ends[1]);
        assert_eq!(ends[0].0, Some(1));
        assert_eq!(ends[0].1.len(), 1, "{ends:?}");
    }
}

/// Adopting hopline changes construction sites and type names, nothing else.
#[test]
fn the_forms_differ_in_few_lines() {
    let output = Command::new("git")
        .args(["diff", "--no-index", "--numstat", "plain", "traced"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let changed: usize = table
        .split_whitespace()
        .filter_map(|word| word.parse::<usize>().ok())
        .sum();
    assert!((1..=40).contains(&changed), "{changed} lines:\n{table}");
}
