//! Statement log events as sqlx writes them, with redacted text.
//!
//! A traced pool turns sqlx's own events off, since they hold raw text, and writes these in their place: the same target,
//! levels, thresholds and fields.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::log::LevelFilter;
use sqlx::SqlStr;
pub(crate) use sqlx_core::connection::LogSettings;
use tracing::level_filters::LevelFilter as TracingFilter;
use tracing::{Level, Metadata};

use crate::quiet;
use crate::redact::redact;
use crate::settings::{QueryText, Settings};

/// The target of sqlx's own events.
pub(crate) const TARGET: &str = "sqlx::query";

/// The log settings of connect options; sqlx's defaults if they cannot be read.
///
/// sqlx has no getter for them, but its options print them. Other parts of what they print are dropped unread.
pub(crate) fn configured(options: &impl Debug) -> LogSettings {
    let printed = format!("{options:?}");
    read(&printed).unwrap_or_default()
}

fn read(printed: &str) -> Option<LogSettings> {
    let (_, settings) = printed.rsplit_once("LogSettings { ")?;
    let (settings, _) = settings.split_once(" }")?;
    let mut fields = settings
        .split(", ")
        .map(|field| Some(field.split_once(": ")?.1));
    let mut read = LogSettings::default();
    read.log_statements(fields.next()??.parse().ok()?);
    let slow = fields.next()??.parse().ok()?;
    read.log_slow_statements(slow, seconds(fields.next()??)?);
    Some(read)
}

/// A duration as `Debug` prints it: `1s`, `200ms`, `1.5µs`.
fn seconds(printed: &str) -> Option<Duration> {
    let unit = printed.find(|c: char| c != '.' && !c.is_ascii_digit())?;
    let (number, unit) = printed.split_at(unit);
    let factor = match unit {
        "s" => 1.0,
        "ms" => 1e-3,
        "µs" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * factor).ok()
}

/// True if a listener may be enabled at this level; a listener may still refuse the event itself.
fn is_heard(level: LevelFilter) -> bool {
    let Some(level) = level.to_level() else {
        return false;
    };
    level <= log::max_level() || tracing_level(level) <= tracing_max()
}

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

/// True for an event that sqlx writes about a statement. Ours bear the same target, and no raw text.
pub(crate) fn is_of_sqlx(metadata: &Metadata<'_>) -> bool {
    metadata.target() == TARGET
        && metadata
            .module_path()
            .is_none_or(|path| !path.starts_with("hopline_sqlx"))
}

/// Connections that still write sqlx's own events: those that were open before they were turned off.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loud {
    No,
    /// Until the pool has replaced them all.
    Until(Instant),
    Always,
}

/// The event of a statement that runs; made only where it may be written.
pub(crate) struct StatementLog {
    settings: Arc<Settings>,
    text: SqlStr,
    begun: Option<Instant>,
}

impl StatementLog {
    #[inline]
    pub(crate) fn new(
        settings: &Arc<Settings>,
        text: impl FnOnce() -> SqlStr,
    ) -> Option<Box<Self>> {
        if log::max_level() == LevelFilter::Off && tracing_max() == TracingFilter::OFF {
            return None;
        }
        let log = &settings.log;
        let heard = is_heard(log.statements_level) || is_heard(log.slow_statements_level);
        if !heard || settings.raw_log {
            return None;
        }
        Some(Box::new(Self {
            settings: Arc::clone(settings),
            text: text(),
            begun: None,
        }))
    }

    /// Polls or drops what runs, without sqlx's own event where its connection may still write it.
    pub(crate) fn scope<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let first = self.begun.is_none();
        let begun = *self.begun.get_or_insert_with(Instant::now);
        let loud = match self.settings.loud {
            Loud::No => false,
            Loud::Until(end) => begun < end,
            Loud::Always => true,
        };
        // At first always: SQLite's thread takes what is current then along. The event is written at the end, and is
        // that of a slow statement only if it took long.
        if loud && (first || self.is_near_its_event(begun)) {
            quiet::scope(work)
        } else {
            work()
        }
    }

    fn is_near_its_event(&self, begun: Instant) -> bool {
        let log = &self.settings.log;
        is_heard(log.statements_level) || begun.elapsed() >= log.slow_statements_duration / 2
    }

    /// Writes the event. Nothing if it never ran.
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
        if !is_heard(level) {
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

struct Event<'a> {
    summary: &'a str,
    statement: &'a str,
    rows_affected: u64,
    rows_returned: u64,
    elapsed: Duration,
    slow_threshold: Option<Duration>,
}

/// Writes an event whose level is known at run time only; the macros of tracing take constants.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_they_are_printed() {
        for duration in [
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::from_micros(1500),
            Duration::from_millis(200),
            Duration::from_millis(1500),
            Duration::from_secs(3600),
        ] {
            assert_eq!(seconds(&format!("{duration:?}")), Some(duration));
        }
        for other in ["", "s", "1", "1h", "x1s", "1.1.1s"] {
            assert_eq!(seconds(other), None, "{other}");
        }
    }

    #[cfg(all(
        feature = "any",
        feature = "mysql",
        feature = "postgres",
        feature = "sqlite"
    ))]
    #[test]
    fn log_settings_are_read_from_the_options_of_each_database() {
        use sqlx::ConnectOptions;

        fn check<O: ConnectOptions>(options: O) {
            let own = |options: &O| {
                let read = configured(options);
                (
                    read.statements_level,
                    read.slow_statements_level,
                    read.slow_statements_duration,
                )
            };
            let (debug, warn) = (LevelFilter::Debug, LevelFilter::Warn);
            assert_eq!(own(&options), (debug, warn, Duration::from_secs(1)));
            let changed = options
                .log_statements(LevelFilter::Trace)
                .log_slow_statements(LevelFilter::Error, Duration::from_millis(250));
            let expected = (
                LevelFilter::Trace,
                LevelFilter::Error,
                Duration::from_millis(250),
            );
            assert_eq!(own(&changed), expected);
            let off = changed.disable_statement_logging();
            assert_eq!(
                own(&off),
                (LevelFilter::Off, LevelFilter::Off, Duration::ZERO)
            );
        }
        check(sqlx::postgres::PgConnectOptions::new().password("LogSettings { x"));
        check(sqlx::mysql::MySqlConnectOptions::new());
        check(sqlx::sqlite::SqliteConnectOptions::new());
        check(
            "sqlite::memory:"
                .parse::<sqlx::any::AnyConnectOptions>()
                .unwrap(),
        );
        assert!(read("PgConnectOptions { host: \"h\" }").is_none());
    }
}
