//! Names of cases: a group of what does the same, and who does it.

use hopline_gate::Case;

pub(crate) const HOPLINE: &str = "hopline";
pub(crate) const HOPLINE_STD: &str = "hopline, std clock";
/// Spans of `tracing` in hopline's traces, and with nothing but a registry below.
pub(crate) const HOPLINE_BRIDGE: &str = "hopline, bridge from tracing";
pub(crate) const REGISTRY: &str = "tracing, registry alone";
pub(crate) const FILTERED: &str = "tracing, a filtered layer that reads fields";
pub(crate) const OTEL: &str = "opentelemetry_sdk";
pub(crate) const BRIDGE: &str = "tracing-opentelemetry";
pub(crate) const FAST_LOCAL: &str = "fastrace LocalSpan";
pub(crate) const FAST_SPAN: &str = "fastrace Span";
pub(crate) const FAST: &str = "fastrace";
pub(crate) const FAST_AXUM: &str = "fastrace-axum";
pub(crate) const OTEL_TOWER: &str = "opentelemetry-instrumentation-tower";
pub(crate) const BRIDGE_AXUM: &str = "axum-tracing-opentelemetry";

pub(crate) const POLL: &str = "poll";
pub(crate) const POLL_BARE: &str = "poll/bare";
pub(crate) const SHARED: &str = "two threads on one trace, a span";
pub(crate) const WORKERS: &str = "four workers with own traces, root + 5";
pub(crate) const AXUM: &str = "axum, sampled";
pub(crate) const AXUM_PARENT: &str = "axum, sampled, traceparent";
pub(crate) const AXUM_OFF: &str = "axum, not recorded";
pub(crate) const AXUM_OFF_PARENT: &str = "axum, not recorded, traceparent";
pub(crate) const AXUM_BARE: &str = "axum/bare";
pub(crate) const AXUM_BARE_PARENT: &str = "axum/bare, traceparent";
pub(crate) const LINE: &str = "a JSON line in a trace";
pub(crate) const LINE_IDS: &str = "hopline, with ids";
pub(crate) const LINE_PLAIN: &str = "tracing-subscriber, without";
pub(crate) const ENCODED: &str = "hopline, encoding OTLP";
pub(crate) const OTLP: &str = "OTLP encoding, a span";

/// Children of the traces that are measured, and how many traces at a time.
pub(crate) const CHILDREN: [(u64, u64); 4] = [(0, 1024), (1, 1024), (5, 1024), (50, 128)];

pub(crate) fn kept(children: u64) -> String {
    format!("trace kept, root + {children}")
}

pub(crate) fn discarded(children: u64) -> String {
    format!("trace discarded, root + {children}")
}

pub(crate) fn not_recorded(children: u64) -> String {
    format!("trace not recorded, root + {children}")
}

pub(crate) fn name(group: impl AsRef<str>, who: &str) -> String {
    format!("{}/{who}", group.as_ref())
}

pub(crate) fn group(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(group, _)| group)
}

pub(crate) fn who(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, who)| who)
}

/// True of what hopline and others lie over.
pub(crate) fn is_bare(name: &str) -> bool {
    who(name).starts_with("bare")
}

/// In the order in which they first come.
pub(crate) fn groups(cases: &[Case]) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    for case in cases {
        let group = group(case.name());
        if !groups.iter().any(|known| known == group) {
            groups.push(group.to_owned());
        }
    }
    groups
}
