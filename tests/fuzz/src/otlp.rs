//! `otlp`: the input is the body of a request to a viewer.

use hopline_analysis::{TreeOptions, traces};
use hopline_view::decode::{Decoded, Signal, file, protobuf};
use hopline_view::export::{json_line, otlp_json};
use hopline_view::{View, ViewLimits};

/// Any body is refused, or its spans are stored within the bounds, shown, and written and read again as they are.
pub fn otlp(data: &[u8]) {
    for signal in [Signal::Traces, Signal::Logs, Signal::Metrics] {
        if let Ok(decoded) = protobuf(signal, data) {
            shown(&decoded);
        }
    }
    if let Some(decoded) = std::str::from_utf8(data)
        .ok()
        .and_then(|text| file(text).ok())
    {
        shown(&decoded);
    }
}

fn shown(decoded: &Decoded) {
    const BYTES: usize = 100_000;
    let view = View::with_limits(
        ViewLimits::default()
            .bytes(BYTES)
            .traces(8)
            .spans_per_trace(100),
    );
    view.add(&decoded.spans, &decoded.logs);
    let counts = view.counts();
    assert!(counts.bytes <= BYTES && counts.traces <= 8, "{counts:?}");
    for spans in view.find(&Default::default()) {
        for trace in traces(&spans) {
            let line = json_line(&trace);
            assert!(!line.contains('\n') && line.starts_with('{'), "{line}");
            assert!(trace.tree(&TreeOptions::default()).ends_with('\n'));
        }
        let again = file(&otlp_json(&spans, &[])).expect("what is written is read");
        assert_eq!(again.spans.len(), spans.len());
    }
}
