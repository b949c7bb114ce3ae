//! SQL statements for tests of redaction.

mod any_input;
mod generate;
mod hostile;

pub use any_input::{DIALECTS, check, redact_any};
pub use generate::{Generated, Generator, NUMBER, TEXT, drop_schema, schema};
pub use hostile::hostile;
