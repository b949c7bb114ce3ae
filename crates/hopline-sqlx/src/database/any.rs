//! The `Any` driver, whose product is named by the URL at run time.

use std::borrow::Cow;

use sqlx::any::{Any, AnyConnectOptions};
use sqlx::error::DatabaseError;

use super::{Endpoint, TracedDatabase, forward_to_driver};

impl TracedDatabase for Any {
    /// The endpoint of the driver that the URL's scheme names. Unknown if its feature is disabled.
    fn endpoint(options: &AnyConnectOptions) -> Endpoint {
        let known = match options.database_url.scheme() {
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => sqlx::postgres::PgConnectOptions::try_from(options)
                .map(|options| sqlx::Postgres::endpoint(&options)),
            #[cfg(feature = "mysql")]
            scheme @ ("mysql" | "mariadb") => {
                let system = if scheme == "mysql" {
                    "mysql"
                } else {
                    "mariadb"
                };
                sqlx::mysql::MySqlConnectOptions::try_from(options).map(|options| Endpoint {
                    system,
                    ..sqlx::MySql::endpoint(&options)
                })
            }
            #[cfg(feature = "sqlite")]
            "sqlite" => sqlx::sqlite::SqliteConnectOptions::try_from(options)
                .map(|options| sqlx::Sqlite::endpoint(&options)),
            _ => return Self::unknown_endpoint(),
        };
        known.unwrap_or_else(|_: sqlx::Error| Self::unknown_endpoint())
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
