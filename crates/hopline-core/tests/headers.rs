//! The grammars of the three headers and of the plan text, fed with anything.

use std::collections::BTreeMap;

use hopline_core::{Baggage, Context, Incoming, SamplingPlan, SpanContext, TraceState};
use proptest::prelude::*;

fn carrier(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

proptest! {
    #[test]
    fn any_traceparent_is_served(text in ".{0,80}", bytes in any::<Vec<u8>>()) {
        let _ = text.parse::<SpanContext>();
        let _ = Incoming::extract(&carrier("traceparent", &String::from_utf8_lossy(&bytes)));
    }

    #[test]
    fn a_traceparent_prints_as_it_parses(trace in 1_u128.., span in 1_u64.., flags in 0_u8..4) {
        let text = format!("00-{trace:032x}-{span:016x}-{flags:02x}");
        prop_assert_eq!(text.parse::<SpanContext>().unwrap().to_string(), text);
    }

    #[test]
    fn a_tracestate_that_parses_prints_and_parses_the_same(text in "[a-c0-1@=, \t!-~]{0,60}") {
        if let Ok(state) = TraceState::parse([text.as_str()]) {
            let again = TraceState::parse([state.as_str()]).unwrap();
            prop_assert_eq!(again, state);
        }
    }

    #[test]
    fn setting_a_tracestate_member_keeps_it_valid_and_first(text in "([a-c]{1,2}=[0-9]{1,3},){0,40}", key in "[a-c]{1,2}") {
        if let Ok(state) = TraceState::parse([text.as_str()]) {
            let state = state.with(&key, "new").unwrap();
            prop_assert_eq!(state.iter().next(), Some((key.as_str(), "new")));
            prop_assert!(state.iter().count() <= 32);
            prop_assert_eq!(state.iter().filter(|(k, _)| *k == key).count(), 1);
            prop_assert!(TraceState::parse([state.as_str()]).is_ok());
        }
    }

    #[test]
    fn any_baggage_is_bounded_and_survives_a_hop(lines in prop::collection::vec("[a-z=;,% \t\"\\\\\u{e9}\u{0}0-9]{0,300}", 0..40)) {
        let (baggage, _) = Baggage::parse(lines.iter().map(|line| line.as_bytes()));
        let sent = baggage.to_string();
        prop_assert!(baggage.len() <= 64 && sent.len() <= 8192);
        prop_assert!(sent.bytes().all(|byte| (0x21..0x7f).contains(&byte)));
        let (received, dropped) = Baggage::parse([sent.as_bytes()]);
        prop_assert_eq!((received, dropped), (baggage, 0));
    }

    #[test]
    fn any_baggage_value_arrives_as_it_was_set(value in any::<String>()) {
        if let Ok(baggage) = Baggage::default().with("key", &value) {
            let mut headers = BTreeMap::new();
            Context::EMPTY.with_baggage(baggage).inject(&mut headers);
            let received = Incoming::extract(&headers).baggage;
            prop_assert_eq!(received.get("key"), Some(value.as_str()));
        }
    }

    #[test]
    fn any_plan_text_is_answered(text in "([A-Za-z/*{}%;. 0-9\u{e9}]{0,12}){0,6}") {
        if let Ok(plan) = text.parse::<SamplingPlan>() {
            prop_assert_eq!(plan.to_string().parse::<SamplingPlan>().unwrap(), plan);
        }
    }
}
