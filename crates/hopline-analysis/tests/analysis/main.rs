//! Results for hand-made traces, and for traces that no correct service makes.

mod any_spans;
mod checks;
mod made;
mod results;
mod trees;
