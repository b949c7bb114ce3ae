//! The class of an error, recorded as `error.type`.
//!
//! | error | `error.type` |
//! |---|---|
//! | of the database | the SQLSTATE, MySQL's number or SQLite's code; also `db.response.status_code` |
//! | `PoolTimedOut`, `PoolClosed` | `pool_timed_out`, `pool_closed` |
//! | `Io`, `Tls`, `Protocol` | `io`, `tls`, `protocol` |
//! | a value that does not encode or decode | `encode`, `decode` |
//! | a missing column or type | `column_not_found`, `type_not_found` |
//! | `Configuration`, `BeginFailed`, `AnyDriverError`, `WorkerCrashed` | `configuration`, `begin`, `any_driver`, `worker_crashed` |
//! | any other | `_OTHER` |
//! | `RowNotFound` | none: not a failure |

use std::borrow::Cow;

use hopline_core::{Name, Span, semconv};
use sqlx::Error;

use crate::database::TracedDatabase;

/// The class of an error.
pub(super) enum ErrorClass<'e> {
    /// The database's code.
    StatusCode(Cow<'e, str>),
    /// The kind of an error that is not of the database.
    Named(&'static str),
}

impl ErrorClass<'_> {
    /// The value of `error.type`.
    pub(super) fn error_type(&self) -> &str {
        match self {
            Self::StatusCode(code) => code,
            Self::Named(name) => name,
        }
    }

    /// True if it is also `db.response.status_code`.
    pub(super) fn is_status_code(&self) -> bool {
        matches!(self, Self::StatusCode(_))
    }

    /// Marks a span as failed.
    pub(super) fn record(&self, span: &Span) {
        match self {
            Self::StatusCode(code) => {
                span.set(semconv::DB_RESPONSE_STATUS_CODE, &**code);
                span.fail(Name::dynamic(code));
            }
            Self::Named(name) => span.fail(*name),
        }
    }
}

/// Marks a span without a measurement as failed, with the error's code or class as `error.type`.
///
/// Never records the message: databases quote values in it, and drivers quote URLs.
pub(crate) fn fail_span<DB: TracedDatabase>(span: &Span, error: &Error) {
    if span.is_recording()
        && let Some(class) = class::<DB>(error)
    {
        class.record(span);
    }
}

/// The class of an error. None if it is no failure: with `RowNotFound` the statement was executed, and `fetch_one` adds it
/// above the executor.
pub(super) fn class<DB: TracedDatabase>(error: &Error) -> Option<ErrorClass<'_>> {
    let name = match error {
        Error::RowNotFound => return None,
        Error::Database(error) => {
            return Some(
                DB::status_code(&**error)
                    .map_or(ErrorClass::Named("_OTHER"), ErrorClass::StatusCode),
            );
        }
        Error::PoolTimedOut => "pool_timed_out",
        Error::PoolClosed => "pool_closed",
        Error::Io(_) => "io",
        Error::Tls(_) => "tls",
        Error::Protocol(_) => "protocol",
        Error::Configuration(_) => "configuration",
        Error::InvalidArgument(_) | Error::Encode(_) => "encode",
        Error::Decode(_) | Error::ColumnDecode { .. } => "decode",
        Error::ColumnNotFound(_) | Error::ColumnIndexOutOfBounds { .. } => "column_not_found",
        Error::TypeNotFound { .. } => "type_not_found",
        Error::AnyDriverError(_) => "any_driver",
        Error::WorkerCrashed => "worker_crashed",
        Error::InvalidSavePointStatement | Error::BeginFailed => "begin",
        _ => "_OTHER",
    };
    Some(ErrorClass::Named(name))
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use hopline_core::{SpanBuilder, SpanKind};
    use sqlx::Sqlite;

    use super::*;

    #[test]
    fn errors_are_recorded_as_classes_without_messages() {
        let message = || "hunter2".to_owned();
        for (error, class) in [
            (Error::PoolTimedOut, Some("pool_timed_out")),
            (Error::PoolClosed, Some("pool_closed")),
            (Error::Io(std::io::Error::other(message())), Some("io")),
            (Error::Tls(message().into()), Some("tls")),
            (Error::Protocol(message()), Some("protocol")),
            (
                Error::Configuration(message().into()),
                Some("configuration"),
            ),
            (Error::Encode(message().into()), Some("encode")),
            (Error::Decode(message().into()), Some("decode")),
            (Error::ColumnNotFound(message()), Some("column_not_found")),
            (Error::WorkerCrashed, Some("worker_crashed")),
            (Error::BeginFailed, Some("begin")),
            (Error::RowNotFound, None),
        ] {
            let (tracer, spans) = hopline_testing::tracer("svc");
            let span = SpanBuilder::new("db.query")
                .kind(SpanKind::Client)
                .tracer(&tracer)
                .start();
            fail_span::<Sqlite>(&span, &error);
            span.end();
            let span = &spans.all()[0];
            assert_eq!(
                (span.text("error.type"), span.is_error()),
                (class, class.is_some())
            );
            assert!(!format!("{span:?}").contains("hunter2"));
        }
    }
}
