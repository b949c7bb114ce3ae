//! Callers who forge what samplers look at: ids, flags, thresholds, randomness.

use std::time::Duration;

use hopline_core::{IdGenerator, Tracer, sampling::Threshold};
use hopline_test_support::hop::{Lines, call, parent_of};
use hopline_test_support::start::clocked;
use hopline_testing::tracer_with;

/// The largest randomness: every share takes it.
const HIGH: u64 = 0xff_ffff_ffff_ffff;
const FORGED: &str = "ot=th:ffffffffffffff;rv:ffffffffffffff";
const HIDDEN: &str = "ot=rv:00000000000000";
const REQUESTS: u32 = 2000;

fn planned(plan: &str) -> Tracer {
    let ids = IdGenerator::Seeded(7);
    Tracer::builder()
        .ids(ids)
        .plan(plan.parse().unwrap())
        .build()
}

fn sampled(sent: &Lines) -> bool {
    parent_of(sent).is_sampled()
}

/// The number of requests that the sent tracestate represents.
fn count(sent: &Lines) -> Option<f64> {
    let member = sent.one("tracestate")?.strip_prefix("ot=")?;
    let part = |key: &str| member.split(';').find_map(|part| part.strip_prefix(key));
    let threshold = Threshold::from_hex(part("th:")?)?;
    let randomness = u64::from_str_radix(part("rv:")?, 16).unwrap();
    assert!(threshold.takes(randomness), "{member} contradicts itself");
    Some(threshold.adjusted_count())
}

#[test]
fn ignored_parents_bring_no_randomness() {
    for (plan, kept) in [
        ("* 1%; ignore parents", 2..=40),
        ("* 10%; ignore parents", 146..=254),
        ("* 100%; ignore parents", 2000..=2000),
    ] {
        let tracer = planned(plan);
        for (randomness, flags, state) in [(HIGH, "03", FORGED), (1, "00", HIDDEN), (1, "00", "")] {
            let sent: Vec<_> = (0..REQUESTS)
                .map(|_| call(&tracer, randomness, flags, state))
                .filter(sampled)
                .collect();
            assert!(
                kept.contains(&sent.len()),
                "{plan}: {} of {REQUESTS}, flags {flags}",
                sent.len()
            );
        }
    }
}

#[test]
fn what_an_ignored_parent_passes_on_counts_right() {
    let tracer = planned("* 10%; ignore parents");
    let sent = (0..20_000).map(|_| call(&tracer, HIGH, "03", FORGED));
    let represented: f64 = sent.filter(sampled).map(|sent| count(&sent).unwrap()).sum();
    assert!((18_300.0..21_700.0).contains(&represented), "{represented}");
}

#[test]
fn a_budget_picks_by_randomness_of_its_own() {
    let (tracer, clock, _) = clocked("* 100%; budget 20/s");
    let (mut forged, mut honest) = (0, 0);
    for _ in 0..20 {
        for _ in 0..REQUESTS / 10 {
            forged += u32::from(sampled(&call(&tracer, HIGH, "03", FORGED)));
            honest += u32::from(sampled(&call(&tracer, 1, "03", "")));
        }
        clock.advance(Duration::from_secs(1));
    }
    let all = forged + honest;
    assert!((200..20 * 60).contains(&all), "{all} in 20 seconds");
    assert!(
        honest * 3 > all && forged * 3 > all,
        "{forged} forged and {honest} honest: the same chance for each"
    );
}

#[test]
fn a_share_that_no_plan_makes_is_not_believed_and_not_passed_on() {
    for plan in ["* 1%", "remote sampled parents 100%", "* 1%; budget 100/s"] {
        let (tracer, memory) = tracer_with(|builder| builder.plan(plan.parse().unwrap()));
        for (threshold, believed) in [
            ("ffffffffffffff", None),
            ("fffffffffffff", None),
            ("fffff1", None),
            ("fffff", Some(1_048_576.0)),
            ("fd70a", Some(100.0)),
        ] {
            let state = format!("ot=x:1;th:{threshold},a=1");
            let sent = call(&tracer, HIGH, "03", &state);
            let forwarded = believed.map_or("ot=x:1,a=1".to_owned(), |_| {
                format!("ot=th:{threshold};x:1,a=1")
            });
            let same = believed.map_or(forwarded.clone(), |_| state.clone());
            let sent_state = sent.one("tracestate").unwrap();
            assert!(
                [forwarded, same]
                    .iter()
                    .any(|forwarded| forwarded == sent_state),
                "{sent_state}"
            );
            let counted = memory.take()[0].adjusted_count();
            let near = |believed: f64| counted.is_some_and(|c| (c / believed - 1.0).abs() < 0.001);
            assert!(
                believed.map_or(counted.is_none(), near),
                "{plan}, {threshold}: {counted:?}"
            );
        }
    }
}
