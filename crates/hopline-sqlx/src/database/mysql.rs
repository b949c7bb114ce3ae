//! MySQL and MariaDB.

use std::borrow::Cow;

use sqlx::error::DatabaseError;
use sqlx::mysql::{MySql, MySqlConnectOptions, MySqlDatabaseError};

use super::{Dialect, Endpoint, TracedDatabase, forward_to_driver};

const DEFAULT_PORT: u16 = 3306;

impl TracedDatabase for MySql {
    fn endpoint(options: &MySqlConnectOptions) -> Endpoint {
        let socket = options.get_socket().map(|path| &**path);
        let endpoint = Self::unknown_endpoint().server(
            socket,
            options.get_host(),
            options.get_port(),
            DEFAULT_PORT,
        );
        Endpoint {
            namespace: options.get_database().map(str::to_owned),
            ..endpoint
        }
    }

    /// The vendor's error number, which is more specific than the SQLSTATE.
    fn status_code<'e>(error: &'e (dyn DatabaseError + 'static)) -> Option<Cow<'e, str>> {
        let error = error.try_downcast_ref::<MySqlDatabaseError>()?;
        Some(error.number().to_string().into())
    }

    fn unknown_endpoint() -> Endpoint {
        Endpoint::new("mysql", Dialect::MySql)
    }

    forward_to_driver!();
}
