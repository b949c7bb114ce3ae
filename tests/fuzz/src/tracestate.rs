//! `tracestate`: the input's lines are its field lines, under a valid parent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use hopline_core::{
    Incoming, SamplingPlan, SpanBuilder, SpanKind, Tracer, propagation::TraceState,
    sampling::Threshold,
};

use crate::lines::Lines;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";

/// It is read whole or not at all, is printed as it is read, and a service adds to it only its own member.
pub fn tracestate(data: &[u8]) {
    let lines = Lines::of("tracestate", data).with("traceparent", PARENT);
    let incoming = Incoming::extract(&lines);
    let parent = incoming.parent.clone();
    let state = parent.expect("a tracestate cannot harm its parent");
    let state = state.tracestate();
    check(state, &lines);
    change(state);
    pass_on(incoming);
}

fn check(state: &TraceState, lines: &Lines<'_>) {
    let members = || lines.members("tracestate");
    let is_valid = members().count() <= 32 && members().all(is_member);
    let came: Vec<&[u8]> = members().collect();
    let came = came.join(&b","[..]);
    if !is_valid || came.is_empty() {
        assert!(state.is_empty(), "one invalid member discards all");
        return;
    }
    if came.len() <= 8192 {
        assert_eq!(state.as_str().as_bytes(), came);
    } else {
        assert!(state.as_str().len() <= 8192);
        let mut members = members();
        let whole = |member: &str| members.any(|came| came == member.as_bytes());
        assert!(
            state.as_str().split(',').all(whole),
            "whole members in their order"
        );
    }
    let again = TraceState::parse([state.as_str()]).expect("what is printed parses");
    assert_eq!(&again, state);
    let pairs: Vec<String> = state.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(pairs.join(","), state.as_str(), "its pairs are all of it");
}

/// Trace Context Level 2, section 3.3.1.
fn is_member(member: &[u8]) -> bool {
    let mut parts = member.split(|byte| *byte == b'=');
    let (Some(key), Some(value), None) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let key_char = |byte: &u8| first(*byte) || b"_-*/@".contains(byte);
    let value_char = |byte: &u8| (0x20..0x7f).contains(byte);
    (1..=256).contains(&key.len())
        && first(key[0])
        && key.iter().all(key_char)
        && (1..=256).contains(&value.len())
        && value.iter().all(value_char)
        && !value.ends_with(b" ")
}

/// Setting and removing a member leaves a valid list with that member first, or without it.
fn change(state: &TraceState) {
    let last = state.iter().last();
    let (key, value) = last.unwrap_or(("new", "1"));
    let with = state
        .with(key, value)
        .expect("a pair that was read can be set");
    assert_eq!(with.iter().next(), Some((key, value)));
    assert_eq!(with.iter().filter(|(k, _)| *k == key).count(), 1);
    assert!(with.iter().count() <= 32 && with.as_str().len() <= 8192);
    assert_eq!(TraceState::parse([with.as_str()]).as_ref(), Ok(&with));
    let without = state.without(key);
    assert_eq!(without.get(key), None);
    assert_eq!(TraceState::parse([without.as_str()]).as_ref(), Ok(&without));
}

/// A service decides by the `ot` member and writes it again; other members are unchanged.
fn pass_on(incoming: Incoming) {
    static TRACER: LazyLock<Tracer> = LazyLock::new(|| {
        let plan: SamplingPlan = "* 50%; parents resample"
            .parse()
            .expect("it is a plan's text");
        Tracer::builder().plan(plan).build()
    });
    let came: Vec<(String, String)> = incoming
        .parent
        .iter()
        .flat_map(|parent| parent.tracestate().iter())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let request = SpanBuilder::new("request")
        .kind(SpanKind::Server)
        .tracer(&*TRACER)
        .parent(incoming)
        .start();
    let mut sent = BTreeMap::new();
    request.context_ref().inject(&mut sent);
    let sent = sent.get("tracestate").map_or("", String::as_str);
    let sent = TraceState::parse([sent]).expect("what is sent is valid");
    let foreign = |(key, _): &(&str, &str)| *key != "ot";
    // a new member can push out the last one, and long ones where the list was full
    let mut rest = came
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    assert!(
        sent.iter()
            .filter(foreign)
            .all(|member| rest.any(|came| came == member)),
        "what others wrote is neither changed nor moved"
    );
    let own = sent.get("ot").unwrap_or_default();
    let threshold = own.split(';').find_map(|pair| pair.strip_prefix("th:"));
    assert!(
        threshold.is_none_or(|digits| Threshold::from_hex(digits).is_some()),
        "{own}"
    );
    let said = came.iter().find(|(key, _)| key == "ot");
    let said = said
        .map(|(_, said)| said.as_str())
        .filter(|said| is_otel(said));
    let unknown = |pair: &&str| !pair.starts_with("th:") && !pair.starts_with("rv:");
    let mut sent = own.split(';');
    assert!(
        said.into_iter()
            .flat_map(|said| said.split(';').filter(unknown))
            .all(|pair| sent.any(|sent| sent == pair)),
        "{own} lacks a part of {said:?}"
    );
}

/// OpenTelemetry, TraceState Handling: distinct keys, each with a value.
fn is_otel(member: &str) -> bool {
    let mut keys = BTreeSet::new();
    member.split(';').all(|pair| {
        let Some((key, value)) = pair.split_once(':') else {
            return false;
        };
        let mut digits = key.bytes().map(|byte| byte.is_ascii_digit());
        let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let other = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        digits.next() == Some(false)
            && key.bytes().all(lower)
            && value.bytes().all(other)
            && keys.insert(key)
    })
}
