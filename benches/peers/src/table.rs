//! The table.

use crate::Results;
use crate::names::{CHILDREN, HOPLINE, discarded, group, kept, name, not_recorded, who};
use crate::ours::clocks;
use crate::results::{Metric, median};

const COLUMNS: [(&str, Metric); 7] = [
    ("thread ns", Metric::Thread),
    ("all ns", Metric::All),
    ("wall ns", Metric::Wall),
    ("instr", Metric::Instructions),
    ("all instr", Metric::InstructionsOfAll),
    ("allocs", Metric::Allocations),
    ("bytes", Metric::Bytes),
];

/// Prints what was measured, group by group, and hopline's share of what each other one takes.
#[expect(clippy::print_stdout, reason = "it is the answer")]
pub fn print(results: &Results) {
    for group_name in order(results) {
        println!("\n{group_name}");
        println!("{}", head());
        let members = results
            .cases
            .keys()
            .filter(|case| group(case) == group_name);
        let mut members: Vec<&String> = members.collect();
        // ours first, then by cost
        members.sort_by(|a, b| {
            let cost = |case: &str| results.value(case, Metric::Thread).unwrap_or(f64::MAX);
            let is_theirs = |case: &str| !who(case).starts_with(HOPLINE);
            is_theirs(a)
                .cmp(&is_theirs(b))
                .then(cost(a).total_cmp(&cost(b)))
        });
        for case in members {
            println!(
                "{}",
                row(results, case, |case, metric| results.value(case, metric))
            );
        }
    }
    for (what, of) in [
        ("kept", kept as fn(u64) -> String),
        ("discarded", discarded),
        ("not recorded", not_recorded),
    ] {
        let (few, many) = (of(1), of(5));
        let members = results.cases.keys().filter(|case| group(case) == many);
        let members: Vec<&String> = members.collect();
        if members.is_empty() {
            continue;
        }
        println!(
            "\na child with six attributes, {what} (from root + 1 to root + 5)\n{}",
            head()
        );
        for case in members {
            let slope = |case: &str, metric| {
                results.slope(&name(&few, who(case)), &name(&many, who(case)), metric)
            };
            println!("{}", row(results, case, slope));
        }
    }
    if !results.resident.is_empty() {
        println!("\nmemory: 10,000 traces of 6 spans in flight");
        for (who, bytes) in &results.resident {
            let bytes = median(bytes.clone()).unwrap_or(f64::NAN);
            println!("  {who:WHO$} {bytes:>9.0} resident bytes a span");
        }
    }
}

const WHO: usize = 36;

fn head() -> String {
    let columns = COLUMNS.map(|(title, _)| format!("{title:>9}")).join(" ");
    let ratios: Vec<String> = clocks()
        .iter()
        .map(|(who, _)| format!("{who} ÷ it"))
        .collect();
    format!("  {:WHO$} {columns}  {}", "", ratios.join("  "))
}

fn row(results: &Results, case: &str, value: impl Fn(&str, Metric) -> Option<f64>) -> String {
    let columns = COLUMNS.map(|(_, metric)| match value(case, metric) {
        Some(number) if number.abs() < 100.0 => format!("{number:>9.1}"),
        Some(number) => format!("{number:>9.0}"),
        None => format!("{:>9}", "-"),
    });
    let ratios = clocks().into_iter().map(|(ours, _)| {
        let ours_case = name(group(case), ours);
        let is_known = results.cases.contains_key(&ours_case) && ours_case != case;
        let ratio = value(&ours_case, Metric::Thread).zip(value(case, Metric::Thread));
        ratio
            .filter(|_| is_known)
            .map_or_else(String::new, |(ours, theirs)| {
                format!("{:>8.2}", ours / theirs)
            })
    });
    format!(
        "  {:WHO$} {}  {}",
        who(case),
        columns.join(" "),
        ratios.collect::<Vec<_>>().join("  ")
    )
}

/// Groups as the cases are listed; traces by number of children within their kind.
fn order(results: &Results) -> Vec<String> {
    let mut order: Vec<String> = Vec::new();
    for of in [kept as fn(u64) -> String, discarded, not_recorded] {
        order.extend(CHILDREN.iter().map(|(children, _)| of(*children)));
    }
    for group in crate::names::groups(&crate::cases()) {
        if !order.contains(&group) {
            order.push(group);
        }
    }
    order.retain(|name| results.cases.keys().any(|case| group(case) == name));
    order
}
