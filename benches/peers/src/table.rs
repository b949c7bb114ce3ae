//! The table.

use crate::Results;
use crate::names::{
    CHILDREN, HOPLINE, discarded, group, groups, is_bare, kept, name, not_recorded, who,
};
use crate::ours::clocks;
use crate::results::{Metric, median};

const COLUMNS: [(&str, Metric); 5] = [
    ("thread ns", Metric::Thread),
    ("all ns", Metric::All),
    ("instr", Metric::Instructions),
    ("allocs", Metric::Allocations),
    ("bytes", Metric::Bytes),
];
/// Of which a ratio is shown.
const RATIOS: [(&str, Metric); 2] = [("thread", Metric::Thread), ("all", Metric::All)];
const WHO: usize = 40;

/// Prints what was measured, group by group, and hopline's share of what each other one takes.
#[expect(clippy::print_stdout, reason = "it is the answer")]
pub fn print(results: &Results) {
    for group in order(results) {
        let members = members(results, &group);
        println!("\n{}", head(&group));
        for case in members {
            println!(
                "{}",
                row(results, case, |case, metric| results.value(case, metric))
            );
        }
    }
    for (what, of) in TRACES {
        let (few, many) = (of(1), of(5));
        let members = members(results, &many);
        if members.is_empty() {
            continue;
        }
        println!("\n{}", head(&format!("a child, {what}, root + 1 to + 5")));
        for case in members {
            let slope = |case: &str, metric| {
                results.slope(&name(&few, who(case)), &name(&many, who(case)), metric)
            };
            println!("{}", row(results, case, slope));
        }
    }
    if let Some(beside) = &results.beside_query {
        println!(
            "\na Postgres query: {:.0} instructions in the server; of the processor time of both {:.0} % outside the kernel",
            beside.in_server,
            100.0 * beside.of_programs
        );
    }
    if !results.resident.is_empty() {
        println!("\nmemory: 10,000 traces of 6 spans in flight");
        for (who, bytes) in &results.resident {
            let bytes = median(bytes.clone()).unwrap_or(f64::NAN);
            println!("  {who:WHO$} {bytes:>9.0} resident bytes a span");
        }
    }
}

/// The ends of traces, and the groups by number of children.
type Traces = (&'static str, fn(u64) -> String);

const TRACES: [Traces; 3] = [
    ("kept", kept),
    ("discarded", discarded),
    ("not recorded", not_recorded),
];

/// The cases of a group: hopline's, then the others, the cheapest first.
fn members<'a>(results: &'a Results, of: &str) -> Vec<&'a str> {
    let names = results.cases.keys().map(String::as_str);
    let mut members: Vec<&str> = names.filter(|case| group(case) == of).collect();
    let cost = |case: &str| results.value(case, Metric::Thread).unwrap_or(f64::MAX);
    let is_theirs = |case: &str| !who(case).starts_with(HOPLINE);
    members.sort_by(|a, b| {
        is_theirs(a)
            .cmp(&is_theirs(b))
            .then(cost(a).total_cmp(&cost(b)))
    });
    members
}

fn head(group: &str) -> String {
    let columns = COLUMNS.map(|(title, _)| format!("{title:>9}")).join(" ");
    let mut head = format!("{group:width$} {columns}", width = WHO + 2);
    for (ours, _) in clocks() {
        for (title, _) in RATIOS {
            head += &format!("  {}", ratio_title(ours, title));
        }
    }
    head
}

fn row(results: &Results, case: &str, value: impl Fn(&str, Metric) -> Option<f64>) -> String {
    let columns = COLUMNS.map(|(_, metric)| match value(case, metric) {
        Some(number) if number.abs() < 100.0 => format!("{number:>9.1}"),
        Some(number) => format!("{number:>9.0}"),
        None => format!("{:>9}", "-"),
    });
    let mut row = format!("  {:WHO$} {}", who(case), columns.join(" "));
    for (ours, _) in clocks() {
        let ours_case = name(group(case), ours);
        if who(case).starts_with(HOPLINE)
            || is_bare(case)
            || !results.cases.contains_key(&ours_case)
        {
            continue;
        }
        for (title, metric) in RATIOS {
            let ratio = value(&ours_case, metric).zip(value(case, metric));
            let ratio = ratio.map_or_else(String::new, |(ours, theirs)| {
                format!("{:.2}", ours / theirs)
            });
            let width = ratio_title(ours, title).chars().count();
            row += &format!("  {ratio:>width$}");
        }
    }
    row
}

/// hopline's cost over the row's: `÷ thread`, and `÷ thread, std clock` where hopline has that.
fn ratio_title(ours: &str, title: &str) -> String {
    format!("÷ {title}{}", ours.trim_start_matches(HOPLINE))
}

/// Groups as the cases are listed; traces by number of children within their kind.
fn order(results: &Results) -> Vec<String> {
    let mut order: Vec<String> = Vec::new();
    for (_, of) in TRACES {
        order.extend(CHILDREN.iter().map(|(children, _)| of(*children)));
    }
    for group in groups(&crate::cases()) {
        if !order.contains(&group) {
            order.push(group);
        }
    }
    order.retain(|name| results.cases.keys().any(|case| group(case) == name));
    order
}
