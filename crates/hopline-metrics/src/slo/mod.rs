//! Service level objectives: their text, their burn rates in this process, and rules and a dashboard for Prometheus and Grafana.
//! `parse` reads the text, `objective` holds it, `burn` counts requests at each measurement of their duration. `rules` and
//! `dashboard` write files for the application or for `hopline slo`; both are pure functions of the objectives.
//!
//! Windows and alert rates are those of the SRE workbook, chapter 5, table 5-8.

mod burn;
mod dashboard;
mod objective;
mod parse;
mod rules;

pub use burn::{Burn, SloState};
pub use dashboard::dashboard;
pub use objective::Slo;
pub use parse::ParseSloError;
pub use rules::rules;

pub(crate) use burn::Slos;
