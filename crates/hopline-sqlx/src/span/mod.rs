//! Spans: the factory that starts them, and the guards that end them with an outcome.
//!
//! | file | contents | used by |
//! |---|---|---|
//! | `spans` | [`Spans`], the factory: a span for a statement, a step, a wait | the traced types |
//! | `control` | the names of steps without a text, such as BEGIN | the traced types, `spans` |
//! | `notes` | operation, collection and summary that the application sets for a call | `Annotated`, `spans` |
//! | `parsed_text`, `statement_cache` | the attributes of a statement's text, cached by thread | `spans` |
//! | `started`, `statement_record`, `step_span` | a started statement, and the guards of statements and of steps | the traced types |
//! | `pool_wait` | the time that a statement waits for a connection | `traced/source` |
//! | `error_class` | `error.type` | the guards |
//! | `measurement` | the timer of a statement or step, and what its metrics describe | the guards, `spans` |
//!
//! Depends on [`settings`](crate::settings), [`log`](crate::log), [`database`](crate::database),
//! [`metrics`](crate::metrics) and [`redact`](crate::redact).

mod control;
mod error_class;
mod measurement;
mod notes;
mod parsed_text;
mod pool_wait;
mod spans;
mod started;
mod statement_cache;
mod statement_record;
mod step_span;
#[cfg(test)]
mod tests;

pub(crate) use control::Control;
pub(crate) use error_class::fail_span;
pub(crate) use notes::Notes;
pub(crate) use pool_wait::PoolWait;
pub(crate) use spans::Spans;
pub(crate) use statement_record::StatementRecord;
pub(crate) use step_span::StepSpan;
