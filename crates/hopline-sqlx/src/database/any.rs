//! Whatever the URL names, at run time.

use std::borrow::Cow;

use sqlx::any::{Any, AnyConnectOptions};
use sqlx::error::DatabaseError;

use super::{Endpoint, TracedDatabase, forward_to_driver};

impl TracedDatabase for Any {
    /// As the driver that the URL's scheme names has it; of one that is not built in, nothing but that it is.
    fn endpoint(options: &AnyConnectOptions) -> Endpoint {
        match options.database_url.scheme() {
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => sqlx::postgres::PgConnectOptions::try_from(options)
                .map_or_else(
                    |_| Self::unknown_endpoint(),
                    |options| sqlx::Postgres::endpoint(&options),
                ),
            #[cfg(feature = "mysql")]
            scheme @ ("mysql" | "mariadb") => {
                let known = sqlx::mysql::MySqlConnectOptions::try_from(options).map_or_else(
                    |_| Self::unknown_endpoint(),
                    |options| sqlx::MySql::endpoint(&options),
                );
                Endpoint {
                    system: if scheme == "mysql" {
                        "mysql"
                    } else {
                        "mariadb"
                    },
                    ..known
                }
            }
            #[cfg(feature = "sqlite")]
            "sqlite" => sqlx::sqlite::SqliteConnectOptions::try_from(options).map_or_else(
                |_| Self::unknown_endpoint(),
                |options| sqlx::Sqlite::endpoint(&options),
            ),
            _ => Self::unknown_endpoint(),
        }
    }

    /// The code of the driver that is at work.
    fn status_code<'e>(error: &'e (dyn DatabaseError + 'static)) -> Option<Cow<'e, str>> {
        #[cfg(feature = "mysql")]
        if let Some(number) = sqlx::MySql::status_code(error) {
            return Some(number);
        }
        error.code()
    }

    forward_to_driver!();
}
