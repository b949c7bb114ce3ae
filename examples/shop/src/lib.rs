//! Two forms of one shop; `tests/compare.rs` compares them.
