//! The log event of a statement.
//!
//! A traced pool disables sqlx's own events, since they contain raw text, and writes these in their place, with the same
//! target, levels, thresholds and fields.
//!
//! | field | value |
//! |---|---|
//! | `summary` | the summary of the text |
//! | `db.statement` | the redacted text; empty with [`QueryText::Omitted`] |
//! | `rows_affected`, `rows_returned` | the counts so far |
//! | `elapsed`, `elapsed_secs` | the duration, without the wait for a connection |
//! | `slow_threshold` | of a slow statement, with a message and its own level |

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::log::LevelFilter;
use sqlx::SqlStr;
use tracing::Level;
use tracing::level_filters::LevelFilter as TracingFilter;

use crate::log::quiet;
use crate::log::target::TARGET;
use crate::redact::redact;
use crate::settings::{QueryText, Settings};

/// Returns true if a logger or subscriber may be enabled at a level. It may still reject the event itself.
fn is_enabled(level: LevelFilter) -> bool {
    let Some(level) = level.to_level() else {
        return false;
    };
    level <= log::max_level() || tracing_level(level) <= tracing_max()
}

/// The most verbose level of all subscribers.
#[inline]
fn tracing_max() -> TracingFilter {
    TracingFilter::current()
}

fn tracing_level(level: log::Level) -> Level {
    match level {
        log::Level::Error => Level::ERROR,
        log::Level::Warn => Level::WARN,
        log::Level::Info => Level::INFO,
        log::Level::Debug => Level::DEBUG,
        log::Level::Trace => Level::TRACE,
    }
}

/// The log event of a running statement. Created only if it may be written.
pub(crate) struct StatementLog {
    /// Levels, thresholds and dialect.
    settings: Arc<Settings>,
    /// The raw text, redacted only if the event is written.
    text: SqlStr,
    /// The first poll.
    begun: Option<Instant>,
}

impl StatementLog {
    /// None if no logger or subscriber is enabled at the configured levels. `text` is called only otherwise.
    #[inline]
    pub(crate) fn new(
        settings: &Arc<Settings>,
        text: impl FnOnce() -> SqlStr,
    ) -> Option<Box<Self>> {
        if log::max_level() == LevelFilter::Off && tracing_max() == TracingFilter::OFF {
            return None;
        }
        let log = &settings.log;
        let enabled = is_enabled(log.statements_level) || is_enabled(log.slow_statements_level);
        if !enabled || settings.sqlx_logs {
            return None;
        }
        Some(Box::new(Self {
            settings: Arc::clone(settings),
            text: text(),
            begun: None,
        }))
    }

    /// Polls or drops the statement. Suppresses sqlx's own event, if the connection may still write it.
    pub(crate) fn scope<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let first = self.begun.is_none();
        let begun = *self.begun.get_or_insert_with(Instant::now);
        let may_log = self.settings.raw_events.may_occur(begun);
        // On the first poll always, since SQLite's thread inherits the current subscriber then. The event is written at the
        // end; if only slow statements are logged, it cannot be written earlier than that.
        if may_log && (first || self.is_near_its_event(begun)) {
            quiet::scope(work)
        } else {
            work()
        }
    }

    /// Returns true if the statement's event may be written during the next poll.
    fn is_near_its_event(&self, begun: Instant) -> bool {
        let log = &self.settings.log;
        is_enabled(log.statements_level) || begun.elapsed() >= log.slow_statements_duration / 2
    }

    /// Writes the event. No effect if the statement was never polled.
    pub(crate) fn finish(self, rows_affected: u64, rows_returned: u64) {
        let Some(elapsed) = self.begun.map(|begun| begun.elapsed()) else {
            return;
        };
        let log = &self.settings.log;
        let slow_threshold = log.slow_statements_duration;
        let slow = elapsed >= slow_threshold;
        let level = if slow {
            log.slow_statements_level
        } else {
            log.statements_level
        };
        if !is_enabled(level) {
            return;
        }
        let Some(level) = level.to_level() else {
            return;
        };
        let redacted = redact(self.text.as_str(), self.settings.endpoint.dialect);
        let statement = match self.settings.text {
            QueryText::Omitted => String::new(),
            _ => format!("\n\n{}\n", redacted.text),
        };
        Event {
            summary: &redacted.summary,
            statement: &statement,
            rows_affected,
            rows_returned,
            elapsed,
            slow_threshold: slow.then_some(slow_threshold),
        }
        .write(tracing_level(level));
    }
}

/// The fields of the event, named as sqlx names them.
struct Event<'a> {
    summary: &'a str,
    statement: &'a str,
    rows_affected: u64,
    rows_returned: u64,
    elapsed: Duration,
    slow_threshold: Option<Duration>,
}

/// Writes an event whose level is known at run time. The macros of tracing take constants.
macro_rules! write_at {
    ($level:expr, $($fields:tt)*) => {
        match $level {
            Level::ERROR => tracing::event!(target: TARGET, Level::ERROR, $($fields)*),
            Level::WARN => tracing::event!(target: TARGET, Level::WARN, $($fields)*),
            Level::INFO => tracing::event!(target: TARGET, Level::INFO, $($fields)*),
            Level::DEBUG => tracing::event!(target: TARGET, Level::DEBUG, $($fields)*),
            Level::TRACE => tracing::event!(target: TARGET, Level::TRACE, $($fields)*),
        }
    };
}

impl Event<'_> {
    fn write(&self, level: Level) {
        let Self {
            summary,
            statement,
            rows_affected,
            rows_returned,
            elapsed,
            slow_threshold,
        } = *self;
        let message =
            slow_threshold.map(|_| "slow statement: execution time exceeded alert threshold");
        write_at!(
            level,
            message,
            summary,
            db.statement = statement,
            rows_affected,
            rows_returned,
            ?elapsed,
            elapsed_secs = elapsed.as_secs_f64(),
            slow_threshold = slow_threshold.map(tracing::field::debug),
        );
    }
}
