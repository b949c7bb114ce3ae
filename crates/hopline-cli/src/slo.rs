//! `hopline slo`: the text of objectives, checked, explained, and written as rules or as a dashboard.
//! `main` calls it. Parser, rules and dashboard are `hopline_metrics`', so their output is what a service would write.

use hopline_metrics::slo::{Slo, dashboard, rules};

use crate::Result;
use crate::args::SloOptions;
use crate::draw::{self, Mark};

/// Prints the meaning of each objective; `--rules` and `--dashboard` print the file for Prometheus or Grafana alone, so that
/// it can be redirected.
///
/// # Errors
///
/// Returns an error if there is no objective in the text or standard output cannot be written. A text that is not valid is no error: its problem is printed, and
/// the result is false.
pub(crate) fn run(options: &SloOptions) -> Result<bool> {
    let slos = match Slo::parse_all(&options.objectives) {
        Ok(slos) if slos.is_empty() => return Err("there is no objective in the text".into()),
        Ok(slos) => slos,
        Err(error) => {
            draw::line(Mark::Bad, &error.to_string())?;
            return Ok(false);
        }
    };
    if options.rules {
        draw::line(Mark::Plain, rules(&slos).trim_end())?;
    } else if options.dashboard {
        draw::line(Mark::Plain, dashboard(&slos).trim_end())?;
    } else {
        for slo in &slos {
            draw::line(Mark::Plain, &meaning(slo))?;
        }
    }
    Ok(true)
}

/// Explains an objective, and its budget as time: 99.9 % over 30 days is 43.2 minutes without a good request.
///
/// The name, the condition of a good request and the budget have a line each.
///
/// The budget is of requests, not of time: the minutes hold for a steady rate of requests, and are for comparison with an
/// outage.
fn meaning(slo: &Slo) -> String {
    let limit = slo
        .limit()
        .map_or_else(String::new, |limit| format!(" and takes at most {limit:?}"));
    let minutes = slo.window().as_secs_f64() / 60.0 * slo.budget();
    format!(
        "{slo}\n  a request of `{}` is good if it has no server error{limit}\n  {:.4} % may be bad: as much as {minutes:.1} minutes without a good request",
        slo.name(),
        slo.budget() * 100.0
    )
}
