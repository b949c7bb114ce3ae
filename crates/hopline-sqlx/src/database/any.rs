//! The `Any` driver, whose product is named by the URL at run time.

use std::borrow::Cow;

use sqlx::any::{Any, AnyConnectOptions};
use sqlx::error::DatabaseError;

use super::{Endpoint, TracedDatabase, forward_to_driver};

impl TracedDatabase for Any {
    /// The endpoint of the driver that the URL's scheme names. Unknown if its feature is disabled.
    fn endpoint(options: &AnyConnectOptions) -> Endpoint {
        driver_endpoint(options).unwrap_or_else(Self::unknown_endpoint)
    }

    /// The code of the underlying driver's error.
    fn status_code<'e>(error: &'e (dyn DatabaseError + 'static)) -> Option<Cow<'e, str>> {
        #[cfg(feature = "mysql")]
        if let Some(number) = sqlx::MySql::status_code(error) {
            return Some(number);
        }
        error.code()
    }

    forward_to_driver!();
}

/// The endpoint by the driver of the URL's scheme. None if its feature is disabled, or the options are invalid, in which
/// case connecting fails anyway.
fn driver_endpoint(options: &AnyConnectOptions) -> Option<Endpoint> {
    match options.database_url.scheme() {
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => {
            let options = sqlx::postgres::PgConnectOptions::try_from(options).ok()?;
            Some(sqlx::Postgres::endpoint(&options))
        }
        #[cfg(feature = "mysql")]
        scheme @ ("mysql" | "mariadb") => {
            let options = sqlx::mysql::MySqlConnectOptions::try_from(options).ok()?;
            let system = if scheme == "mysql" {
                "mysql"
            } else {
                "mariadb"
            };
            Some(Endpoint {
                system,
                ..sqlx::MySql::endpoint(&options)
            })
        }
        #[cfg(feature = "sqlite")]
        "sqlite" => {
            let options = sqlx::sqlite::SqliteConnectOptions::try_from(options).ok()?;
            Some(sqlx::Sqlite::endpoint(&options))
        }
        _ => None,
    }
}
