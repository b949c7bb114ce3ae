//! W3C Trace Context Level 2, one test a rule: what a service sends for what it got.

use hopline_core::{Context, Incoming, SpanBuilder, SpanContext, Tracer, propagation::TraceState};
use hopline_test_support::hop::{Lines, SPAN, TRACE, continues, hop, hops, parent_of, state};

fn tracer() -> Tracer {
    Tracer::builder().build()
}

fn valid() -> String {
    format!("00-{TRACE}-{SPAN}-01")
}

#[test]
fn header_names_match_in_any_case_and_are_sent_in_lower_case() {
    let tracer = tracer();
    for (name, known) in [
        ("traceparent", true),
        ("TraceParent", true),
        ("TRACEPARENT", true),
        ("TrAcEpArEnT", true),
        ("trace-parent", false),
        ("trace.parent", false),
        ("trace_parent", false),
    ] {
        let sent = hop(&tracer, &[(name, &valid())]);
        assert_eq!(
            parent_of(&sent).trace_id().to_string() == TRACE,
            known,
            "{name}"
        );
        assert!(
            sent.0
                .iter()
                .all(|(name, _)| *name == name.to_ascii_lowercase())
        );
    }
}

#[test]
fn a_traceparent_of_version_00_is_55_characters_of_lower_case_hex() {
    let tracer = tracer();
    assert!(continues(&tracer, &valid()));
    for at in 0..55 {
        let mut short = valid();
        short.truncate(at);
        assert!(!continues(&tracer, &short), "{short}");
        for odd in ['g', 'A', ' ', '+', '.', '\u{e9}', '\u{1d7d8}'] {
            let odd: String = valid()
                .chars()
                .enumerate()
                .map(|(i, c)| if i == at { odd } else { c })
                .collect();
            assert!(!continues(&tracer, &odd), "{odd}");
        }
    }
}

#[test]
fn white_space_around_the_traceparent_is_ignored() {
    for (before, after) in [(" ", ""), ("", "\t"), (" \t ", "\t \t")] {
        assert!(continues(&tracer(), &format!("{before}{}{after}", valid())));
    }
    for odd in ["\u{b}", "\u{a0}", "\n"] {
        assert!(
            !continues(&tracer(), &format!("{odd}{}", valid())),
            "{odd:?}"
        );
    }
}

#[test]
fn nothing_may_follow_the_flags_of_version_00() {
    for tail in [".", "-", "-x", "0", "-01", "-what-the-future-will-be-like"] {
        assert!(
            !continues(&tracer(), &format!("{}{tail}", valid())),
            "{tail}"
        );
    }
}

#[test]
fn invalid_ids_start_a_new_trace() {
    for text in [
        format!("00-{}-{SPAN}-01", "0".repeat(32)),
        format!("00-{TRACE}-{}-01", "0".repeat(16)),
        format!("00-{TRACE}0-{SPAN}-01"),
        format!("00-{}-{SPAN}-01", &TRACE[1..]),
        format!("00-{TRACE}-{SPAN}0-01"),
        format!("00-{TRACE}-{}-01", &SPAN[1..]),
        format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
        format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
        format!("00-{TRACE}-{SPAN}-0A"),
    ] {
        let sent = hop(&tracer(), &[("traceparent", &text)]);
        let parent = parent_of(&sent);
        assert_ne!(parent.trace_id().to_string(), TRACE, "{text}");
        assert!(parent.trace_id().to_u128() != 0 && parent.span_id().to_u64() != 0);
    }
}

#[test]
fn a_version_is_two_lower_case_hex_digits_and_not_ff() {
    for version in [
        "ff", "FF", "0", "000", "0000", ".0", "0.", "-0", "+0", "cC", "",
    ] {
        assert!(
            !continues(&tracer(), &format!("{version}-{TRACE}-{SPAN}-01")),
            "{version}"
        );
    }
}

#[test]
fn a_later_version_is_read_up_to_its_flags_and_sent_as_00() {
    for text in [
        format!("cc-{TRACE}-{SPAN}-01"),
        format!("01-{TRACE}-{SPAN}-ff-what-the-future-will-be-like"),
        format!("fe-{TRACE}-{SPAN}-09-"),
    ] {
        let sent = hop(&tracer(), &[("traceparent", &text)]);
        let parent = sent.one("traceparent").unwrap();
        assert!(
            parent.starts_with(&format!("00-{TRACE}-")),
            "{text}: {parent}"
        );
        assert!(
            parent.len() == 55 && parent[53..].parse::<u8>().unwrap() <= 3,
            "{parent}"
        );
    }
    for text in [
        format!("cc-{TRACE}-{SPAN}-01.what-the-future-will-be-like"),
        format!("cc-{TRACE}-{SPAN}-011"),
        format!("cc-{TRACE}-{SPAN}-1"),
        format!("cc-{TRACE}-{SPAN}"),
    ] {
        assert!(!continues(&tracer(), &text), "{text}");
    }
}

#[test]
fn a_second_traceparent_starts_a_new_trace() {
    let other = valid().replace('4', "5");
    for second in [&valid(), &other, "", "garbage"] {
        for lines in [
            [("traceparent", valid().as_str()), ("traceparent", second)],
            [("Traceparent", second), ("traceparent", valid().as_str())],
        ] {
            let trace = parent_of(&hop(&tracer(), &lines)).trace_id().to_string();
            assert!(trace != TRACE && trace != other[3..35], "{second}");
        }
    }
}

#[test]
fn the_tracestate_is_discarded_without_a_valid_traceparent() {
    for parent in [None, Some("garbage")] {
        let mut lines = vec![("tracestate", "foo=1"), ("tracestate", "bar=2")];
        lines.extend(parent.map(|parent| ("traceparent", parent)));
        let sent = hop(&tracer(), &lines);
        assert_eq!(
            sent.one("tracestate"),
            Some("ot=th:0"),
            "its own, and nothing of the caller's"
        );
    }
}

#[test]
fn a_bad_tracestate_does_not_affect_the_traceparent() {
    for bad in [
        "=",
        "foo",
        "foo=1,=",
        "\u{1}",
        "Foo=1",
        &"a=1,".repeat(1000),
    ] {
        assert_eq!(state(&tracer(), &[bad]), None, "{bad}");
    }
}

#[test]
fn unknown_flags_are_not_sent() {
    for (received, forwarded) in [
        ("00", "00"),
        ("01", "01"),
        ("fd", "01"),
        ("fe", "02"),
        ("ff", "03"),
        ("04", "00"),
    ] {
        let sent = hop(
            &tracer(),
            &[("traceparent", &format!("00-{TRACE}-{SPAN}-{received}"))],
        );
        assert_eq!(
            &sent.one("traceparent").unwrap()[53..],
            forwarded,
            "{received}"
        );
    }
}

#[test]
fn the_random_flag_is_kept_as_received_and_set_on_new_traces() {
    for (received, random) in [("01", false), ("00", false), ("03", true), ("02", true)] {
        let sent = hop(
            &tracer(),
            &[("traceparent", &format!("00-{TRACE}-{SPAN}-{received}"))],
        );
        assert_eq!(parent_of(&sent).flags().is_random(), random, "{received}");
    }
    assert!(parent_of(&hop(&tracer(), &[])).flags().is_random());
}

#[test]
fn each_call_sends_its_own_parent_id() {
    let unsampled = Tracer::builder().plan("* 0%".parse().unwrap()).build();
    for tracer in [tracer(), unsampled] {
        for parent in [None, Some(valid()), Some(valid().replace("-01", "-00"))] {
            let lines: Vec<_> = parent
                .iter()
                .map(|parent| ("traceparent", parent.as_str()))
                .collect();
            let sent = hops(&tracer, &Lines::new(&lines), 3);
            let mut ids: Vec<_> = sent.iter().map(|sent| parent_of(sent).span_id()).collect();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), 3, "{parent:?}");
            assert!(ids.iter().all(|id| id.to_string() != SPAN));
        }
    }
}

#[test]
fn a_restarted_trace_keeps_nothing_of_the_old_one() {
    let sent = hop(
        &tracer(),
        &[
            ("traceparent", &format!("00-{TRACE}-{SPAN}-xx")),
            ("tracestate", "foo=1"),
        ],
    );
    let parent = parent_of(&sent);
    assert!(parent.trace_id().to_string() != TRACE && parent.span_id().to_string() != SPAN);
    assert!(!sent.one("tracestate").unwrap().contains("foo"));
}

#[test]
fn a_forwarded_context_is_forwarded_unchanged() {
    let lines = Lines::new(&[
        ("traceparent", &valid()),
        ("tracestate", "foo=1"),
        ("tracestate", " bar=2 "),
    ]);
    let context = Context::remote(Incoming::extract(&lines));
    let mut sent = Lines::default();
    context.inject(&mut sent);
    assert_eq!(sent.one("traceparent"), Some(valid().as_str()));
    assert_eq!(sent.one("tracestate"), Some("foo=1,bar=2"));
}

#[test]
fn tracestate_lines_are_joined_in_order_and_nothing_empty_is_sent() {
    let tracer = tracer();
    for (lines, sent) in [
        (
            &["foo=1,bar=2", "rojo=1,congo=2", "baz=3"][..],
            Some("foo=1,bar=2,rojo=1,congo=2,baz=3"),
        ),
        (&["foo=1", ""], Some("foo=1")),
        (&["", "foo=1"], Some("foo=1")),
        (&["foo=1,", ",,bar=2"], Some("foo=1,bar=2")),
        (&["", " \t "], None),
        (&[], None),
    ] {
        assert_eq!(state(&tracer, lines).as_deref(), sent, "{lines:?}");
    }
}

#[test]
fn a_33rd_tracestate_member_is_one_too_many() {
    let members = |from: usize, to: usize| {
        (from..to)
            .map(|i| format!("bar{i}=1"))
            .collect::<Vec<_>>()
            .join(",")
    };
    let tracer = tracer();
    assert_eq!(state(&tracer, &[&members(0, 32)]), Some(members(0, 32)));
    assert_eq!(state(&tracer, &[&members(0, 33)]), None);
    assert_eq!(
        state(&tracer, &[&members(0, 16), &members(16, 32)]),
        Some(members(0, 32))
    );
    assert_eq!(state(&tracer, &[&members(0, 16), &members(16, 33)]), None);
    let lines: Vec<String> = (0..20)
        .map(|line| members(line * 32, line * 32 + 32))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(state(&tracer, &lines), None, "640 members on 20 lines");
    assert_eq!(
        state(&tracer, &[&",".repeat(4000), "a=1"]).as_deref(),
        Some("a=1"),
        "4000 empty ones"
    );
    let full = TraceState::parse([members(0, 32).as_str()])
        .unwrap()
        .with("new", "1")
        .unwrap();
    assert_eq!(
        full.as_str(),
        format!("new=1,{}", members(0, 31)),
        "the right-most makes room"
    );
}

#[test]
fn tracestate_keys_follow_level_2() {
    let tracer = tracer();
    for key in [
        "foo",
        "0foo",
        "foo@",
        "a@@b",
        "foo@bar@baz",
        "a_-*/",
        "foo@0",
        &"z".repeat(256),
    ] {
        assert!(state(&tracer, &[&format!("{key}=1")]).is_some(), "{key}");
    }
    for key in [
        "@foo",
        "FOO",
        "foo.bar",
        "foo ",
        "_foo",
        "-foo",
        "",
        "f\u{e9}",
        &"z".repeat(257),
    ] {
        assert!(state(&tracer, &[&format!("{key}=1")]).is_none(), "{key}");
    }
}

#[test]
fn tracestate_keys_of_level_1_are_accepted() {
    let tenant = format!("{}@{}", "t".repeat(241), "v".repeat(14));
    for key in [
        "abcdefghijklmnopqrstuvwxyz0123456789_-*/",
        "0tenant@vendor",
        &tenant,
    ] {
        assert_eq!(
            state(&tracer(), &[&format!("{key}=1")]),
            Some(format!("{key}=1"))
        );
    }
}

#[test]
fn one_invalid_member_discards_the_tracestate() {
    let tracer = tracer();
    let all = (0x20..0x7f)
        .map(char::from)
        .filter(|c| !matches!(c, ',' | '='))
        .collect::<String>();
    for (value, sent) in [
        (" 1", " 1"),
        ("1 ", "1"),
        ("1\t", "1"),
        ("a b", "a b"),
        (&all, all.as_str()),
        (&"v".repeat(256), "v".repeat(256).as_str()),
    ] {
        assert_eq!(
            state(&tracer, &[&format!("foo={value}")]),
            Some(format!("foo={sent}"))
        );
    }
    for value in [
        "",
        " ",
        "a=b=c",
        "a\tb",
        "\u{7f}",
        "\u{0}",
        "\u{1b}[1m",
        "\u{e9}",
        &"v".repeat(257),
    ] {
        assert_eq!(
            state(&tracer, &[&format!("foo={value}")]),
            None,
            "{value:?}"
        );
        assert_eq!(
            state(&tracer, &[&format!("bar=1,foo={value},baz=2")]),
            None,
            "{value:?}"
        );
    }
}

#[test]
fn white_space_is_allowed_around_tracestate_members_only() {
    let tracer = tracer();
    assert_eq!(
        state(&tracer, &["foo=1 \t , \t bar=2, \t baz=3"]).as_deref(),
        Some("foo=1,bar=2,baz=3")
    );
    assert_eq!(state(&tracer, &["foo =1"]), None);
    assert_eq!(state(&tracer, &["foo\t=1"]), None);
}

#[test]
fn duplicate_tracestate_keys_are_kept_and_none_is_created() {
    assert_eq!(
        state(&tracer(), &["foo=1,foo=1"]).as_deref(),
        Some("foo=1,foo=1")
    );
    assert_eq!(
        state(&tracer(), &["foo=1", "foo=2"]).as_deref(),
        Some("foo=1,foo=2")
    );
    let twice = TraceState::parse(["foo=1,bar=2,foo=3"]).unwrap();
    assert_eq!(twice.with("foo", "4").unwrap().as_str(), "foo=4,bar=2");
}

#[test]
fn a_tracestate_member_that_is_set_moves_to_the_left() {
    let state = TraceState::parse(["a=1,b=2,c=3"]).unwrap();
    assert_eq!(state.with("c", "4").unwrap().as_str(), "c=4,a=1,b=2");
    assert_eq!(state.with("d", "4").unwrap().as_str(), "d=4,a=1,b=2,c=3");
    assert_eq!(state.without("b").as_str(), "a=1,c=3");
    for (key, value) in [
        ("", "1"),
        ("A", "1"),
        ("a", ""),
        ("a", "1,b=2"),
        ("a", "1\r\nx: y"),
        ("a", "1 "),
    ] {
        assert!(state.with(key, value).is_err(), "{key}={value:?}");
    }
}

#[test]
fn at_least_512_characters_of_tracestate_are_sent_and_only_whole_members_dropped() {
    let tracer = tracer();
    let members: Vec<String> = (0..32)
        .map(|i| format!("k{i:02}={}", "v".repeat(12)))
        .collect();
    let text = members.join(",");
    assert!(text.len() >= 512);
    assert_eq!(state(&tracer, &[&text]), Some(text));
    // 32 members of up to 513 bytes are more than peers take in one header
    let short = |at: usize| format!("s{at:02}={}", "v".repeat(116));
    let long = |at: usize| format!("{}{at:02}={}", "k".repeat(200), "v".repeat(248));
    let members: Vec<String> = (0..32)
        .map(|at| if at % 2 == 0 { short(at) } else { long(at) })
        .collect();
    let sent = state(&tracer, &[&members.join(",")]).unwrap();
    assert!((7_000..=8192).contains(&sent.len()), "{}", sent.len());
    let kept: Vec<&str> = sent.split(',').collect();
    assert!(
        kept.iter()
            .all(|member| members.iter().any(|sent| sent == member)),
        "no part of a member"
    );
    assert_eq!(
        kept.iter().filter(|member| member.len() == 120).count(),
        16,
        "the long ones go first"
    );
    assert_eq!(kept[0], members[0]);
}

#[test]
fn an_untrusted_caller_decides_nothing() {
    let tracer = Tracer::builder().plan("* 0%".parse().unwrap()).build();
    let stranger = Incoming::extract(&Lines::new(&[
        ("traceparent", &valid()),
        ("tracestate", "ot=th:0"),
        ("baggage", "a=1"),
    ]));
    let link = stranger.parent.clone();
    let span = SpanBuilder::new("request")
        .links(link.as_slice())
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
    let own = span.span_context().unwrap();
    assert!(!own.is_sampled() && own.trace_id().to_string() != TRACE);
    assert!(span.context().baggage().is_empty());
}

#[test]
fn a_trace_in_a_response_is_read_as_in_a_request() {
    // the Level 3 draft: `Server-Timing: trace;desc=…`, in the grammar of `traceparent`
    let text = format!("00-{TRACE}-{SPAN}-03");
    assert_eq!(text.parse::<SpanContext>().unwrap().to_string(), text);
}

#[test]
fn level_2_headers_are_sent_for_any_input() {
    let inputs = ["", "garbage", &valid(), &format!("cc-{TRACE}-{SPAN}-ff-x")];
    for (input, calls) in inputs.iter().flat_map(|input| [(input, 1), (input, 3)]) {
        for sent in hops(&tracer(), &Lines::new(&[("traceparent", input)]), calls) {
            let text = sent.one("traceparent").unwrap();
            assert_eq!(text.parse::<SpanContext>().unwrap().to_string(), text);
        }
    }
}
