//! Consistent probability sampling, one test a rule, and what a plan adds to it.

use hopline_core::{
    IdGenerator, Incoming, SamplingPlan, SpanBuilder, SpanKind, Tracer,
    sampling::{Decision, ParentBranch, Sampler, SamplingInput, Threshold},
};
use hopline_test_support::hop::{Lines, SPAN, call, hop, parent_of};
use hopline_test_support::start::{incoming, root};
use hopline_testing::tracer_with;

/// A tracer of this plan, with random ids that are the same in each run.
fn planned(plan: &str) -> Tracer {
    Tracer::builder()
        .ids(IdGenerator::Seeded(7))
        .plan(plan.parse().unwrap())
        .build()
}

fn sampled(sent: &Lines) -> bool {
    parent_of(sent).is_sampled()
}

const HIGH: u64 = 0xff_ffff_ffff_ffff;
const LOW: u64 = 1;

#[test]
fn the_ot_member_follows_its_grammar_and_length() {
    let half = planned("* 50%; resample parents");
    for (received, forwarded) in [
        ("ot=x:1;y2:A.b_c-d,a=1", "ot=th:8;x:1;y2:A.b_c-d,a=1"),
        ("ot=X:1,a=1", "ot=th:8,a=1"),
        ("ot=x:a b,a=1", "ot=th:8,a=1"),
        ("ot=x:1;x:2", "ot=th:8"),
        ("ot=;", "ot=th:8"),
        ("ot=x", "ot=th:8"),
        ("ot=1x:1", "ot=th:8"),
    ] {
        assert_eq!(
            call(&half, HIGH, "01", received).one("tracestate"),
            Some(forwarded),
            "{received}"
        );
    }
    let full = format!("ot=x:{}", "v".repeat(254));
    assert_eq!(
        call(&half, HIGH, "01", &full).one("tracestate"),
        Some(full.as_str()),
        "no room for the threshold"
    );
}

#[test]
fn unknown_sub_keys_of_ot_are_kept() {
    let followed = call(&planned("* 1%"), HIGH, "01", "ot=future:1;th:8")
        .one("tracestate")
        .map(str::to_owned);
    assert_eq!(followed.as_deref(), Some("ot=future:1;th:8"));
    let dropped = call(
        &planned("* 0%; resample parents"),
        HIGH,
        "01",
        "a=1,ot=th:8;future:1",
    );
    assert_eq!(dropped.one("tracestate"), Some("ot=future:1,a=1"));
}

#[test]
fn a_threshold_has_1_to_14_digits_of_lower_case_hex() {
    // only one that is read counts: what was taken by less than a tenth stays at that
    let tenth = planned("remote sampled parents 10%");
    let longest = "f".repeat(14);
    for (text, forwarded) in [
        ("ff", Some("ot=th:ff")),
        ("ff00", Some("ot=th:ff00")),
        (longest.as_str(), None),
        ("0", Some("ot=th:e666")),
        ("FF", None),
        ("fffffffffffffff", None),
        ("-1", None),
        ("", None),
    ] {
        let sent = call(&tenth, HIGH, "01", &format!("ot=th:{text}"));
        assert_eq!(sent.one("tracestate"), forwarded, "{text}");
    }
}

#[test]
fn the_randomness_is_rv_or_the_last_56_bits_of_the_trace_id() {
    let half = planned("* 50%; resample parents");
    for (randomness, state, is) in [
        (HIGH, "", true),
        (LOW, "", false),
        (LOW, "ot=rv:80000000000000", true),
        (HIGH, "ot=rv:7fffffffffffff", false),
        (HIGH, "ot=rv:7fffffffffffff0", true),
        (HIGH, "ot=rv:7FFFFFFFFFFFFF", true),
    ] {
        assert_eq!(
            sampled(&call(&half, randomness, "03", state)),
            is,
            "{randomness:x} {state}"
        );
    }
    // the bits above the 56 do not count
    assert!(!sampled(&call(&half, 0xff00_0000_0000_0001, "03", "")));
}

#[test]
fn a_trace_is_sampled_if_its_randomness_reaches_the_threshold() {
    let tenth = planned("* 10%; resample parents");
    for (randomness, is) in [
        (0xe6_6600_0000_0000, true),
        (0xe6_65ff_ffff_ffff, false),
        (HIGH, true),
        (0x10, false),
    ] {
        assert_eq!(
            sampled(&call(&tenth, randomness, "02", "")),
            is,
            "{randomness:x}"
        );
    }
}

#[test]
fn a_probability_becomes_a_threshold_of_four_digits() {
    for (plan, th) in [
        ("* 50%", "8"),
        ("* 33.333333333333333%", "aaab"),
        ("* 25%", "c"),
        ("* 10%", "e666"),
        ("* 1%", "fd70a"),
        ("* 0.1%", "ffbe77"),
        ("* 100%", "0"),
    ] {
        let tracer = planned(&format!("{plan}; resample parents"));
        let sent = call(&tracer, HIGH, "02", "");
        assert_eq!(
            sent.one("tracestate"),
            Some(format!("ot=th:{th}").as_str()),
            "{plan}"
        );
    }
}

#[test]
fn the_adjusted_count_is_the_inverse_of_the_probability() {
    let (tracer, memory) = tracer_with(|builder| {
        builder.plan("* 25%; resample parents; keep errors".parse().unwrap())
    });
    let _ = call(&tracer, HIGH, "02", "");
    let span = memory.take().remove(0);
    assert_eq!(span.adjusted_count(), Some(4.0));
    // kept for another reason: it represents no other
    let request = SpanBuilder::new("request")
        .tracer(&tracer)
        .parent(incoming(&format!("00-{LOW:032x}-{SPAN}-02")))
        .start();
    request.fail("timeout");
    request.end();
    assert_eq!(memory.take()[0].adjusted_count(), Some(0.0));
    // sampled with an unknown probability
    let (tracer, memory) = tracer_with(|builder| builder);
    let _ = call(&tracer, HIGH, "01", "");
    assert_eq!(memory.take()[0].adjusted_count(), None);
}

#[test]
fn a_decision_sets_the_threshold_and_a_dropped_trace_has_none() {
    let half = planned("* 50%; resample parents");
    assert_eq!(
        call(&half, HIGH, "02", "ot=th:c").one("tracestate"),
        Some("ot=th:8")
    );
    assert_eq!(call(&half, LOW, "03", "ot=th:0").one("tracestate"), None);
    assert_eq!(
        call(&half, LOW, "03", "ot=th:0,a=1").one("tracestate"),
        Some("a=1")
    );
    assert_eq!(hop(&planned("* 0%"), &[]).one("tracestate"), None);
}

#[test]
fn a_parents_threshold_is_forwarded_unless_its_flag_contradicts_it() {
    let follow = planned("* 1%");
    for (randomness, flags, received, forwarded) in [
        (HIGH, "01", "ot=th:c,a=1", Some("ot=th:c,a=1")),
        (HIGH, "01", "a=1", Some("a=1")),
        (LOW, "01", "ot=th:c,a=1", Some("a=1")),
        (HIGH, "00", "ot=th:c,a=1", Some("a=1")),
        (LOW, "00", "ot=th:c", None),
    ] {
        let sent = call(&follow, randomness, flags, received);
        assert_eq!(
            (sent.one("tracestate"), sampled(&sent)),
            (forwarded, flags == "01"),
            "{received} {flags}"
        );
    }
}

#[test]
fn only_a_root_sets_rv_and_only_if_its_id_is_not_random() {
    let half = planned("* 50%; resample parents");
    let sent = call(&half, LOW, "01", "ot=rv:80000000000000");
    assert_eq!(sent.one("tracestate"), Some("ot=th:8;rv:80000000000000"));
    let sent = call(&half, LOW, "01", "ot=th:0;rv:00000000000001");
    assert_eq!(
        sent.one("tracestate"),
        Some("ot=rv:00000000000001"),
        "kept though dropped"
    );
    assert!(
        !call(&half, HIGH, "00", "")
            .one("tracestate")
            .unwrap()
            .contains("rv")
    );
    let random = hop(&planned("* 99.9%"), &[]);
    assert!(
        !random.one("tracestate").unwrap_or_default().contains("rv"),
        "its id is random"
    );
    // sequential ids are not random: the tracer sends a number, the same in all services
    let (sequence, _) = tracer_with(|builder| builder.plan("* 99.9%".parse().unwrap()));
    let sent = hop(&sequence, &[]);
    assert!(!parent_of(&sent).flags().is_random());
    let state = sent.one("tracestate").unwrap().to_owned();
    let randomness_sent = u64::from_str_radix(state.split("rv:").nth(1).unwrap(), 16).unwrap();
    assert!(
        state.starts_with("ot=th:004") && randomness_sent > 0x4,
        "{state}"
    );
}

#[test]
fn trace_ids_are_presumed_random_without_the_flag() {
    let half = planned("* 50%; resample parents");
    for flags in ["00", "02"] {
        assert!(sampled(&call(&half, HIGH, flags, "")) && !sampled(&call(&half, LOW, flags, "")));
    }
}

#[test]
fn a_downstream_service_samples_a_subset() {
    let tenth = planned("remote sampled parents 10%");
    for (randomness, state, forwarded) in [
        (HIGH, "ot=th:8", Some("ot=th:e666")),
        (HIGH, "ot=th:fd70a", Some("ot=th:fd70a")),
        (0xe0_0000_0000_0000, "ot=th:8", None),
        (HIGH, "", None),
    ] {
        let sent = call(&tenth, randomness, "01", state);
        assert_eq!(sent.one("tracestate"), forwarded, "{state}");
        assert_eq!(sampled(&sent), randomness == HIGH);
    }
}

#[test]
fn a_decision_without_probability_sets_no_threshold() {
    struct Vip;
    impl Sampler for Vip {
        fn sample(&self, input: &SamplingInput<'_>) -> Decision {
            if input.name == "request" {
                Decision::Keep
            } else {
                Decision::Drop
            }
        }
    }
    let (tracer, memory) = tracer_with(|builder| builder.sampler(Vip));
    let sent = call(&tracer, LOW, "01", "ot=th:0,a=1");
    assert_eq!(
        (sampled(&sent), sent.one("tracestate")),
        (true, Some("a=1"))
    );
    assert_eq!(memory.take()[0].adjusted_count(), None);
    // kept at its end: the flag stays unsampled
    let late = "* 0%; keep errors".parse().unwrap();
    let (tracer, memory) = tracer_with(|builder| builder.ids(IdGenerator::Seeded(7)).plan(late));
    let request = root(&tracer, "request");
    request.fail("timeout");
    assert!(!request.span_context().unwrap().is_sampled());
    request.end();
    assert!(memory.take()[0].tracestate.is_empty());
}

#[test]
fn rules_are_tried_in_order_and_the_deciding_one_is_recorded() {
    let plan = "GET /orders/{id} 100%; kind consumer destination orders.* 100%; name nightly.* 0%; \
                POST /checkout always; name nightly.sweep 100%; * 0%";
    let (tracer, memory) = tracer_with(|builder| builder.plan(plan.parse().unwrap()));
    let span = |name| SpanBuilder::new(name).kind(SpanKind::Server);
    let order = Some("GET /orders/{id} 100%");
    for (builder, rule) in [
        (span("GET").method("GET").path("/orders/7"), order),
        (
            span("GET")
                .method("GET")
                .path("/v1/orders/7")
                .route(Some("/orders/{id}")),
            order,
        ),
        (span("POST").method("POST").path("/orders/7"), None),
        (
            span("POST").method("POST").path("/checkout"),
            Some("POST /checkout always"),
        ),
        (
            span("process")
                .kind(SpanKind::Consumer)
                .destination("orders.created"),
            Some("kind consumer destination orders.* 100%"),
        ),
        (span("process").destination("orders.created"), None),
        (span("nightly.sweep"), None),
        (span("other"), None),
    ] {
        builder
            .tracer(&tracer)
            .parent(Incoming::default())
            .start()
            .end();
        let kept = memory.take();
        let annotated = kept
            .first()
            .and_then(|span| span.text("hopline.sampling.rule"));
        assert_eq!(annotated, rule, "{builder:?}");
    }
}

#[test]
fn each_of_the_five_parent_branches_has_its_own_decision() {
    let inner = |plan: &str, outer: &str| {
        // another tracer of this process has decided before
        let (outer, inner) = (planned(outer), planned(plan));
        let mut above = SpanBuilder::new("above")
            .tracer(&outer)
            .parent(Incoming::default())
            .start();
        above.in_scope(|| {
            let below = SpanBuilder::new("below").tracer(&inner).start();
            below.span_context().unwrap().is_sampled()
        })
    };
    for (plan, expected) in [
        // root, remote sampled, remote unsampled, local sampled
        ("* 100%", [true, true, false, true]),
        ("* 0%", [false, true, false, true]),
        ("* 0%; ignore parents", [false, false, false, false]),
        ("* 100%; ignore parents", [true, true, true, true]),
        ("* 0%; resample parents", [false, false, false, false]),
        ("* 100%; resample parents", [true, true, true, true]),
        (
            "* 0%; local sampled parents ignore",
            [false, true, false, false],
        ),
        (
            "* 0%; remote sampled parents 0%",
            [false, false, false, true],
        ),
        (
            "* 0%; remote unsampled parents 100%",
            [false, true, true, true],
        ),
        (
            "* 0%; local sampled parents 0%",
            [false, true, false, false],
        ),
    ] {
        let tracer = planned(plan);
        let decided = [
            sampled(&hop(&tracer, &[])),
            sampled(&call(&tracer, LOW, "01", "")),
            sampled(&call(&tracer, LOW, "00", "")),
            inner(plan, "* 100%"),
        ];
        assert_eq!(decided, expected, "{plan}");
    }
    assert!(
        !inner("* 100%", "* 0%; keep forced"),
        "local unsampled, followed"
    );
    assert!(inner(
        "* 0%; local unsampled parents 100%",
        "* 0%; keep forced"
    ));
    let by_code = SamplingPlan::new().parents(ParentBranch::LocalUnsampled, 0.5);
    assert_eq!(by_code.to_string(), "* 100%; local unsampled parents 50%");
}

#[test]
fn unsampled_traces_can_be_recorded() {
    let (tracer, memory) =
        tracer_with(|builder| builder.plan("* 0%; keep forced".parse().unwrap()));
    let request = root(&tracer, "request");
    assert!(request.is_recording() && !request.span_context().unwrap().is_sampled());
    request.end();
    assert!(memory.take().is_empty(), "recorded only");
    let request = root(&tracer, "request");
    request.keep();
    request.end();
    let kept = memory.take().remove(0);
    assert_eq!(
        (
            kept.text("hopline.kept"),
            kept.text("hopline.sampling.rule")
        ),
        (Some("forced"), Some("keep forced"))
    );
}

#[test]
fn traceidratio_samples_consistently() {
    let variables = |name: &str| match name {
        "OTEL_TRACES_SAMPLER" => Some("traceidratio".to_owned()),
        "OTEL_TRACES_SAMPLER_ARG" => Some("0.1".to_owned()),
        _ => None,
    };
    let plan = SamplingPlan::from_variables(variables).unwrap().unwrap();
    assert_eq!(plan, "* 10%; resample parents".parse().unwrap());
}

/// A million new traces of each plan: the number sampled, and the number that they represent.
#[test]
fn a_million_traces_are_sampled_with_the_probability_of_the_plan() {
    const TRACES: u32 = 1_000_000;
    for (plan, share) in [
        ("* 100%", 1.0),
        ("* 50%", 0.5),
        ("* 10%", 0.1),
        ("* 0.1%", 0.001),
    ] {
        let tracer = planned(plan);
        let (mut taken, mut counted) = (0, 0.0);
        for _ in 0..TRACES {
            let span = root(&tracer, "request");
            let context = span.context_ref().span_context().unwrap();
            if context.is_sampled() {
                taken += 1;
                let th = context
                    .tracestate()
                    .get("ot")
                    .unwrap()
                    .strip_prefix("th:")
                    .unwrap();
                counted += Threshold::from_hex(th).unwrap().adjusted_count();
            }
        }
        let expected = f64::from(TRACES) * share;
        let sigma = (expected * (1.0 - share)).sqrt();
        assert!(
            (f64::from(taken) - expected).abs() <= 4.0 * sigma,
            "{plan}: {taken}"
        );
        // with a thousand samples for a million traces, chance alone exceeds 2 %
        let within = if share < 0.01 {
            4.0 * sigma / expected
        } else {
            0.02
        };
        assert!(
            (counted / f64::from(TRACES) - 1.0).abs() <= within,
            "{plan}: {counted}"
        );
    }
}

#[test]
fn services_of_different_shares_sample_nested_sets() {
    let (half, tenth) = (
        planned("* 50%; resample parents"),
        planned("* 10%; resample parents"),
    );
    let mut both = [0; 2];
    let ids = planned("* 100%");
    for _ in 0..20_000 {
        let above = root(&ids, "edge").span_context().unwrap().to_string();
        let taken = [&half, &tenth].map(|tracer| sampled(&hop(tracer, &[("traceparent", &above)])));
        assert!(
            taken[0] || !taken[1],
            "{above}: what a tenth takes, a half takes too"
        );
        both[0] += u32::from(taken[0]);
        both[1] += u32::from(taken[1]);
    }
    assert!(
        (9_700..10_300).contains(&both[0]) && (1_830..2_170).contains(&both[1]),
        "{both:?}"
    );
}

#[test]
fn the_recommended_plan_is_text_too() {
    assert_eq!(
        SamplingPlan::recommended().to_string(),
        "* 10%; budget 100/s; keep errors 100/s; keep slower 1s 50/s"
    );
    assert_ne!(SamplingPlan::recommended(), SamplingPlan::default());
}
