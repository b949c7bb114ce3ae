//! The JSON decoder: input of other exporters that it accepts, and input that it refuses.

use hopline_core::SpanKind;
use hopline_core::export::{OwnedValue, SpanData};
use hopline_otlp::decode_json;

/// One span with these members beside its ids and times.
fn decode(members: &str) -> Result<SpanData, String> {
    let comma = if members.is_empty() { "" } else { "," };
    let line = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"5b8efff798038103d269b633813fc60c",
        "spanId":"eee19b7ec3c1b174","startTimeUnixNano":"10","endTimeUnixNano":20{comma}{members}}}]}}]}}]}}"#
    );
    decode_json(&line)
        .map(|mut spans| spans.remove(0))
        .map_err(|error| error.to_string())
}

#[test]
fn a_span_needs_only_ids() {
    let span = decode("").unwrap();
    assert_eq!((span.start_unix_nanos, span.end_unix_nanos), (10, 20));
    assert_eq!(
        (span.kind, span.parent, span.service()),
        (SpanKind::Internal, None, "unknown_service")
    );
}

#[test]
fn requests_without_spans_are_empty() {
    for line in [
        "{}",
        r#"{"resourceSpans":null}"#,
        r#"{"resourceLogs":[{}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[]}]}"#,
    ] {
        assert_eq!(decode_json(line).unwrap(), [], "{line}");
    }
}

#[test]
fn kinds_and_status_are_numbers_or_names() {
    assert_eq!(decode(r#""kind":4"#).unwrap().kind, SpanKind::Producer);
    assert_eq!(
        decode(r#""kind":"SPAN_KIND_SERVER""#).unwrap().kind,
        SpanKind::Server
    );
    assert_eq!(decode(r#""kind":77"#).unwrap().kind, SpanKind::Internal);
    assert!(
        decode(r#""status":{"code":"STATUS_CODE_ERROR"}"#)
            .unwrap()
            .is_error()
    );
    assert!(!decode(r#""status":{"code":1}"#).unwrap().is_error());
}

#[test]
fn base64_ids_are_read() {
    let span = decode(r#""parentSpanId":"7uGbfsPBsXQ=""#).unwrap();
    assert_eq!(span.parent, Some(span.span_id));
    assert_eq!(
        decode(r#""parentSpanId":"0000000000000000""#)
            .unwrap()
            .parent,
        None
    );
}

#[test]
fn values_of_every_type_are_fitted_in() {
    let span = decode(
        r#""attributes":[
            {"key":"i","value":{"intValue":"-7"}}, {"key":"j","value":{"intValue":8}},
            {"key":"d","value":{"doubleValue":2}}, {"key":"b","value":{"bytesValue":"AAE="}},
            {"key":"m","value":{"kvlistValue":{"values":[{"key":"k","value":{"arrayValue":{"values":[{"intValue":"5"}]}}},
                {"key":"l","value":{"kvlistValue":{"values":[{"key":"x","value":{"boolValue":true}}]}}}]}}},
            {"key":"none","value":{}}, {"key":"null"},
            {"key":"new","value":{"fancyValue":1}}, {"key":"i","value":{"intValue":9}},
            {"key":"a","value":{"arrayValue":{"values":[{"stringValue":"x"},{}]}}}, {"key":"e","value":{"arrayValue":{}}}]"#,
    )
    .unwrap();
    let expected = [
        ("i", OwnedValue::I64(9)),
        ("j", OwnedValue::I64(8)),
        ("d", OwnedValue::F64(2.0)),
        ("b", OwnedValue::from("AAE=")),
        ("m", OwnedValue::from(r#"{"k":[5],"l":{"x":true}}"#)),
        ("a", OwnedValue::Array(vec!["x".into()])),
        ("e", OwnedValue::Array(Vec::new())),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    assert_eq!(span.attributes, expected);
}

#[test]
fn an_invalid_tracestate_is_left_out() {
    assert!(
        decode(r#""traceState":"a=1,,=""#)
            .unwrap()
            .tracestate
            .is_empty()
    );
    assert_eq!(
        decode(r#""traceState":"a=1""#).unwrap().tracestate.get("a"),
        Some("1")
    );
}

#[test]
fn errors_have_the_place_and_the_reason() {
    let place = "resourceSpans[0].scopeSpans[0].spans[0]";
    for (members, expected) in [
        (r#""parentSpanId":"xyz""#, ".parentSpanId: not a valid id"),
        (r#""name":5"#, ".name: not text"),
        (r#""flags":-1"#, ".flags: not such a number"),
        (
            r#""droppedEventsCount":"4294967296""#,
            ".droppedEventsCount: not such a number",
        ),
        (r#""attributes":{}"#, ".attributes: not an array"),
        (
            r#""attributes":[{"key":"k","value":{"intValue":"x"}}]"#,
            ".attributes[0].value.intValue: not of its type",
        ),
        (r#""events":[{},7]"#, ".events[1]: not an object"),
        (
            r#""links":[{"traceId":""}]"#,
            ".links[0].traceId: not a valid id",
        ),
    ] {
        assert_eq!(decode(members).unwrap_err(), format!("{place}{expected}"));
    }
    assert_eq!(decode_json("[]").unwrap_err().to_string(), "not an object");
    assert!(decode_json("").unwrap_err().is_syntax());
}

#[test]
fn deep_nesting_is_refused() {
    let deep = format!(
        r#"{{"resourceSpans":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(decode_json(&deep).unwrap_err().is_syntax());
}
