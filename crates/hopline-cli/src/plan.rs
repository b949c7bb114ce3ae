//! `hopline plan`: the text of a sampling plan, checked and explained.
//! `main` calls it. The parser is `hopline_core`'s, so a plan that is valid here is valid for `HOPLINE_SAMPLING`.

use hopline_core::SamplingPlan;

use crate::Result;
use crate::draw::{self, Mark};

/// Prints each clause of the plan in its canonical form, with its meaning beside it.
///
/// # Errors
///
/// Returns an error if standard output cannot be written. Text that is not a plan is no error: its problem is printed, and
/// the result is false.
pub(crate) fn run(text: &str) -> Result<bool> {
    let plan: SamplingPlan = match text.parse() {
        Ok(plan) => plan,
        Err(error) => {
            draw::line(Mark::Bad, &format!("not a plan: {error}"))?;
            return Ok(false);
        }
    };
    // the printed form, not the input: it has one spelling for each clause
    let printed = plan.to_string();
    let clauses = clauses(&printed);
    let width = clauses
        .iter()
        .map(|clause| clause.chars().count())
        .max()
        .unwrap_or(0);
    for clause in clauses {
        let space = " ".repeat(width - clause.chars().count());
        draw::line(
            Mark::Plain,
            &format!("{clause}{space}  {}", meaning(clause)),
        )?;
    }
    Ok(true)
}

/// Splits a printed plan into its clauses. A semicolon within quotes does not end one; quotes have no escapes.
fn clauses(plan: &str) -> Vec<&str> {
    let mut clauses = Vec::new();
    let (mut start, mut is_quoted) = (0, false);
    for (at, c) in plan.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            ';' if !is_quoted => {
                clauses.push(plan[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    clauses.push(plan[start..].trim());
    clauses.retain(|clause| !clause.is_empty());
    clauses
}

/// Explains one clause of a printed plan in words.
///
/// A rule is a condition and a last word: `never`, `always`, the treatment of parents, or a share. The other clauses, which
/// have no condition, are matched first.
fn meaning(clause: &str) -> String {
    // the last word is the decision; a quoted name in the condition may contain spaces
    let (condition, last) = clause.rsplit_once(' ').unwrap_or(("", clause));
    match clause {
        "keep errors" => return "every trace in which a span failed is kept".to_owned(),
        "keep forced" => return "every trace that the application asks for is kept".to_owned(),
        "local roots only" => {
            return "the keep clauses leave alone what another process did not sample".to_owned();
        }
        "ignore parents" => {
            return "callers' decisions have no part; randomness is this process's own".to_owned();
        }
        "resample parents" => {
            return "decided anew by the trace's own randomness; sets of services nest".to_owned();
        }
        _ => {}
    }
    if let Some(rate) = clause.strip_prefix("budget ") {
        return format!("about {rate} sampled traces; beyond it the probability falls");
    }
    if let Some(rate) = clause.strip_prefix("keep errors ") {
        return format!("failed traces are kept, up to {rate}; further ones are counted");
    }
    if let Some(rest) = clause.strip_prefix("keep slower ") {
        return match rest.split_once(' ') {
            Some((limit, rate)) => {
                format!("traces whose local root took {limit} or longer are kept, up to {rate}")
            }
            None => format!("traces whose local root took {rest} or longer are kept"),
        };
    }
    let traces = match condition {
        "*" => "all other new traces".to_owned(),
        "any" => "all new traces; later rules do not count".to_owned(),
        _ if condition.ends_with("parents") => format!(
            "traces with parents of the kind `{}`",
            condition.trim_end_matches(" parents")
        ),
        _ => format!("new traces that match `{condition}`"),
    };
    match last {
        "never" => format!("{traces}: not recorded at all"),
        "always" => {
            format!("{traces}: sampled, also where a parent decided otherwise, outside the budget")
        }
        "follow" | "ignore" | "resample" => format!("{traces}: {last} their decision"),
        share => format!("{traces}: sampled with probability {share}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semicolon_in_quotes_ends_no_clause() {
        assert_eq!(
            clauses("name \"a; b\" 5%; * 1%"),
            ["name \"a; b\" 5%", "* 1%"]
        );
    }

    #[test]
    fn each_kind_of_clause_is_explained() {
        for (clause, words) in [
            ("* 5%", "all other new traces: sampled with probability 5%"),
            (
                "GET /x never",
                "new traces that match `GET /x`: not recorded at all",
            ),
            (
                "keep slower 500ms 50/s",
                "traces whose local root took 500ms or longer are kept, up to 50/s",
            ),
            (
                "remote sampled parents 10%",
                "traces with parents of the kind `remote sampled`: sampled with probability 10%",
            ),
        ] {
            assert_eq!(meaning(clause), words);
        }
    }
}
