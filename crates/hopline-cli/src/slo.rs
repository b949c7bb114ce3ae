//! `hopline slo`: the text of objectives, checked, explained, and written as rules or as a dashboard.

use hopline_metrics::slo::{Slo, dashboard, rules};

use crate::Result;
use crate::args::SloOptions;
use crate::draw::{self, Mark};

/// False if the text is not a list of objectives.
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
