//! Exporters of other SDKs: each sends spans to the viewer, and prints them for comparison.

use hopline_core::TraceId;
use hopline_core::export::{OwnedValue, SpanData, StatusData};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::Result;
use crate::collector::Collector;
use crate::neighbour::{node, python};

/// Values of `OTEL_EXPORTER_OTLP_PROTOCOL`, for each of which both SDKs have an exporter.
const PROTOCOLS: [&str; 3] = ["http/protobuf", "http/json", "grpc"];

/// Sends with each exporter, compressed and not, and compares span by span.
///
/// # Errors
///
/// A span is not in the viewer once, with each value as its SDK has it.
pub(crate) async fn check() -> Result<()> {
    for protocol in PROTOCOLS {
        for compression in ["none", "gzip"] {
            for (name, program) in [
                ("python", python("sender.py")?),
                ("node", node("sender.cjs")?),
            ] {
                let count = send(program, protocol, compression)
                    .await
                    .map_err(|error| format!("{name}, {protocol}, {compression}: {error}"))?;
                println!(
                    "{name:6}  {protocol:13}  {compression:4}  {count} spans, each once with its values"
                );
            }
        }
    }
    Ok(())
}

async fn send(mut program: Command, protocol: &str, compression: &str) -> Result<usize> {
    let collector = Collector::start().await?;
    let endpoint = match protocol {
        "grpc" => &collector.grpc_url,
        _ => &collector.url,
    };
    program
        .arg(protocol)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("NO_PROXY", "127.0.0.1")
        .kill_on_drop(true);
    // one of the SDKs knows no word for it
    if compression != "none" {
        program.env("OTEL_EXPORTER_OTLP_COMPRESSION", compression);
    }
    // it ends when the viewer has answered
    let output = program.output().await?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {text}", output.status).into());
    }
    let printed = String::from_utf8(output.stdout)?;
    let mut count = 0;
    for line in printed.lines() {
        compare(&serde_json::from_str(line)?, &collector)?;
        count += 1;
    }
    collector.check()?;
    let counts = collector.view.counts();
    if counts.spans != count || count < 100 {
        return Err(format!("{count} spans were sent: {counts:#?}").into());
    }
    // the body is a map, which is text in the viewer
    let with_log = collector.view.find(&"[1,2] sold".parse()?);
    if counts.logs != 1 || with_log.len() != 1 {
        return Err(format!("the log record is not in its trace: {counts:#?}").into());
    }
    Ok(count)
}

/// # Errors
///
/// The viewer does not have this span once with these values.
fn compare(sent: &Value, collector: &Collector) -> Result<()> {
    let id = |at: usize| sent["context"][at].as_str().unwrap_or_default();
    let spans = collector.view.spans(TraceId::from_hex(id(0))?);
    let mut same = spans
        .iter()
        .filter(|span| span.span_id.to_string() == id(1));
    let (Some(span), None) = (same.next(), same.next()) else {
        return Err(format!("not once in the viewer: {sent:#}").into());
    };
    let shown = shown(span);
    if shown == *sent {
        Ok(())
    } else {
        Err(format!("sent {sent:#}\nshown {shown:#}").into())
    }
}

/// A span in the form that the senders print.
fn shown(span: &SpanData) -> Value {
    let context =
        |trace: TraceId, span: hopline_core::SpanId| json!([trace.to_string(), span.to_string()]);
    let events = span.events.iter().map(|event| {
        let time = event.time_unix_nanos.to_string();
        json!([event.name, time, pairs(&event.attributes)])
    });
    let links = span.links.iter().map(|link| link.span_context.clone());
    json!({
        "context": context(span.trace_id, span.span_id),
        "parent": span.parent.map(|id| id.to_string()).unwrap_or_default(),
        "remote": span.parent_is_remote,
        "tracestate": span.tracestate.as_str(),
        "name": span.name,
        "kind": format!("{:?}", span.kind).to_lowercase(),
        "start": span.start_unix_nanos.to_string(),
        "end": span.end_unix_nanos.to_string(),
        "error": match &span.status {
            StatusData::Error { message } => json!(message),
            StatusData::Unset => Value::Null,
        },
        "attributes": pairs(&span.attributes),
        "dropped": span.dropped_attributes,
        "events": events.collect::<Vec<_>>(),
        "links": links.map(|link| context(link.trace_id(), link.span_id())).collect::<Vec<_>>(),
        "service": span.service(),
        "scope": [span.scope.name, span.scope.version],
    })
}

fn pairs(attributes: &[(String, OwnedValue)]) -> Value {
    let pair = |(key, one): &(String, OwnedValue)| json!([key, value(one)]);
    attributes.iter().map(pair).collect()
}

fn value(value: &OwnedValue) -> Value {
    match value {
        OwnedValue::Bool(truth) => json!(truth),
        OwnedValue::I64(number) => json!(number),
        OwnedValue::F64(number) => json!(number),
        OwnedValue::Text(text) => json!(text),
        OwnedValue::Array(values) => values.iter().map(self::value).collect(),
    }
}
