//! The grammars of the three headers and of the plan text, fed with anything: what is printed parses to the same, what
//! is parsed prints in one form.

use std::collections::BTreeMap;
use std::time::Duration;

use hopline_core::{
    Baggage, Context, Incoming, SamplingPlan, SpanContext, SpanId, SpanKind, TraceFlags, TraceId,
    propagation::TraceState,
    sampling::{ParentBranch, SamplingRule, Threshold},
};
use proptest::option;
use proptest::prelude::*;

fn carrier(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

/// Text around a member, or instead of one.
const GAP: &str = "[ \t]{0,3}(,[ \t]{0,3}){0,3}";

fn share() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..=1.0, Just(0.0), Just(1.0), Just(0.1), 0.0..1e-12]
}

fn rule() -> impl Strategy<Value = SamplingRule> {
    let text = || option::of(prop_oneof!["[/a-z{}*.\"\\\\; %]{0,8}", any::<String>()]);
    let kinds = [
        SpanKind::Internal,
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
    ];
    let conditions = (text(), text(), text(), text());
    let kind = option::of(prop::sample::select(kinds.to_vec()));
    let share = option::of(option::of(share()));
    (conditions, kind, share).prop_map(|((name, destination, method, path), kind, share)| {
        let mut rule = match share {
            None => SamplingRule::always(),
            Some(None) => SamplingRule::never(),
            Some(Some(share)) => SamplingRule::new(share),
        };
        rule = kind.into_iter().fold(rule, SamplingRule::kind);
        rule = name.into_iter().fold(rule, SamplingRule::name);
        rule = destination
            .into_iter()
            .fold(rule, SamplingRule::destination);
        rule = method.into_iter().fold(rule, SamplingRule::method);
        path.into_iter().fold(rule, SamplingRule::path)
    })
}

fn plan() -> impl Strategy<Value = SamplingPlan> {
    let rates = (option::of(any::<u32>()), option::of(any::<u32>()));
    let slower = option::of(prop_oneof![
        any::<Duration>(),
        any::<u64>().prop_map(Duration::from_nanos)
    ]);
    let slower = (slower, option::of(any::<u32>()));
    let switches = any::<[bool; 5]>();
    let parents = option::of((0..4_usize, share()));
    let rules = prop::collection::vec(rule(), 0..4);
    let all = (rules, share(), rates, slower, switches, parents);
    all.prop_map(
        |(rules, others, (budget, errors), slower, switches, parents)| {
            let branches = [
                ParentBranch::RemoteSampled,
                ParentBranch::RemoteUnsampled,
                ParentBranch::LocalSampled,
                ParentBranch::LocalUnsampled,
            ];
            let mut plan = rules
                .into_iter()
                .fold(SamplingPlan::new().others(others), SamplingPlan::rule);
            plan = budget.into_iter().fold(plan, SamplingPlan::budget);
            plan = errors
                .into_iter()
                .fold(plan, SamplingPlan::keep_errors_per_second);
            plan = match slower {
                (Some(limit), None) => plan.keep_slower(limit),
                (Some(limit), Some(rate)) => plan.keep_slower_per_second(limit, rate),
                (None, _) => plan,
            };
            let changes: [fn(SamplingPlan) -> SamplingPlan; 5] = [
                SamplingPlan::keep_errors,
                SamplingPlan::keep_forced,
                SamplingPlan::local_roots_only,
                SamplingPlan::ignore_parents,
                SamplingPlan::resample_parents,
            ];
            let wanted = changes
                .into_iter()
                .zip(switches)
                .filter(|(_, wanted)| *wanted);
            plan = wanted.fold(plan, |plan, (change, _)| change(plan));
            parents
                .into_iter()
                .fold(plan, |plan, (at, share)| plan.parents(branches[at], share))
        },
    )
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

    #[test]
    fn a_traceparent_that_parses_prints_in_the_form_of_version_00(
        version in "[0-9a-f]{2}", trace in "[0-9a-f]{32}", span in "[0-9a-f]{16}", flags in "[0-9a-f]{2}",
        gap in "[ \t]{0,2}", rest in "(-[ -~]{0,9})?",
    ) {
        let text = format!("{gap}{version}-{trace}-{span}-{flags}{rest}{gap}");
        let parent = Incoming::extract(&carrier("traceparent", &text)).parent;
        let zero = trace.bytes().all(|digit| digit == b'0') || span.bytes().all(|digit| digit == b'0');
        let trailing = !rest.is_empty() && version == "00";
        prop_assert_eq!(parent.is_some(), version != "ff" && !zero && !trailing);
        if let Some(parent) = parent {
            let flags = u8::from_str_radix(&flags, 16).unwrap() & 3;
            let printed = parent.to_string();
            prop_assert_eq!(&printed, &format!("00-{trace}-{span}-{flags:02x}"));
            prop_assert_eq!(printed.parse::<SpanContext>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn members_of_a_tracestate_print_joined_by_commas(
        members in prop::collection::vec(("[a-z0-9][a-z0-9_*/@-]{0,9}", "[ -+.-<>-~]{0,9}[!-+.-<>-~]", GAP, any::<bool>()), 0..=32),
    ) {
        let mut lines = vec![String::new()];
        for (key, value, gap, breaks) in &members {
            if *breaks {
                lines.push(String::new());
            }
            let line = lines.last_mut().unwrap();
            line.push_str(&format!("{gap},{key}={value}"));
        }
        let state = TraceState::parse(lines.iter().map(String::as_str)).unwrap();
        let wanted: Vec<String> = members.iter().map(|(key, value, ..)| format!("{key}={value}")).collect();
        prop_assert_eq!(state.as_str(), wanted.join(","));
    }

    #[test]
    fn baggage_prints_in_one_form(
        members in prop::collection::vec(("[!#$%&'*+.^_`|~a-z0-9-]{1,5}", any::<String>(), "(;[a-c]{1,2}(=[ab=]{0,3})?){0,3}"), 0..20),
        gap in "[ \t]{0,2}",
    ) {
        let mut sent = Baggage::default();
        for (key, value, _) in &members {
            sent = sent.with(key, value).unwrap_or(sent);
        }
        let printed = sent.to_string();
        let (received, dropped) = Baggage::parse([printed.as_bytes()]);
        prop_assert_eq!((&received, dropped), (&sent, 0));

        let loose: Vec<String> = sent.iter().zip(&members).map(|((key, value), (.., properties))| {
            let coded: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let properties = properties.replace(';', &format!("{gap};{gap}")).replace('=', &format!("{gap}=")).replacen('=', &format!("={gap}"), 1);
            format!("{gap}{key}{gap}={gap}{coded}{properties}{gap}")
        }).collect();
        let (received, dropped) = Baggage::parse([loose.join(",").as_bytes()]);
        let again = Baggage::parse([received.to_string().as_bytes()]).0;
        prop_assert_eq!(&again, &received);
        if dropped == 0 {
            prop_assert_eq!(received.iter().collect::<Vec<_>>(), sent.iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_sent_is_what_arrives(
        trace in 1_u128.., span in 1_u64.., flags in 0_u8..4,
        state in prop::collection::vec(("[a-z]{1,3}", "[a-z0-9]{1,3}"), 0..40), value in any::<String>(),
    ) {
        let parent = SpanContext::new(
            TraceId::from_u128(trace).unwrap(), SpanId::from_u64(span).unwrap(), TraceFlags::from_bits(flags),
        );
        let state = state.iter().fold(TraceState::EMPTY, |state, (key, value)| state.with(key, value).unwrap());
        let parent = Some(parent.with_tracestate(state.clone()));
        let baggage = Baggage::default().with("key", &value).unwrap_or_default();
        let mut headers = BTreeMap::new();
        Context::remote(Incoming { parent, baggage: baggage.clone(), link: None }).inject(&mut headers);
        let arrived = Incoming::extract(&headers);
        let parent = arrived.parent.unwrap();
        prop_assert_eq!((parent.trace_id().to_u128(), parent.span_id().to_u64(), parent.flags().bits()), (trace, span, flags));
        prop_assert_eq!((parent.tracestate(), &arrived.baggage), (&state, &baggage));
        prop_assert!(headers.values().all(|value| value.bytes().all(|byte| (0x20..0x7f).contains(&byte))));
    }

    #[test]
    fn ids_print_as_they_parse(text in "[0-9a-fA-F+ ]{0,33}", trace in 1_u128.., span in 1_u64..) {
        if let Ok(id) = text.parse::<TraceId>() {
            prop_assert_eq!(id.to_string(), &text[..]);
        }
        if let Ok(id) = text.parse::<SpanId>() {
            prop_assert_eq!(id.to_string(), &text[..]);
        }
        let (trace, span) = (TraceId::from_u128(trace).unwrap(), SpanId::from_u64(span).unwrap());
        prop_assert_eq!(trace.to_string().parse::<TraceId>(), Ok(trace));
        prop_assert_eq!(span.to_string().parse::<SpanId>(), Ok(span));
    }

    #[test]
    fn a_threshold_prints_as_it_parses(share in share(), digits in "[0-9a-f]{0,15}") {
        if let Some(threshold) = Threshold::from_probability(share) {
            prop_assert_eq!(Threshold::from_hex(&threshold.to_string()), Some(threshold));
        }
        let threshold = Threshold::from_hex(&digits);
        prop_assert_eq!(threshold.is_some(), (1..=14).contains(&digits.len()));
        if let Some(threshold) = threshold {
            let shown = digits.trim_end_matches('0');
            prop_assert_eq!(threshold.to_string(), if shown.is_empty() { "0" } else { shown });
        }
    }

    #[test]
    fn any_plan_prints_text_that_parses_to_it(plan in plan()) {
        let text = plan.to_string();
        let again = text.parse::<SamplingPlan>();
        prop_assert_eq!(again.as_ref(), Ok(&plan), "{}", text);
        prop_assert_eq!(again.unwrap().to_string(), text);
    }
}
