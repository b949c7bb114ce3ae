//! The cases that hopline and every peer have alike.

use hopline_gate::requests::{SAMPLED, UNSAMPLED};
use hopline_gate::{Case, Work};

use crate::names::*;

/// Traces by number of children, sampled or not.
pub(crate) fn traces(who: &str, make: fn(bool, u64) -> Work) -> Vec<Case> {
    let mut cases = Vec::new();
    for (children, times) in CHILDREN {
        for (sampled, group) in [(true, kept(children)), (false, not_recorded(children))] {
            let make = move |_: &_| make(sampled, children);
            cases.push(Case::new(name(group, who), make).times(times));
        }
    }
    cases
}

/// Requests to an axum router in a layer, sampled or not, with this `traceparent` or none.
pub(crate) fn requests(who: &str, make: fn(bool, Option<&'static str>) -> Work) -> Vec<Case> {
    let mut cases = Vec::new();
    for (group, bare, sampled, parent) in [
        (AXUM, AXUM_BARE, true, None),
        (AXUM_PARENT, AXUM_BARE_PARENT, true, Some(SAMPLED)),
        (AXUM_OFF, AXUM_BARE, false, None),
        (AXUM_OFF_PARENT, AXUM_BARE_PARENT, false, Some(UNSAMPLED)),
    ] {
        let make = move |_: &_| make(sampled, parent);
        cases.push(Case::new(name(group, who), make).over(bare).times(512));
    }
    cases
}

/// A poll in a context, two threads on one trace, and four workers with traces of their own.
pub(crate) fn threads(
    who: [&str; 3],
    poll: fn() -> Work,
    shared: fn() -> Work,
    workers: fn() -> Work,
) -> Vec<Case> {
    let [poller, sharer, worker] = who;
    vec![
        Case::new(name(POLL, poller), move |_| poll())
            .over(POLL_BARE)
            .times(1024),
        Case::new(name(SHARED, sharer), move |_| shared()).times(1000),
        Case::new(name(WORKERS, worker), move |_| workers()).times(1024),
    ]
}
