//! Spans that no correct service makes: deep, circular, in any order.

use hopline_analysis::{
    Expectations, TreeOptions, latency, repeated_statements, self_check, service_map, traces,
};
use hopline_core::export::SpanData;
use hopline_core::{SpanKind, TraceId};
use proptest::prelude::*;

use crate::made::{MS, expected, span, tree};

#[test]
fn a_trace_as_deep_as_a_well_is_answered() {
    let spans: Vec<SpanData> = (1..100_000)
        .map(|id| {
            span(
                id,
                id - 1,
                "a",
                "step",
                SpanKind::Internal,
                (id, 200_000 - id),
            )
        })
        .collect();
    let trace = &traces(&spans)[0];
    assert!(trace.tree(&TreeOptions::default()).contains("more lines"));
    assert_eq!(
        trace
            .critical_path()
            .iter()
            .map(|segment| segment.nanos())
            .sum::<u64>(),
        199_998 * MS
    );
    assert_eq!(service_map(&spans).edges.len(), 0);
    assert!(!self_check(&spans, &Expectations::new()).is_ok());
}

prop_compose! {
    /// Anything: parents that are missing or in cycles, ids twice, ends before starts.
    fn any_spans()(raw in prop::collection::vec((1_u64..12, 0_u64..14, 0_u64..50, 0_u64..50, 0_u8..5, 1_u128..3), 0..24)) -> Vec<SpanData> {
        let kinds = [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];
        raw.into_iter().map(|(id, parent, from, to, kind, trace)| {
            let kind = kinds[usize::from(kind)];
            let parent = if kind == SpanKind::Consumer { parent.max(1) } else { parent };
            let mut span = span(id, parent, if id % 2 == 0 { "a" } else { "b" }, &format!("n{id}"), kind, (from, to));
            span.trace_id = TraceId::from_u128(trace).unwrap();
            span
        }).collect()
    }
}

proptest! {
    #[test]
    fn any_spans_are_answered(spans in any_spans()) {
        let _ = (repeated_statements(&spans, 2), latency(&spans).to_string(), service_map(&spans).to_string(), self_check(&spans, &expected()).to_string());
        for trace in traces(&spans) {
            let drawn = trace.tree(&TreeOptions::snapshot());
            let shown = drawn.lines().filter(|line| *line != "(parent not received)").count();
            prop_assert_eq!(shown, trace.spans().len(), "every span has its line");
            trace.tree(&TreeOptions::default().width(60));
        }
    }

    #[test]
    fn the_order_of_arrival_changes_nothing(spans in any_spans().prop_shuffle()) {
        let mut turned = spans.clone();
        turned.reverse();
        // of spans with one id the first to arrive may be meant: leave one
        let once = |spans: &mut Vec<SpanData>| { spans.sort_by_key(|span| (span.trace_id, span.span_id)); spans.dedup_by_key(|span| (span.trace_id, span.span_id)); };
        let (mut one, mut other) = (spans, turned);
        once(&mut one);
        other.retain(|span| one.contains(span));
        once(&mut other);
        prop_assert_eq!(tree(&one, &TreeOptions::snapshot()), tree(&other, &TreeOptions::snapshot()));
    }

    #[test]
    fn the_critical_path_covers_the_root_without_overlap(spans in any_spans()) {
        for trace in traces(&spans) {
            let root = trace.roots().next().unwrap();
            let path = trace.critical_path();
            prop_assert_eq!(path.iter().map(|segment| segment.nanos()).sum::<u64>(), root.duration_nanos());
            for pair in path.windows(2) {
                prop_assert_eq!(pair[0].end_unix_nanos, pair[1].start_unix_nanos);
            }
            for index in 0..trace.spans().len() {
                prop_assert!(trace.self_time(index) <= trace.spans()[index].duration_nanos());
            }
        }
    }
}
