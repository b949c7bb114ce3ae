//! Rules that hold with every compiler: ratios between the costs of different cases.

use crate::Case;
use crate::counted::Allocations;
use crate::ends;
use crate::headers::{SIZES, attacks};
use crate::numbers::Numbers;
use crate::queue;
use crate::statements::{DIALECTS, LENGTHS};
use crate::trace::Fate;

/// The most by which a child may cost more in a trace of many, or a request among many.
const FLAT: f64 = 1.20;
/// The most by which a trace may cost more before a full queue.
const FULL: f64 = 1.20;
/// The most by which a trace may cost more if each is a batch that evicts another.
const BEHIND: f64 = 1.30;
/// The most that the ids of a trace add to a line of JSON, as a multiple.
const LINE: f64 = 1.05;
/// The most cost of twice the input, as a multiple.
const LINEAR: f64 = 2.2;
/// The most memory of parsing a header of any length.
const HEADER_BYTES: u64 = 64 << 10;

/// A rule, what was measured, and whether it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The condition.
    pub says: String,
    /// The measured value.
    pub is: String,
    /// True if it holds.
    pub holds: bool,
}

/// All rules.
pub fn rules(cases: &[Case], allocations: &[Allocations], numbers: &Numbers) -> Vec<Rule> {
    let mut rules = Vec::new();
    for fate in Fate::ALL {
        rules.push(slope(fate, numbers));
    }
    rules.push(in_flight(numbers));
    rules.push(full_queue(numbers));
    for (full, room) in queue::BEHIND {
        rules.push(behind(full, room, numbers));
    }
    for fate in [Fate::Discarded, Fate::NotRecorded] {
        rules.push(allocates_nothing(fate, numbers));
    }
    for fate in Fate::ALL {
        for with in ["", ", metrics"] {
            rules.push(layer_allocates_nothing(fate, with, cases, numbers));
        }
    }
    rules.push(bridge_allocates_nothing(numbers));
    rules.push(line(numbers));
    rules.push(disabled(numbers));
    for attack in attacks() {
        let of = SIZES.map(|size| format!("headers/{attack}/{size}"));
        rules.push(linear(&format!("the bytes of {attack}"), of, numbers));
    }
    for (dialect, _) in DIALECTS {
        let what = format!("the bytes of hostile statements, {dialect}");
        let of = LENGTHS.map(|length| format!("redact/{dialect}/{length}"));
        rules.push(linear(&what, of, numbers));
    }
    for kind in ends::Kind::ALL {
        let of = ends::SIZES.map(|size| format!("end/{}/{size}", kind.name()));
        rules.push(linear(kind.name(), of, numbers));
    }
    rules.push(bounded(cases, allocations));
    rules
}

fn slope(fate: Fate, numbers: &Numbers) -> Rule {
    let of = |children: u32| {
        numbers
            .of(&format!("trace/{}/{children}", fate.name()))
            .instructions
    };
    let child = |children: u32| (of(children) - of(0)) / f64::from(children);
    let costs = [5, 50, 500].map(child);
    let (least, most) = (min(&costs), max(&costs));
    Rule {
        says: format!(
            "a child, {}, costs the same among 5, 50 and 500, within 20 %",
            fate.name()
        ),
        is: format!(
            "{:.0}, {:.0} and {:.0} instructions",
            costs[0], costs[1], costs[2]
        ),
        holds: least > 0.0 && most <= FLAT * least,
    }
}

fn in_flight(numbers: &Numbers) -> Rule {
    let [few, many] = ["in flight/1", "in flight/10000"].map(|name| numbers.of(name).instructions);
    Rule {
        says: "a trace costs the same with 1 and with 10,000 others open, within 20 %".to_owned(),
        is: format!("{few:.0} and {many:.0} instructions"),
        holds: few > 0.0 && many <= FLAT * few,
    }
}

fn full_queue(numbers: &Numbers) -> Rule {
    let [room, full] = ["queue/with room", "queue/full"].map(|name| numbers.of(name).instructions);
    Rule {
        says: "a trace costs no more before a full queue than before one with room, within 20 %"
            .to_owned(),
        is: format!("{full:.0} and {room:.0} instructions"),
        holds: room > 0.0 && full > 0.0 && full <= FULL * room,
    }
}

/// A choice that looked at what waits would cost 65,536 looks.
fn behind(full: &str, room: &str, numbers: &Numbers) -> Rule {
    let [behind, before] = [full, room].map(|name| numbers.of(name).instructions);
    Rule {
        says: format!("{full}: at most {BEHIND} times {room}"),
        is: format!("{behind:.0} and {before:.0} instructions"),
        holds: before > 0.0 && behind > 0.0 && behind <= BEHIND * before,
    }
}

fn allocates_nothing(fate: Fate, numbers: &Numbers) -> Rule {
    let count = numbers.of(&format!("trace/{}/5", fate.name())).allocations;
    Rule {
        says: format!("a trace that is {} allocates nothing", fate.name()),
        is: format!("{count} allocations"),
        holds: count == 0,
    }
}

/// A batch that is handed over is allocated; no request is.
fn layer_allocates_nothing(fate: Fate, with: &str, cases: &[Case], numbers: &Numbers) -> Rule {
    let name = format!("axum/{}{with}", fate.name());
    let own = numbers.of(&name).allocations - numbers.of("axum/empty layer").allocations;
    let requests = cases
        .iter()
        .find(|case| case.name() == name)
        .map_or(0, Case::operations);
    let batches = if fate == Fate::Kept { 4 } else { 0 };
    Rule {
        says: format!(
            "a request that is {}{with} allocates what axum does for any layer",
            fate.name()
        ),
        is: format!("{own} more in {requests} requests"),
        holds: own <= batches && requests > 0,
    }
}

/// A batch that is handed over is allocated; no span is.
fn bridge_allocates_nothing(numbers: &Numbers) -> Rule {
    let [bridged, bare] = ["bridged, kept", "registry alone"]
        .map(|what| numbers.of(&format!("tracing/{what}/5")).allocations);
    Rule {
        says: "a bridged span allocates nothing beyond the registry's own".to_owned(),
        is: format!("{bridged} and {bare} allocations in 500 traces of 5 spans"),
        holds: bridged <= bare + 6,
    }
}

fn line(numbers: &Numbers) -> Rule {
    let [with, without] = ["tracing/JSON line with ids", "tracing/JSON line"]
        .map(|name| numbers.of(name).instructions);
    Rule {
        says: format!("a line of JSON with ids: at most {LINE} times one without"),
        is: format!("{with:.0} and {without:.0} instructions"),
        holds: without > 0.0 && with <= LINE * without,
    }
}

fn disabled(numbers: &Numbers) -> Rule {
    let cost = numbers.of("tracing/disabled").instructions;
    Rule {
        says: "a callsite that no layer wants takes at most 10 instructions".to_owned(),
        is: format!("{cost:.0} instructions"),
        holds: cost > 0.0 && cost <= 10.0,
    }
}

fn linear(what: &str, sizes: [String; 2], numbers: &Numbers) -> Rule {
    let [short, long] = sizes.map(|case| numbers.of(&case).instructions);
    Rule {
        says: format!("twice {what}: at most {LINEAR} times the instructions"),
        is: format!("{:.2} times ({short:.0} and {long:.0})", long / short),
        holds: short > 0.0 && long <= LINEAR * short,
    }
}

fn bounded(cases: &[Case], allocations: &[Allocations]) -> Rule {
    let headers = cases
        .iter()
        .zip(allocations)
        .filter(|(case, _)| case.name().starts_with("headers/"));
    let most = headers.max_by_key(|(_, allocated)| allocated.peak);
    let (name, peak) = most.map_or(("none", u64::MAX), |(case, most)| (case.name(), most.peak));
    Rule {
        says: format!("parsing a header takes at most {HEADER_BYTES} bytes"),
        is: format!("{peak} ({name})"),
        holds: peak <= HEADER_BYTES,
    }
}

fn min(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(f64::INFINITY, f64::min)
}

fn max(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Children at these costs, and all else at rest.
    fn with_children(costs: [f64; 3]) -> Numbers {
        let of = |children: f64, cost: f64| 1000.0 + children * cost;
        let [few, some, many] = costs;
        let text = format!(
            "trace/kept/0 | 0 | 1000\ntrace/kept/5 | 0 | {}\ntrace/kept/50 | 0 | {}\ntrace/kept/500 | 0 | {}\n",
            of(5.0, few),
            of(50.0, some),
            of(500.0, many)
        );
        Numbers::parse(&text).unwrap()
    }

    #[test]
    fn a_child_that_is_dearer_among_many_breaks_the_rule() {
        assert!(slope(Fate::Kept, &with_children([300.0, 330.0, 355.0])).holds);
        assert!(!slope(Fate::Kept, &with_children([300.0, 300.0, 365.0])).holds);
        // nothing measured is no success
        assert!(!slope(Fate::Kept, &Numbers::default()).holds);
    }

    #[test]
    fn a_full_queue_that_costs_more_breaks_the_rule() {
        let numbers = |full: u32| {
            let text = format!("queue/with room | 0 | 1000\nqueue/full | 0 | {full}\n");
            full_queue(&Numbers::parse(&text).unwrap())
        };
        assert!(numbers(1200).holds);
        assert!(!numbers(1210).holds);
        assert!(!full_queue(&Numbers::default()).holds);
    }

    #[test]
    fn a_queue_whose_length_costs_breaks_the_rule() {
        let numbers = |full: u32| {
            let text = format!("full | 0 | {full}\nroom | 0 | 2000\n");
            behind("full", "room", &Numbers::parse(&text).unwrap())
        };
        assert!(numbers(2600).holds);
        assert!(!numbers(2700).holds);
        assert!(!behind("full", "room", &Numbers::default()).holds);
    }

    #[test]
    fn what_takes_more_than_its_length_breaks_the_rule() {
        let of = || ["short".to_owned(), "long".to_owned()];
        let numbers = |long: u32| {
            let text = format!("short | 0 | 1000\nlong | 0 | {long}\n");
            linear("x", of(), &Numbers::parse(&text).unwrap())
        };
        assert!(numbers(2100).holds);
        assert!(!numbers(4000).holds);
        assert!(!linear("x", of(), &Numbers::default()).holds);
    }

    #[test]
    fn a_header_that_fills_memory_breaks_the_rule() {
        let cases = crate::cases();
        let of = |peak| Allocations {
            count: 1,
            bytes: peak,
            peak,
        };
        let mut allocations = vec![of(100); cases.len()];
        assert!(bounded(&cases, &allocations).holds);
        *allocations.last_mut().unwrap() = of(1 << 20);
        assert!(!bounded(&cases, &allocations).holds);
    }
}
