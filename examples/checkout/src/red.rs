//! The metrics of all services: requests, errors and duration of each route, and the objectives.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hopline::metrics::Metrics;
use hopline::metrics::slo::SloState;

/// Rate, errors and duration of each route of each service, and the state of the objectives.
#[derive(Clone, Debug, Default)]
pub struct Red {
    /// By service, method and route.
    routes: BTreeMap<(String, String, String), Route>,
    objectives: Vec<SloState>,
}

/// The requests of one route.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Route {
    requests: f64,
    errors: f64,
    seconds: f64,
}

/// The family of the servers' requests on the page.
const REQUESTS: &str = "http_server_request_duration_seconds_";

impl Red {
    /// Reads the pages of these services, as Prometheus does.
    pub fn new<'a>(services: impl Iterator<Item = &'a Metrics>) -> Self {
        let mut red = Self::default();
        for metrics in services {
            let service = metrics.resource().service_name().to_owned();
            metrics
                .render()
                .lines()
                .filter_map(|line| line.strip_prefix(REQUESTS))
                .for_each(|line| red.add(&service, line));
            red.objectives.extend(metrics.slo_states());
        }
        red
    }

    /// Adds a line without the family's name: `count{…} 4`, `sum{…} 0.3`.
    fn add(&mut self, service: &str, line: &str) {
        let Some((series, value)) = line.rsplit_once(' ') else {
            return;
        };
        let label = |name: &str| {
            let (_, rest) = series.split_once(&format!("{name}=\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        let value: f64 = value.parse().unwrap_or_default();
        let method = label("http_request_method").unwrap_or_default();
        let path = label("http_route").unwrap_or_default();
        let key = (service.to_owned(), method, path);
        if series.starts_with("count{") {
            let route = self.routes.entry(key).or_default();
            route.requests += value;
            if label("error_type").is_some() {
                route.errors += value;
            }
        } else if series.starts_with("sum{") {
            self.routes.entry(key).or_default().seconds += value;
        }
    }
}

impl fmt::Display for Red {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Requests, errors, duration\n")?;
        writeln!(
            f,
            "{:<10} {:<20} {:>8} {:>6} {:>9}",
            "service", "route", "requests", "errors", "mean"
        )?;
        for ((service, method, path), route) in &self.routes {
            let mean = Duration::try_from_secs_f64(route.seconds / route.requests);
            let mean = format!("{:.1?}", mean.unwrap_or_default());
            let (requests, errors) = (route.requests, route.errors);
            writeln!(
                f,
                "{service:<10} {:<20} {requests:>8} {errors:>6} {mean:>9}",
                format!("{method} {path}"),
            )?;
        }
        writeln!(f, "\nObjectives\n")?;
        for state in &self.objectives {
            let burn = state.burns.first().map_or(0.0, |burn| burn.rate);
            writeln!(
                f,
                "{}: {} of {} good, burn rate {burn:.1}, {}",
                state.slo,
                state.good,
                state.total,
                state.alert.unwrap_or("no alert"),
            )?;
        }
        Ok(())
    }
}
