//! Circles in a graph: its strongly connected components of more than one member.

use std::collections::{BTreeMap, BTreeSet};

use super::Arrows;

/// Each group in which every one reaches every other.
pub(super) fn of<T: Clone + Ord>(arrows: &Arrows<T>) -> Vec<Vec<T>> {
    // graphs of some hundred files: reachability of each is cheap and plain
    let reach: BTreeMap<&T, BTreeSet<&T>> = arrows
        .keys()
        .map(|from| (from, reached(arrows, from)))
        .collect();
    let mut done = BTreeSet::new();
    let mut found = Vec::new();
    for from in arrows.keys() {
        if done.contains(from) {
            continue;
        }
        let back = |to: &&T| reach.get(*to).is_some_and(|reached| reached.contains(from));
        let circle: Vec<T> = reach[from].iter().copied().filter(back).cloned().collect();
        if circle.len() > 1 {
            done.extend(circle.iter().cloned());
            found.push(circle);
        }
    }
    found
}

fn reached<'a, T: Ord>(arrows: &'a Arrows<T>, from: &T) -> BTreeSet<&'a T> {
    let mut reached = BTreeSet::new();
    let mut left: Vec<&T> = arrows.get(from).into_iter().flatten().collect();
    while let Some(next) = left.pop() {
        if reached.insert(next) {
            left.extend(arrows.get(next).into_iter().flatten());
        }
    }
    reached
}
