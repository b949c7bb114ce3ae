//! ClickHouse's engine, in a Python process: loads the spans, and answers the queries of `deploy/clickhouse`.

use std::path::Path;
use std::process::{Command, Stdio};

use hopline_core::export::SpanData;
use serde_json::Value;

use crate::sampled::{PLANS, TRACES};
use crate::{Result, deploy, expected};

/// The largest difference that rounding explains, relative to the number.
const ROUNDING: f64 = 2e-3;

/// The answer to each query, by the name of its file.
#[derive(Debug)]
pub(crate) struct Answers(Value);

/// Runs the files of `deploy/clickhouse` over the `.jsonl` files of a folder.
pub(crate) fn ask(python: &Path, spans: &Path) -> Result<Answers> {
    let output = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/clickhouse.py"))
        .arg(deploy().join("clickhouse"))
        .arg(spans.join("*.jsonl"))
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("clickhouse.py: {}", output.status).into());
    }
    Ok(Answers(serde_json::from_slice(&output.stdout)?))
}

/// Compares each answer with the recorded spans, and gives a line for each.
pub(crate) fn compare(answers: &Answers, spans: &[SpanData]) -> Result<Vec<String>> {
    let loaded = answers.rows("loaded")?[0]["spans"].as_u64();
    if loaded != Some(spans.len() as u64) {
        return Err(format!("{} spans were recorded, {loaded:?} loaded", spans.len()).into());
    }
    let mut lines = vec![format!("ClickHouse's engine loads {} spans", spans.len())];
    let by_name = |mut rows: Vec<Value>| {
        rows.sort_by_key(|row| format!("{} {} {}", row["service"], row["method"], row["route"]));
        rows
    };
    for (name, answer, expected) in [
        (
            "slowest-routes",
            answers.rows("slowest-routes")?,
            expected::slowest_routes(spans),
        ),
        (
            "error-rate",
            by_name(answers.rows("error-rate")?),
            by_name(expected::error_rate(spans)),
        ),
        (
            "service-map",
            answers.rows("service-map")?,
            expected::service_map(spans),
        ),
        ("counts", answers.rows("counts")?, expected::counts(spans)),
    ] {
        if expected.is_empty()
            || !same(&Value::from(answer.clone()), &Value::from(expected.clone()))
        {
            return Err(
                format!("{name}.sql answers {answer:#?}; the spans give {expected:#?}").into(),
            );
        }
        lines.push(format!(
            "{name}.sql: {} rows, as the spans give",
            answer.len()
        ));
    }
    for (service, _) in PLANS {
        lines.push(true_count(&answers.rows("counts")?, service)?);
    }
    Ok(lines)
}

/// Compares the computed number of traces with the true one.
fn true_count(rows: &[Value], service: &str) -> Result<String> {
    let row = rows
        .iter()
        .find(|row| row["service"] == service)
        .ok_or(format!("counts.sql has no {service}"))?;
    let number = |key: &str| {
        row[key]
            .as_f64()
            .ok_or(format!("{key} of {service} is no number"))
    };
    let (traces, error) = (number("traces")?, number("standard_error")?);
    let line = format!(
        "counts.sql: {service} {traces} ± {error} of {TRACES} traces, from {} kept",
        row["kept"]
    );
    match (traces - f64::from(TRACES)).abs() <= 4.0 * error {
        true => Ok(line),
        false => Err(format!("{line}: more than four standard errors").into()),
    }
}

impl Answers {
    fn rows(&self, name: &str) -> Result<Vec<Value>> {
        let rows = self.0[name]
            .as_array()
            .ok_or(format!("clickhouse.py has no answer to {name}"))?;
        Ok(rows.clone())
    }
}

/// Equality, but for the rounding of numbers.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= ROUNDING * a.abs().max(1.0),
            _ => false,
        },
        (a, b) => a == b,
    }
}
