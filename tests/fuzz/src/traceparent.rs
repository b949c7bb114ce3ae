//! `traceparent`: the input's lines are its field lines.

use hopline_core::{Incoming, SpanContext};

use crate::lines::{Lines, trimmed};

/// A header is read exactly if the specification allows it, and is sent in the form of version 00.
pub fn traceparent(data: &[u8]) {
    let lines = Lines::of("traceparent", data);
    let parent = Incoming::extract(&lines).parent;
    let mut values = lines.values("traceparent").map(trimmed);
    let valid = values
        .next()
        .filter(|value| values.next().is_none() && is_valid(value));
    assert_eq!(parent.is_some(), valid.is_some(), "what is valid");
    let (Some(parent), Some(value)) = (parent, valid) else {
        return;
    };
    let printed = parent.to_string();
    assert_eq!(printed.len(), 55);
    assert_eq!(
        printed.as_bytes()[2..53],
        value[2..53],
        "the ids are the received ones"
    );
    assert!(printed.starts_with("00-"), "{printed}");
    assert!(
        matches!(&printed[53..], "00" | "01" | "02" | "03"),
        "unknown flags are not sent: {printed}"
    );
    assert_eq!(
        hex(&value[53..55]).map(|flags| flags & 3),
        hex(&printed.as_bytes()[53..])
    );
    let again: SpanContext = printed.parse().expect("what is printed parses");
    assert_eq!(again.to_string(), printed);
    assert_eq!(
        (again.trace_id(), again.span_id(), again.flags()),
        (parent.trace_id(), parent.span_id(), parent.flags())
    );
}

/// Trace Context Level 2, sections 3.2.2 and 3.2.3, field by field, written another way than the parser.
fn is_valid(value: &[u8]) -> bool {
    let mut fields = value.split(|byte| *byte == b'-');
    let mut field = |length: usize| {
        let field = fields.next().filter(|field| field.len() == length)?;
        let lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        field.iter().all(lower).then_some(field)
    };
    let (Some(version), Some(trace), Some(span), Some(_)) =
        (field(2), field(32), field(16), field(2))
    else {
        return false;
    };
    let zero = |field: &[u8]| field.iter().all(|byte| *byte == b'0');
    let ends = fields.next().is_none();
    version != b"ff" && !zero(trace) && !zero(span) && (ends || version != b"00")
}

fn hex(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
