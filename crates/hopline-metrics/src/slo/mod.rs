//! Service level objectives: their text, their burn rates in this process, and rules and a dashboard for Prometheus and Grafana.

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
