//! Analyses of the workspace's sources that both the commands and the tests use.

pub mod arrows;
