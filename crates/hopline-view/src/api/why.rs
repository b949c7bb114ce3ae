//! The operations in which slow traces spend more time than typical ones.
//! `router` calls it; `hopline_analysis::why` compares.

use axum::Json;
use axum::extract::State;
use hopline_analysis::why as reasons;
use serde::Serialize;

use super::copied::matching;
use super::params::Params;
use super::state::Api;
use crate::error::ApiError;

/// Answer of `/api/why`: the operations in which slow traces of one root operation spend more time than typical ones.
#[derive(Default, Serialize)]
pub(super) struct Why {
    /// Service of the root.
    service: String,
    /// Label of the root.
    name: String,
    /// Number of traces with this root.
    traces: usize,
    /// Traces up to the median duration.
    typical: Group,
    /// Traces from the 99th percentile on.
    slow: Group,
    /// The largest difference first.
    operations: Vec<Operation>,
    /// The root operations that there are, to choose from by `service:` and `name:`.
    roots: Vec<Root>,
}

/// Number of traces, and the mean duration of their roots in nanoseconds.
#[derive(Default, Serialize)]
struct Group {
    traces: usize,
    duration: u64,
}

/// The spans of one service and label, by their time on the critical path.
#[derive(Serialize)]
struct Operation {
    service: String,
    name: String,
    /// Mean time in a typical trace, in nanoseconds.
    typical: u64,
    /// Mean time in a slow trace, in nanoseconds.
    slow: u64,
    /// `slow` less `typical`.
    delta: i64,
    /// Share of the whole difference, 1 for all of it; negative if the operation is shorter in slow traces.
    share: f64,
}

/// A root operation, and the number of its traces.
#[derive(Serialize)]
struct Root {
    service: String,
    name: String,
    traces: usize,
}

/// Explains the slow traces of the root operation with most traces, or of the one that `service` and `name` give.
/// Without a match, the answer has the roots alone.
///
/// # Errors
///
/// Returns an error for a query that is not valid.
pub(super) async fn why(State(api): State<Api>, params: Params) -> Result<Json<Why>, ApiError> {
    let found = reasons::by_root(&matching(&api, &params)?);
    let roots = found.iter().map(|why| Root {
        service: why.root.0.clone(),
        name: why.root.1.clone(),
        traces: why.traces,
    });
    let roots: Vec<Root> = roots.collect();
    let is_wanted = |why: &&reasons::Why| {
        params
            .text("service")
            .is_none_or(|service| service == why.root.0)
            && params.text("name").is_none_or(|name| name == why.root.1)
    };
    let Some(why) = found.iter().find(is_wanted) else {
        return Ok(Json(Why {
            roots,
            ..Why::default()
        }));
    };
    let group = |group: reasons::Group| Group {
        traces: group.traces,
        duration: group.duration,
    };
    let operations = why.operations.iter().map(|operation| Operation {
        service: operation.service.clone(),
        name: operation.name.clone(),
        typical: operation.typical,
        slow: operation.slow,
        delta: operation.delta(),
        share: operation.share,
    });
    Ok(Json(Why {
        service: why.root.0.clone(),
        name: why.root.1.clone(),
        traces: why.traces,
        typical: group(why.typical),
        slow: group(why.slow),
        operations: operations.collect(),
        roots,
    }))
}
