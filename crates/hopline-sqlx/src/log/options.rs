//! The log settings in sqlx's connect options: reads them, and disables sqlx's own events.
//!
//! The `Debug` output of each driver's options ends with
//! `log_settings: LogSettings { statements_level: Debug, slow_statements_level: Warn, slow_statements_duration: 1s }`.
//! The test below fails if a driver prints it in another way.

use std::fmt::Debug;
use std::time::Duration;

use sqlx::ConnectOptions;

use sqlx_core::connection::LogSettings;

/// Copies connect options without sqlx's log events.
pub(crate) fn silent<O: ConnectOptions>(options: &O) -> O {
    options.clone().disable_statement_logging()
}

/// The log settings of connect options. Defaults to sqlx's defaults if they cannot be read.
///
/// sqlx has no getter for them, but they are part of the `Debug` output of its options. The rest of that output, which may
/// contain credentials, is dropped.
pub(crate) fn configured(options: &impl Debug) -> LogSettings {
    let printed = format!("{options:?}");
    read(&printed).unwrap_or_default()
}

/// Parses the log settings in `Debug` output.
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

/// Parses a duration as `Debug` prints it: `1s`, `200ms`, `1.5µs`.
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

#[cfg(test)]
mod tests {
    use ::log::LevelFilter;

    use super::*;

    #[test]
    fn printed_durations_are_parsed() {
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
