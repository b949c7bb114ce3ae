//! The rules of the self-check, one function each.
//!
//! `self_check` calls all of them, in the order of the report. Each returns a [`Check`] with the number of traces or spans
//! it looked at, so that a rule that looked at nothing is visible.

use hopline_core::export::SpanData;
use hopline_core::{SpanKind, semconv, text::shown};

use super::{Check, Finding};
use crate::NAME;
use crate::repeated::repeated_in;
use crate::secrets;
use crate::trace::Trace;

/// The tolerance between clocks of two services, in nanoseconds: each anchors its clock separately, and on one machine
/// they agree better than this.
const CLOCK_TOLERANCE: u64 = 1_000_000;

/// Each trace has one root.
pub(super) fn one_root(traces: &[Trace<'_>]) -> Check {
    let findings = traces
        .iter()
        .filter(|trace| trace.roots.len() != 1)
        .map(|trace| {
            let shown = |root: &SpanData| shown(&root.name, NAME).to_string();
            let roots: Vec<String> = trace.roots().map(shown).collect();
            let first = trace.spans()[trace.roots[0]];
            Finding::of(
                first,
                format!("the trace has {} roots: {}", roots.len(), roots.join(", ")),
            )
        });
    check(
        "one root per request",
        format!("{} traces", traces.len()),
        findings,
    )
}

/// Each parent was received.
pub(super) fn parents_present(traces: &[Trace<'_>]) -> Check {
    let spans = each(traces);
    let orphans = spans
        .filter(|(trace, index, span)| span.parent.is_some() && trace.parents[*index].is_none());
    let findings = orphans.map(|(_, _, span)| {
        let parent = span
            .parent
            .map(|parent| parent.to_string())
            .unwrap_or_default();
        Finding::of(span, format!("its parent {parent} was not received"))
    });
    check(
        "every parent is present",
        count(traces, |span| span.parent.is_some(), "spans with a parent"),
        findings,
    )
}

/// The parent of an arrival is the span of the call or publish that was made.
pub(super) fn context_carried(traces: &[Trace<'_>]) -> Check {
    let arrived = |span: &SpanData| matches!(span.kind, SpanKind::Server | SpanKind::Consumer);
    let findings = each(traces).filter_map(|(trace, index, span)| {
        let parent = trace.parents[index].map(|parent| trace.spans()[parent])?;
        let reason = match (span.kind, parent.kind) {
            (SpanKind::Server, SpanKind::Client) | (SpanKind::Consumer, SpanKind::Producer)
                if !span.parent_is_remote =>
            {
                "its parent is in another service but is not marked as remote"
            }
            (SpanKind::Server, SpanKind::Client) => return None,
            (SpanKind::Consumer, SpanKind::Producer) => {
                let linked = span
                    .links
                    .iter()
                    .any(|link| Some(link.span_context.span_id()) == span.parent);
                return (!linked)
                    .then(|| Finding::of(span, "it has no link to the message's publish span"));
            }
            (SpanKind::Server, _) => {
                "its parent is not the call that was made: the caller sent another span's id"
            }
            (SpanKind::Consumer, _) => "its parent is not a publish span",
            _ if parent.service() != span.service() => {
                "it is the child of another service's span, though it received nothing"
            }
            _ => return None,
        };
        Some(Finding::of(span, reason))
    });
    check(
        "each arrival's parent is the span whose traceparent was sent",
        count(traces, arrived, "arrivals"),
        findings,
    )
}

/// The number of traces is the expected one, and each message is processed in the trace that published it.
pub(super) fn one_trace_per_request(traces: &[Trace<'_>], requests: Option<usize>) -> Check {
    let torn = each(traces).filter_map(|(_, _, span)| {
        let other = span
            .links
            .iter()
            .find(|link| link.span_context.trace_id() != span.trace_id)?;
        let reason = format!(
            "it was sent in trace {} and handled in this one",
            other.span_context.trace_id()
        );
        (span.kind == SpanKind::Consumer).then(|| Finding::of(span, reason))
    });
    let counted = requests.filter(|requests| *requests != traces.len());
    let counted = counted.map(|requests| {
        Finding::general(format!("{requests} requests made {} traces", traces.len()))
    });
    let seen = requests.map_or_else(
        || format!("{} traces", traces.len()),
        |requests| format!("{requests} requests"),
    );
    check(
        "one trace id per request, through HTTP and queue",
        seen,
        torn.chain(counted),
    )
}

/// Database spans have their attributes, and the named roots have database spans.
pub(super) fn database_work(traces: &[Trace<'_>], roots: &[String]) -> Check {
    let is_database = |span: &SpanData| {
        span.name.starts_with("db.") || span.attribute(semconv::DB_SYSTEM_NAME).is_some()
    };
    let incomplete = each(traces)
        .filter(|(_, _, span)| is_database(span))
        .filter_map(|(_, _, span)| {
            let statement = span.attribute(semconv::DB_QUERY_SUMMARY).is_some();
            let mut wanted = vec![semconv::DB_SYSTEM_NAME, semconv::DB_NAMESPACE];
            wanted.extend(statement.then_some(semconv::DB_QUERY_TEXT));
            missing(span, &wanted).or_else(|| {
                (span.kind != SpanKind::Client).then(|| Finding::of(span, "its kind is not CLIENT"))
            })
        });
    let absent = without(traces, roots, |span| is_database(span), "no database work");
    check(
        "database work is there with its attributes",
        count(traces, is_database, "spans"),
        incomplete.chain(absent),
    )
}

/// Message spans have their attributes, and the named roots publish and process messages.
pub(super) fn queue_work(traces: &[Trace<'_>], roots: &[String]) -> Check {
    let is_queue = |span: &SpanData| matches!(span.kind, SpanKind::Producer | SpanKind::Consumer);
    let incomplete = each(traces)
        .filter(|(_, _, span)| is_queue(span))
        .filter_map(|(_, _, span)| {
            missing(
                span,
                &[
                    semconv::MESSAGING_SYSTEM,
                    semconv::MESSAGING_DESTINATION_NAME,
                    "messaging.operation.type",
                ],
            )
        });
    let published = without(
        traces,
        roots,
        |span| span.kind == SpanKind::Producer,
        "nothing published",
    );
    let processed = without(
        traces,
        roots,
        |span| span.kind == SpanKind::Consumer,
        "nothing processed",
    );
    let findings = incomplete.chain(published).chain(processed);
    check(
        "queue work is there with its attributes",
        count(traces, is_queue, "spans"),
        findings,
    )
}

/// Failed status codes are errors, and errors have `error.type`.
pub(super) fn errors_marked(traces: &[Trace<'_>]) -> Check {
    let code = |span: &SpanData| {
        span.attribute(semconv::HTTP_RESPONSE_STATUS_CODE)
            .and_then(|code| code.as_i64())
    };
    let failing = move |span: &SpanData| {
        let from = if span.kind == SpanKind::Server {
            500
        } else {
            400
        };
        code(span).is_some_and(|code| code >= from)
    };
    let findings = each(traces).filter_map(|(_, _, span)| {
        if failing(span) && !span.is_error() {
            let code = code(span).unwrap_or_default();
            return Some(Finding::of(
                span,
                format!("it answered {code} and is not marked as an error"),
            ));
        }
        let untyped = span.is_error() && span.attribute(semconv::ERROR_TYPE).is_none();
        untyped.then(|| Finding::of(span, "it is an error without error.type"))
    });
    check(
        "errors mark their spans",
        count(traces, |span| span.is_error(), "errors"),
        findings,
    )
}

/// No duration is negative, and no child is outside its parent, except those that may outlive it.
pub(super) fn times_fit(traces: &[Trace<'_>]) -> Check {
    let findings = each(traces).filter_map(|(trace, index, span)| {
        if span.end_unix_nanos < span.start_unix_nanos {
            return Some(Finding::of(span, "it ends before it starts"));
        }
        let parent = trace.parents[index].map(|parent| trace.spans()[parent])?;
        let tolerance = if parent.service() == span.service() {
            0
        } else {
            CLOCK_TOLERANCE
        };
        if span.start_unix_nanos + tolerance < parent.start_unix_nanos {
            return Some(Finding::of(
                span,
                format!(
                    "it starts before its parent `{}`",
                    shown(&parent.name, NAME)
                ),
            ));
        }
        // a message is handled after it was sent, and an answer's body may end after its head was read
        let may_outlive = matches!(span.kind, SpanKind::Consumer | SpanKind::Server);
        let outlives = span.end_unix_nanos > parent.end_unix_nanos + tolerance;
        (outlives && !may_outlive).then(|| {
            Finding::of(
                span,
                format!("it ends after its parent `{}`", shown(&parent.name, NAME)),
            )
        })
    });
    check(
        "times fit: no negative duration, no child outside its parent",
        count(traces, |_| true, "spans"),
        findings,
    )
}

/// No attribute, name or message looks like a secret.
pub(super) fn no_secrets(traces: &[Trace<'_>]) -> Check {
    let findings = each(traces).flat_map(|(_, _, span)| secrets_of(span));
    let values = each(traces)
        .map(|(_, _, span)| span.attributes.len())
        .sum::<usize>();
    check(
        "nothing looks like a token, password, card number or e-mail",
        format!("{values} attributes"),
        findings,
    )
}

/// No trace has more than `max` spans.
pub(super) fn not_noisy(traces: &[Trace<'_>], max: usize) -> Check {
    let findings = traces
        .iter()
        .filter(|trace| trace.spans().len() > max)
        .map(|trace| {
            let reason = format!(
                "its trace has {} spans, more than {max}",
                trace.spans().len()
            );
            Finding::of(trace.spans()[trace.roots[0]], reason)
        });
    let most = traces
        .iter()
        .map(|trace| trace.spans().len())
        .max()
        .unwrap_or(0);
    check(
        "traces are not noisy",
        format!("{most} spans at most"),
        findings,
    )
}

/// No span sends the same statement many times: a query for a list, and one for each of its rows.
pub(super) fn not_repeated(traces: &[Trace<'_>], max: usize) -> Check {
    let repeated = repeated_in(traces, max.saturating_add(1));
    let findings = repeated.iter().map(Finding::repeated);
    let statements = count(
        traces,
        |span| span.attribute(semconv::DB_QUERY_TEXT).is_some(),
        "statements",
    );
    check(
        "no statement is sent again and again by one span",
        statements,
        findings,
    )
}

/// Each span has the expected attributes.
pub(super) fn attributes_present(traces: &[Trace<'_>], keys: &[String]) -> Check {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let findings: Vec<Finding> = each(traces)
        .filter_map(|(_, _, span)| missing(span, &keys))
        .collect();
    let seen = if keys.is_empty() {
        "none expected".to_owned()
    } else {
        keys.join(", ")
    };
    check("every span has the attributes it must have", seen, findings)
}

/// Findings for attributes, names and messages that look like secrets.
fn secrets_of(span: &SpanData) -> Vec<Finding> {
    let finding = |place: &str, what: &str| {
        Finding::of(span, format!("{} looks like {what}", shown(place, NAME)))
    };
    let pairs = span
        .attributes
        .iter()
        .chain(span.events.iter().flat_map(|event| &event.attributes));
    let suspect = pairs
        .filter_map(|(key, value)| secrets::suspicion(key, value).map(|what| finding(key, what)));
    let mut findings: Vec<Finding> = suspect.collect();
    let mut texts = vec![("its name", span.name.as_str())];
    if let hopline_core::export::StatusData::Error { message } = &span.status {
        texts.push(("its status message", message));
    }
    texts.extend(
        span.events
            .iter()
            .map(|event| ("an event's name", event.name.as_str())),
    );
    findings.extend(
        texts
            .into_iter()
            .filter_map(|(place, text)| secrets::in_text(text).map(|what| finding(place, what))),
    );
    findings
}

fn check(name: &'static str, seen: String, findings: impl IntoIterator<Item = Finding>) -> Check {
    Check {
        name,
        seen,
        findings: findings.into_iter().collect(),
    }
}

/// All spans, each with its trace and its index there.
fn each<'t, 'a>(
    traces: &'t [Trace<'a>],
) -> impl Iterator<Item = (&'t Trace<'a>, usize, &'a SpanData)> {
    traces.iter().flat_map(|trace| {
        trace
            .spans()
            .iter()
            .enumerate()
            .map(move |(index, span)| (trace, index, *span))
    })
}

/// The number of spans of a kind, as text.
fn count(traces: &[Trace<'_>], which: impl Fn(&SpanData) -> bool, what: &str) -> String {
    format!(
        "{} {what}",
        each(traces).filter(|(_, _, span)| which(span)).count()
    )
}

/// A finding if the span lacks one of these attributes.
fn missing(span: &SpanData, keys: &[&str]) -> Option<Finding> {
    let absent: Vec<&str> = keys
        .iter()
        .copied()
        .filter(|key| span.attribute(key).is_none())
        .collect();
    (!absent.is_empty()).then(|| Finding::of(span, format!("it has no {}", absent.join(", "))))
}

/// A finding for each trace with such a root, unless it failed, that has no such span.
fn without<'t>(
    traces: &'t [Trace<'_>],
    roots: &'t [String],
    which: impl Fn(&SpanData) -> bool + 't,
    reason: &'static str,
) -> impl Iterator<Item = Finding> + 't {
    let wanted = traces.iter().filter(|trace| {
        trace
            .roots()
            .next()
            .is_some_and(|root| roots.contains(&root.name) && !root.is_error())
    });
    let bare = wanted.filter(move |trace| !trace.spans().iter().any(|span| which(span)));
    bare.map(move |trace| {
        Finding::of(
            trace.spans()[trace.roots[0]],
            format!("there is {reason} in its trace"),
        )
    })
}
